#include "tests/checker/linearizability.h"

#include "tests/checker/search.h"

#include <algorithm>
#include <map>
#include <utility>

namespace nokv::checker {
namespace {

constexpr size_t kDescribedMax = 200;

// The operations of each key in order of their calls; keys with the fewest first, so that the first
// bad one is the easiest to look at.
std::vector<History> SplitByKey(const History& history) {
  std::map<std::string, History> by_key;
  for (const Operation& operation : history) by_key[operation.key].push_back(operation);
  std::vector<History> parts;
  parts.reserve(by_key.size());
  for (auto& [key, operations] : by_key) {
    std::stable_sort(operations.begin(), operations.end(),
                     [](const Operation& a, const Operation& b) { return a.call < b.call; });
    parts.push_back(std::move(operations));
  }
  std::stable_sort(parts.begin(), parts.end(),
                   [](const History& a, const History& b) { return a.size() < b.size(); });
  return parts;
}

absl::StatusOr<std::vector<Action>> CompileAll(const History& operations, Model& model) {
  std::vector<Action> actions;
  actions.reserve(operations.size());
  for (const Operation& operation : operations) {
    if (operation.end < operation.call) {
      return InvalidArgumentError("operation of client {} called at {} ends at {}: {}",
                                  operation.client, operation.call, operation.end,
                                  Describe(operation));
    }
    ASSIGN_OR_RETURN(const Action action, model.Compile(operation));
    actions.push_back(action);
  }
  return actions;
}

BadKey Explain(History operations, Search& search) {
  BadKey bad;
  bad.stuck = search.stuck();
  bad.order = search.LongestOrder();
  // What was called after the moment that nothing passes has no part in it.
  const Time last = operations[bad.stuck].end;
  while (operations.back().call > last) operations.pop_back();
  bad.key = operations.front().key;
  bad.operations = std::move(operations);
  return bad;
}

std::string_view NameOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kLinearizable:
      return "linearizable";
    case Verdict::kNotLinearizable:
      return "not linearizable";
    case Verdict::kUnknown:
      return "unknown: a limit was reached first";
  }
  return "";
}

std::string DescribeBad(const BadKey& bad) {
  std::vector<size_t> place(bad.operations.size());  // 0: none.
  for (size_t i = 0; i < bad.order.size(); ++i) place[bad.order[i]] = i + 1;
  std::string text = fmt::format(
      "\nThese {} operations of key \"{}\" have no order. #: places in one that gets "
      "as far as any; !: the operation whose end it can't pass.\n",
      bad.operations.size(), bad.key);
  const size_t from =
      bad.operations.size() > kDescribedMax ? bad.operations.size() - kDescribedMax : 0;
  if (from > 0) text += fmt::format("   ... {} earlier ones\n", from);
  for (size_t i = from; i < bad.operations.size(); ++i) {
    const Operation& operation = bad.operations[i];
    const std::string number = place[i] == 0 ? "" : fmt::format("#{}", place[i]);
    const std::string end = operation.is_known() ? std::to_string(operation.end) : "?";
    text += fmt::format("{} {:>6}  {:>12} .. {:<12} client {:<4} {}\n", i == bad.stuck ? "!" : " ",
                        number, operation.call, end, operation.client, Describe(operation));
  }
  return text;
}

}  // namespace

absl::StatusOr<Report> CheckLinearizable(const History& history, const ModelFactory& new_model,
                                         Clock& clock, const Limits& limits) {
  const uint64_t started = clock.MonotonicNanos();
  const auto time_max = static_cast<uint64_t>(absl::ToInt64Nanoseconds(limits.time_max));
  const auto has_time = [&] { return clock.MonotonicNanos() - started <= time_max; };

  std::vector<History> parts = SplitByKey(history);
  Report report;
  report.operations = history.size();
  report.keys = parts.size();
  for (History& operations : parts) {
    const std::unique_ptr<Model> model = new_model();
    ASSIGN_OR_RETURN(const std::vector<Action> actions, CompileAll(operations, *model));
    Search search(operations, actions, *model, [&](size_t memory_bytes) {
      return memory_bytes <= limits.memory_bytes_max && has_time();
    });
    const Search::Result result = has_time() ? search.Run() : Search::Result::kLimit;
    report.steps += search.steps();
    if (result == Search::Result::kLimit) {
      report.verdict = Verdict::kUnknown;
      report.unknown_keys.push_back(operations.front().key);
    } else if (result == Search::Result::kNone) {
      report.verdict = Verdict::kNotLinearizable;
      report.bad = Explain(std::move(operations), search);
      break;
    }
  }
  return report;
}

std::string Describe(const Report& report) {
  std::string text = fmt::format("{}: {} operations, {} keys, {} steps\n", NameOf(report.verdict),
                                 report.operations, report.keys, report.steps);
  for (const std::string& key : report.unknown_keys) {
    text += fmt::format("undecided: key \"{}\"\n", key);
  }
  if (report.bad.has_value()) text += DescribeBad(*report.bad);
  return text;
}

}  // namespace nokv::checker
