// Get and BatchGet.
#include "percolator/client/operation.h"
#include "percolator/client/region_call.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace nokv::client {
namespace {

constexpr size_t kKeysPerCommand = 256;

Value ToValue(kv::v1::KeyValue&& found) {
  return {.bytes = std::move(*found.mutable_value()),
          .commit = mvcc::Timestamp(found.commit_ts()),
          .expiry_ms = found.expiry_ms()};
}

class GetCall final : public RegionCall {
 public:
  static void Start(Core& core, GetRequest request, Done<std::optional<Value>> done) {
    Goal goal{.key = std::move(request.key),
              .deadline_nanos = core.environment.DeadlineAfter(request.timeout)};
    const std::shared_ptr<GetCall> call(
        new GetCall(core, std::move(goal), request.at, std::move(done)));
    call->Locate();
  }

 private:
  GetCall(Core& core, Goal goal, mvcc::Timestamp at, Done<std::optional<Value>> done)
      : RegionCall(core, std::move(goal)), at_(at), done_(std::move(done)) {}

  void Build(const meta::v1::Region&, kv::v1::Command* command) override {
    command->mutable_get()->set_key(goal().key);
    command->mutable_get()->set_read_ts(at_.bits());
  }

  std::optional<Wait> Accept(const Answer& answer) override {
    kv::v1::GetResponse& response = *answer.result.mutable_get();
    if (response.has_key_error()) {
      if (response.key_error().has_locked()) return Wait::kLocked;
      Fail(StatusOf(response.key_error()));
    } else if (response.has_found()) {
      Finish(ToValue(std::move(*response.mutable_found())));
    } else {
      Finish(std::optional<Value>());
    }
    return std::nullopt;
  }

  void Fail(const absl::Status& status) override { Finish(status); }

  std::string Describe() const override {
    return fmt::format("get of key {}", mvcc::ShowKey(goal().key));
  }

  void Finish(absl::StatusOr<std::optional<Value>> answer) {
    End<std::optional<Value>>(core_, std::move(done_), std::move(answer));
  }

  const mvcc::Timestamp at_;
  Done<std::optional<Value>> done_;
};

// A batch get as a whole. Its keys are sorted and each there once; parts of them are asked for.
struct Batch {
  struct Key {
    std::string bytes;
    std::optional<Value> value = {};
  };

  std::vector<Key> keys;
  std::vector<size_t> places;  // For each key asked for, where it is among keys.
  mvcc::Timestamp at;
  uint64_t deadline_nanos = 0;
  size_t unanswered = 0;  // Keys.
  bool is_over = false;
  Done<std::vector<std::optional<Value>>> done;
};

// Keys [begin, end) of a batch. Asks the region of the first for those that it holds, and leaves
// the others to new parts.
class BatchPart final : public RegionCall {
 public:
  // Parts for the keys [begin, end), cut where routes in the cache say so.
  static void Start(Core& core, const std::shared_ptr<Batch>& batch, size_t begin, size_t end) {
    while (begin < end) {
      const std::optional<Target> target = core.cache.Find(batch->keys[begin].bytes);
      const size_t part_max = std::min(end, begin + kKeysPerCommand);
      const size_t part_end = target ? EndIn(*target->region, *batch, begin, part_max) : part_max;
      Goal goal{.key = batch->keys[begin].bytes, .deadline_nanos = batch->deadline_nanos};
      const std::shared_ptr<BatchPart> part(
          new BatchPart(core, std::move(goal), batch, begin, part_end));
      part->Locate();
      begin = part_end;
    }
  }

 private:
  BatchPart(Core& core, Goal goal, std::shared_ptr<Batch> batch, size_t begin, size_t end)
      : RegionCall(core, std::move(goal)), batch_(std::move(batch)), begin_(begin), end_(end) {}

  // Behind the last of the keys that the region holds; it holds the first.
  static size_t EndIn(const meta::v1::Region& region, const Batch& batch, size_t begin,
                      size_t end) {
    size_t i = begin + 1;
    while (i < end && Contains(region, batch.keys[i].bytes)) ++i;
    return i;
  }

  void Build(const meta::v1::Region& region, kv::v1::Command* command) override {
    sent_end_ = EndIn(region, *batch_, begin_, end_);
    kv::v1::BatchGetRequest& request = *command->mutable_batch_get();
    for (size_t i = begin_; i < sent_end_; ++i) request.add_keys(batch_->keys[i].bytes);
    request.set_read_ts(batch_->at.bits());
  }

  std::optional<Wait> Accept(const Answer& answer) override {
    kv::v1::BatchGetResponse& response = *answer.result.mutable_batch_get();
    if (response.has_key_error() && response.key_error().has_locked()) return Wait::kLocked;
    if (batch_->is_over) return std::nullopt;
    if (response.has_key_error()) {
      Fail(StatusOf(response.key_error()));
      return std::nullopt;
    }
    size_t i = begin_;
    for (kv::v1::KeyValue& pair : *response.mutable_found()->mutable_pairs()) {
      while (i < sent_end_ && batch_->keys[i].bytes != pair.key()) ++i;
      if (i == sent_end_) {
        Fail(InternalError("{}: the store answered with key {}, which was not asked for",
                           Describe(), mvcc::ShowKey(pair.key())));
        return std::nullopt;
      }
      batch_->keys[i++].value = ToValue(std::move(pair));
    }
    batch_->unanswered -= sent_end_ - begin_;
    if (batch_->unanswered == 0) {
      Finish();
    } else {
      Start(core_, batch_, sent_end_, end_);
    }
    return std::nullopt;
  }

  // A refused part may have been too much for one answer: its halves are asked for. Otherwise the
  // first failure is the batch's.
  void Fail(const absl::Status& status) override {
    if (absl::IsInvalidArgument(status) && end_ - begin_ > 1 && !batch_->is_over) {
      const size_t middle = begin_ + (end_ - begin_) / 2;
      Start(core_, batch_, begin_, middle);
      Start(core_, batch_, middle, end_);
      return;
    }
    if (std::exchange(batch_->is_over, true)) return;
    End<std::vector<std::optional<Value>>>(core_, std::move(batch_->done), status);
  }

  std::string Describe() const override {
    return fmt::format("get of {} keys from {} on", end_ - begin_, mvcc::ShowKey(goal().key));
  }

  void Finish() {
    batch_->is_over = true;
    std::vector<std::optional<Value>> answers;
    answers.reserve(batch_->places.size());
    for (const size_t place : batch_->places) answers.push_back(batch_->keys[place].value);
    End<std::vector<std::optional<Value>>>(core_, std::move(batch_->done), std::move(answers));
  }

  const std::shared_ptr<Batch> batch_;
  const size_t begin_;
  const size_t end_;
  size_t sent_end_ = 0;
};

// Sorts the keys, each once, and remembers where each that was asked for went.
void Arrange(std::vector<std::string> asked, Batch* batch) {
  std::vector<size_t> order(asked.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return asked[a] < asked[b]; });
  batch->places.resize(asked.size());
  for (const size_t i : order) {
    if (batch->keys.empty() || batch->keys.back().bytes != asked[i]) {
      batch->keys.push_back({.bytes = std::move(asked[i])});
    }
    batch->places[i] = batch->keys.size() - 1;
  }
  batch->unanswered = batch->keys.size();
}

absl::Status CheckBatch(const Core& core, const BatchGetRequest& request) {
  if (!request.at.is_drawn()) {
    return InvalidArgumentError("a batch of keys is read at a timestamp that was drawn, not at {}",
                                request.at.bits());
  }
  if (request.keys.size() > kBatchKeysMax) {
    return InvalidArgumentError("a batch has at most {} keys, this one has {}", kBatchKeysMax,
                                request.keys.size());
  }
  for (const std::string& key : request.keys) {
    RETURN_IF_ERROR(mvcc::CheckKey(key, core.environment.options.key_owner));
  }
  return absl::OkStatus();
}

absl::Status CheckGet(const Core& core, const GetRequest& request) {
  if (request.at == mvcc::Timestamp()) {
    return InvalidArgumentError("a key is read at a timestamp that was drawn, or the newest");
  }
  return mvcc::CheckKey(request.key, core.environment.options.key_owner);
}

}  // namespace

void StartGet(Core& core, GetRequest request, Done<std::optional<Value>> done) {
  if (!Begin(core, CheckGet(core, request), done)) return;
  GetCall::Start(core, std::move(request), std::move(done));
}

void StartBatchGet(Core& core, BatchGetRequest request,
                   Done<std::vector<std::optional<Value>>> done) {
  if (!Begin(core, CheckBatch(core, request), done)) return;
  if (request.keys.empty()) {
    return End<std::vector<std::optional<Value>>>(core, std::move(done),
                                                  std::vector<std::optional<Value>>());
  }
  const auto batch = std::make_shared<Batch>();
  batch->at = request.at;
  batch->deadline_nanos = core.environment.DeadlineAfter(request.timeout);
  batch->done = std::move(done);
  Arrange(std::move(request.keys), batch.get());
  BatchPart::Start(core, batch, 0, batch->keys.size());
}

}  // namespace nokv::client
