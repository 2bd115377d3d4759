#include "tests/simulation/cluster/worker.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace nokv::simulation {

using checker::OperationKind;
using mvcc::Timestamp;

namespace {

constexpr std::string_view kCounterHeader = "n:";

// Nothing that a client should meet in a cluster of its own, whatever fails there.
bool IsUnexpected(const absl::Status& status) {
  return !absl::IsUnavailable(status) && !absl::IsDeadlineExceeded(status) &&
         !absl::IsResourceExhausted(status) && !client::IsUndetermined(status);
}

}  // namespace

void Worker::Later() {
  is_busy_ = false;
  if (rests_) return;
  world_.queue.After(host_, world_.queue.Between(absl::ZeroDuration(), options_.think_max),
                     [this] { Work(); });
}

void Worker::Work() {
  if (rests_) return;
  is_busy_ = true;
  const std::vector<std::string>& registers = options_.registers;
  const std::vector<std::string>& counters = options_.counters;
  const uint64_t pick = random().Uniform(registers.size() + counters.size());
  if (random().OneIn(12)) {
    ReadSnapshot();
  } else if (pick < registers.size()) {
    WorkOnRegister(registers[pick]);
  } else {
    WorkOnCounter(counters[pick - registers.size()]);
  }
}

void Worker::WorkOnRegister(const std::string& key) {
  const uint64_t draw = random().Uniform(100);
  if (draw < 40) return Get(key);
  if (draw < 70) return Put(key);
  if (draw < 80) return Delete(key);
  Replace(key);
}

void Worker::WorkOnCounter(const std::string& key) {
  const uint64_t draw = random().Uniform(100);
  if (draw < 60) return Add(key);
  if (draw < 80) return Get(key);
  if (draw < 95) return Put(key);
  Delete(key);
}

void Worker::Get(const std::string& key) {
  const Recorder::Id id = Begin(OperationKind::kGet, key);
  client_.Get({.key = key, .timeout = options_.timeout}, [this, id](absl::StatusOr<Value> answer) {
    if (answer.ok()) {
      EndGet(id, *answer);
    } else {
      Fail(id, answer.status());
    }
    Later();
  });
}

void Worker::Put(const std::string& key) {
  const std::string value = NewValue(key);
  Write({.kind = OperationKind::kPut, .key = key, .value = value},
        {.key = key, .value = Stored(key, value)});
}

void Worker::Delete(const std::string& key) {
  Write({.kind = OperationKind::kDelete, .key = key},
        {.kind = client::WriteRequest::Kind::kDelete, .key = key});
}

void Worker::Add(const std::string& key) {
  const Recorder::Id id = Begin(OperationKind::kIncr, key);
  // Always the same: adds of unknown outcome that differ make a history very hard to judge.
  recorder_.At(id).delta = 1;
  client_.Add(
      {.key = key, .delta = 1, .header = std::string(kCounterHeader), .timeout = options_.timeout},
      [this, id](absl::StatusOr<client::AddOutcome> outcome) {
        if (!outcome.ok()) {
          Fail(id, outcome.status());
        } else if (const auto* sum = std::get_if<client::Sum>(&*outcome)) {
          recorder_.At(id).sum = sum->value;
          recorder_.End(id);
        } else {
          if (std::get<client::CannotAdd>(*outcome) != client::CannotAdd::kNotAnInteger) {
            world_.oracle.Violate("a counter is something else: " + recorder_.At(id).key);
          }
          recorder_.At(id).did = false;
          recorder_.End(id);
        }
        Later();
      });
}

void Worker::Replace(const std::string& key) {
  const Recorder::Id id = Begin(OperationKind::kGet, key);
  client_.DrawTimestamp(options_.timeout, [this, id, key](absl::StatusOr<Timestamp> drawn) {
    if (!drawn.ok()) {
      Fail(id, drawn.status());
      return Later();
    }
    client_.Get({.key = key, .at = *drawn, .timeout = options_.timeout},
                [this, id, key, at = *drawn](absl::StatusOr<Value> answer) {
                  if (!answer.ok()) {
                    Fail(id, answer.status());
                    return Later();
                  }
                  EndGet(id, *answer);
                  // Of what is absent, a put and a delete in between leave no trace to compare.
                  if (!answer->has_value()) return Later();
                  ReplaceAt(key, at, *recorder_.At(id).found);
                });
  });
}

void Worker::ReplaceAt(const std::string& key, Timestamp at, const std::string& expected) {
  const std::string value = NewValue(key);
  Write({.kind = OperationKind::kCas, .key = key, .expected = expected, .value = value},
        {.key = key, .value = Stored(key, value), .snapshot = at});
}

void Worker::ReadSnapshot() {
  std::vector<Recorder::Id> reads;
  for (const std::string& key : AllKeys()) {
    reads.push_back(Begin(OperationKind::kGet, key));
    // A client does one thing at a time: these are clients of one operation.
    recorder_.At(reads.back()).client = (number_ + 1) * 1'000'000'000 + recorder_.begun();
  }
  client_.DrawTimestamp(options_.timeout,
                        [this, reads = std::move(reads)](absl::StatusOr<Timestamp> drawn) {
                          if (!drawn.ok()) return FailAll(reads, drawn.status());
                          if (random().OneIn(2)) return BatchGet(*drawn, reads);
                          Scan(*drawn, reads, {}, {});
                        });
}

void Worker::BatchGet(Timestamp at, std::vector<Recorder::Id> reads) {
  client_.BatchGet({.keys = AllKeys(), .at = at, .timeout = options_.timeout},
                   [this, reads = std::move(reads)](absl::StatusOr<std::vector<Value>> answers) {
                     if (!answers.ok()) return FailAll(reads, answers.status());
                     for (size_t i = 0; i < reads.size(); ++i) EndGet(reads[i], (*answers)[i]);
                     Later();
                   });
}

void Worker::Scan(Timestamp at, std::vector<Recorder::Id> reads, std::string start,
                  std::map<std::string, std::string> found) {
  const auto rows_max = static_cast<uint32_t>(1 + random().Uniform(8));
  client_.Scan(
      {.start = std::move(start), .at = at, .rows_max = rows_max, .timeout = options_.timeout},
      [this, at, reads = std::move(reads),
       found = std::move(found)](absl::StatusOr<client::ScanPage> page) mutable {
        if (!page.ok()) return FailAll(reads, page.status());
        for (client::Row& row : page->rows) {
          const bool is_new = found.emplace(row.key, row.value.bytes).second;
          if (!is_new) world_.oracle.Violate("a scan shows twice key " + row.key);
        }
        if (!page->resume.has_value()) return EndScan(reads, found);
        Scan(at, std::move(reads), *page->resume, std::move(found));
      });
}

void Worker::EndScan(const std::vector<Recorder::Id>& reads,
                     const std::map<std::string, std::string>& found) {
  for (const Recorder::Id id : reads) {
    const auto row = found.find(recorder_.At(id).key);
    EndGet(id, row == found.end() ? Value() : client::Value{.bytes = row->second, .commit = {}});
  }
  Later();
}

void Worker::ReadFrom(size_t key) {
  const std::vector<std::string> keys = AllKeys();
  is_busy_ = key < keys.size();
  if (!is_busy_) return;
  const Recorder::Id id = Begin(OperationKind::kGet, keys[key]);
  client_.Get({.key = keys[key], .timeout = options_.timeout}, [this, id,
                                                                key](absl::StatusOr<Value> answer) {
    if (answer.ok()) {
      EndGet(id, *answer);
    } else {
      world_.oracle.Violate(fmt::format("a read of {} fails though nothing is wrong: {}",
                                        recorder_.At(id).key, answer.status().ToString()));
      recorder_.Drop(id);
    }
    ReadFrom(key + 1);
  });
}

void Worker::Write(checker::Operation operation, client::WriteRequest request) {
  operation.client = name_;
  const Recorder::Id id = recorder_.Begin(std::move(operation));
  request.timeout = options_.timeout;
  client_.Write(std::move(request), [this, id](absl::StatusOr<client::WriteOutcome> outcome) {
    EndWrite(id, outcome);
    Later();
  });
}

Recorder::Id Worker::Begin(OperationKind kind, const std::string& key) {
  return recorder_.Begin({.client = name_, .kind = kind, .key = key});
}

void Worker::EndGet(Recorder::Id id, const Value& answer) {
  checker::Operation& operation = recorder_.At(id);
  if (answer.has_value()) operation.found = Shown(operation.key, answer->bytes);
  recorder_.End(id);
}

void Worker::EndWrite(Recorder::Id id, const absl::StatusOr<client::WriteOutcome>& outcome) {
  if (!outcome.ok()) return Fail(id, outcome.status());
  const bool is_cas = recorder_.At(id).kind == OperationKind::kCas;
  if (std::holds_alternative<client::Conflict>(*outcome)) {
    if (!is_cas) world_.oracle.Violate("a blind write conflicts: key " + recorder_.At(id).key);
    return recorder_.Drop(id);
  }
  if (is_cas) recorder_.At(id).did = true;
  recorder_.End(id);
}

void Worker::Fail(Recorder::Id id, const absl::Status& status) {
  const checker::Operation& operation = recorder_.At(id);
  if (IsUnexpected(status)) {
    world_.oracle.Violate(fmt::format("{} {} ends with {}", KindName(operation.kind), operation.key,
                                      status.ToString()));
  }
  if (!client::IsUndetermined(status) || operation.kind == OperationKind::kGet) {
    return recorder_.Drop(id);
  }
  recorder_.Forget(id);
  ++name_;
}

void Worker::FailAll(const std::vector<Recorder::Id>& ids, const absl::Status& status) {
  for (const Recorder::Id id : ids) Fail(id, status);
  Later();
}

std::vector<std::string> Worker::AllKeys() const {
  std::vector<std::string> keys = options_.registers;
  keys.insert(keys.end(), options_.counters.begin(), options_.counters.end());
  return keys;
}

bool Worker::IsCounter(const std::string& key) const {
  const std::vector<std::string>& counters = options_.counters;
  return std::find(counters.begin(), counters.end(), key) != counters.end();
}

std::string Worker::Stored(const std::string& key, const std::string& value) const {
  return IsCounter(key) ? std::string(kCounterHeader) + value : value;
}

std::optional<std::string> Worker::Shown(const std::string& key, const std::string& stored) {
  if (!IsCounter(key)) return stored;
  if (!stored.starts_with(kCounterHeader)) {
    world_.oracle.Violate(fmt::format("counter {} has no header: {}", key, stored));
  }
  return stored.substr(std::min(stored.size(), kCounterHeader.size()));
}

std::string Worker::NewValue(const std::string& key) {
  ++values_;
  // What can't be added to is a counter's value, too.
  if (IsCounter(key) && random().OneIn(3)) return fmt::format("text {}.{}", number_, values_);
  if (IsCounter(key)) return std::to_string(random().Uniform(1000));
  std::string value = fmt::format("{}.{}", number_, values_);
  if (random().OneIn(4)) value += std::string(random().Uniform(1000), '.');
  if (random().OneIn(16)) value += std::string(3600 + random().Uniform(1000), '.');  // Or two rows.
  return value;
}

}  // namespace nokv::simulation
