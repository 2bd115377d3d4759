// The checker beside a search that tries everything, and on histories that are known to be good, or
// known to be bad.
#include "engine/base/random.h"
#include "tests/checker/test_check.h"
#include "tests/checker/test_histories.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace nokv::checker {
namespace {

// What a register does, once more and without numbers.
bool Happens(const Operation& operation, Value* state) {
  const bool is_known = operation.is_known();
  switch (operation.kind) {
    case OperationKind::kGet:
      return !is_known || operation.found == *state;
    case OperationKind::kPut:
      *state = operation.value;
      return true;
    case OperationKind::kDelete:
      if (is_known && operation.did.has_value() && *operation.did != state->has_value()) {
        return false;
      }
      state->reset();
      return true;
    case OperationKind::kCas:
      if (is_known && *operation.did != (*state == operation.expected)) return false;
      if (*state == operation.expected) *state = operation.value;
      return true;
    case OperationKind::kIncr: {
      const int64_t sum = (state->has_value() ? std::stoll(**state) : 0) + operation.delta;
      *state = std::to_string(sum);
      return !is_known || operation.sum == sum;
    }
  }
  return false;
}

// Tries every order. `left` has the operations that have no place yet; those that end after `last`
// need none.
bool HasOrder(const History& history, std::vector<bool>& left, const Value& state, Time last) {
  Time first_end = kNever;
  for (size_t i = 0; i < history.size(); ++i) {
    if (left[i] && history[i].end <= last) first_end = std::min(first_end, history[i].end);
  }
  if (first_end == kNever) return true;
  for (size_t i = 0; i < history.size(); ++i) {
    Value next = state;
    if (!left[i] || history[i].call > first_end || !Happens(history[i], &next)) continue;
    left[i] = false;
    const bool found = HasOrder(history, left, next, last);
    left[i] = true;
    if (found) return true;
  }
  return false;
}

bool HasOrder(const History& history, Time last = kNever - 1) {
  std::vector<bool> left(history.size(), true);
  return HasOrder(history, left, std::nullopt, last);
}

std::string OneOf(Random& random, bool is_counter) {
  return std::to_string(random.Uniform(is_counter ? 4 : 2));
}

// A few operations at once, with results by chance.
History Scribble(Random& random, bool is_counter) {
  History history;
  const uint64_t count = 1 + random.Uniform(7);
  for (uint64_t i = 0; i < count; ++i) {
    Operation operation{.client = i, .call = random.Uniform(20), .key = "k"};
    operation.end = operation.call + random.Uniform(12);
    if (random.OneIn(4)) operation.end = kNever;
    operation.kind = static_cast<OperationKind>(random.Uniform(is_counter ? 5 : 4));
    operation.value = OneOf(random, is_counter);
    if (!random.OneIn(3)) operation.expected = OneOf(random, is_counter);
    operation.delta = static_cast<int64_t>(1 + random.Uniform(2));
    if (operation.is_known()) {
      if (!random.OneIn(3)) operation.found = OneOf(random, is_counter);
      operation.sum = static_cast<int64_t>(1 + random.Uniform(4));
      const bool may_be_silent = operation.kind == OperationKind::kDelete;
      if (!may_be_silent || !random.OneIn(3)) operation.did = random.OneIn(2);
      if (operation.kind == OperationKind::kGet || operation.kind == OperationKind::kPut ||
          operation.kind == OperationKind::kIncr) {
        operation.did.reset();
      }
    }
    history.push_back(operation);
  }
  return history;
}

}  // namespace

TEST_CASE("the verdict is that of a search that tries everything", "[checker]") {
  const bool is_counter = GENERATE(false, true);
  int good = 0;
  int bad = 0;
  for (uint64_t seed = 1; seed <= 20'000; ++seed) {
    Random random(seed);
    const History history = Scribble(random, is_counter);
    const bool expected = HasOrder(history);
    const Report report = Check(history, is_counter ? NewCounter : NewRegister);
    if ((report.verdict == Verdict::kLinearizable) != expected) {
      FAIL("seed " << seed << ", expected " << (expected ? "good" : "bad") << ":\n"
                   << FormatHistory(history) << Describe(report));
    }
    ++(expected ? good : bad);
    if (expected) continue;
    // The part that is shown as the reason is bad by itself, and the order in it is possible.
    const BadKey& shown = report.bad.value();
    REQUIRE_FALSE(HasOrder(shown.operations, shown.operations[shown.stuck].end));
    Value state;
    for (const size_t i : shown.order) REQUIRE(Happens(shown.operations[i], &state));
  }
  // Both happen often enough to mean something.
  REQUIRE(good > 2000);
  REQUIRE(bad > 2000);
}

TEST_CASE("histories of an object that does one thing at a time are good", "[checker]") {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    Simulation simulation{.operations = 1000,
                          .keys = 1 + random.Uniform(20),
                          .clients = 1 + random.Uniform(10),
                          .is_counter = random.OneIn(2),
                          .one_unknown_in = random.OneIn(2) ? 0 : 20 + random.Uniform(100)};
    const History history = Simulate(simulation, random);
    const Report report = Check(history, simulation.is_counter ? NewCounter : NewRegister);
    INFO(Describe(report));
    REQUIRE(report.verdict == Verdict::kLinearizable);
  }
}

TEST_CASE("one wrong result among a thousand is found", "[checker]") {
  int spoilt = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    Simulation simulation{.operations = 1000,
                          .keys = 1 + random.Uniform(20),
                          .clients = 1 + random.Uniform(6),
                          .is_counter = random.OneIn(2),
                          .one_unknown_in = random.OneIn(2) ? 0 : 100 + random.Uniform(100)};
    History history = Simulate(simulation, random);
    const std::optional<std::string> what = Spoil(history, random);
    if (!what.has_value()) continue;
    ++spoilt;
    INFO("seed " << seed << ": " << *what);
    const Report report = Check(history, simulation.is_counter ? NewCounter : NewRegister);
    REQUIRE(report.verdict == Verdict::kNotLinearizable);
  }
  REQUIRE(spoilt > 250);
}

TEST_CASE("a hundred thousand operations over a thousand keys", "[checker]") {
  Random random(1);
  const Simulation simulation{
      .operations = 100'000, .keys = 1000, .clients = 200, .one_unknown_in = 200};
  History history = Simulate(simulation, random);
  REQUIRE(Check(history, NewRegister).verdict == Verdict::kLinearizable);
  REQUIRE(Spoil(history, random).has_value());
  REQUIRE(Check(history, NewRegister).verdict == Verdict::kNotLinearizable);
}

TEST_CASE("ten thousand operations on one key, and one that takes as long as all others",
          "[checker]") {
  Random random(2);
  History history = Simulate({.operations = 10'000, .keys = 1, .clients = 8}, random);
  Time last = 0;
  for (const Operation& operation : history) last = std::max(last, operation.end);
  history.push_back({.client = 99,
                     .call = 0,
                     .end = last + 1,
                     .kind = OperationKind::kPut,
                     .key = "key0",
                     .value = "at the end"});
  REQUIRE(Check(history, NewRegister).verdict == Verdict::kLinearizable);
}

}  // namespace nokv::checker
