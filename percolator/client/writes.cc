// Write and Add: one key, committed in one phase. A call has one start timestamp for its whole
// life, so however often it is sent, it is done at most once.
#include "percolator/client/operation.h"
#include "percolator/client/region_call.h"

#include <functional>
#include <memory>
#include <utility>

namespace nokv::client {
namespace {

// For whoever should meet the lock of a write that a store could not commit in one phase.
constexpr uint64_t kLockTtlMs = 3000;

template <typename Outcome>
class PrewriteCall : public RegionCall {
 public:
  void Start(mvcc::Timestamp start) {
    start_ = start;
    Locate();
  }

  // With a timestamp of its own.
  void Start() {
    core_.timestamps.DrawName(goal().deadline_nanos,
                              [self = std::static_pointer_cast<PrewriteCall>(shared_from_this())](
                                  absl::StatusOr<mvcc::Timestamp> start) {
                                start.ok() ? self->Start(*start) : self->Fail(start.status());
                              });
  }

 protected:
  PrewriteCall(Core& core, Goal goal, Done<Outcome> done)
      : RegionCall(core, std::move(goal)), done_(std::move(done)) {}

  virtual void FillMutation(kv::v1::Mutation* mutation) const = 0;
  virtual bool IsBlind() const = 0;
  virtual Outcome OutcomeOf(const kv::v1::PrewriteDone& done) const = 0;

  // Takes a refusal that is an outcome of this kind of write.
  virtual bool TakeRefusal(const errors::v1::KeyError& error) = 0;

  void Fail(const absl::Status& status) override { Finish(status); }

  void Finish(absl::StatusOr<Outcome> outcome) {
    End<Outcome>(core_, std::move(done_), std::move(outcome));
  }

  std::string Describe() const override {
    return fmt::format("write of key {} at {}", mvcc::ShowKey(goal().key), start_.bits());
  }

 private:
  void Build(const meta::v1::Region&, kv::v1::Command* command) override {
    kv::v1::PrewriteRequest& request = *command->mutable_prewrite();
    kv::v1::Mutation& mutation = *request.add_mutations();
    mutation.set_key(goal().key);
    FillMutation(&mutation);
    request.set_primary_key(goal().key);
    request.set_start_ts(start_.bits());
    request.set_lock_ttl_ms(kLockTtlMs);
    request.set_txn_size(1);
    request.set_is_one_phase(true);
    request.set_is_blind(IsBlind());
  }

  std::optional<Wait> Accept(const Answer& answer) override {
    const kv::v1::PrewriteResponse& response = answer.result.prewrite();
    if (response.has_done()) {
      TakeDone(response.done());
      return std::nullopt;
    }
    if (response.key_errors().errors().empty()) {
      GiveUp(InternalError("{}: the store refused without a reason", Describe()));
      return std::nullopt;
    }
    const errors::v1::KeyError& error = response.key_errors().errors(0);
    if (error.has_locked()) return Wait::kLocked;
    // A mark stands in the way of every attempt; other refusals only speak for this one.
    if (error.has_rolled_back()) {
      Fail(StatusOf(error));
    } else if (!TakeRefusal(error)) {
      GiveUp(StatusOf(error));
    }
    return std::nullopt;
  }

  void TakeDone(const kv::v1::PrewriteDone& done) {
    if (done.one_phase_commit_ts() != 0) return Finish(OutcomeOf(done));
    // Nobody resolves such a lock yet, so what becomes of it is open.
    const std::string text =
        fmt::format("{}: the store locked the key and did not commit", Describe());
    Finish(absl::UnknownError(AbslView(text)));
  }

  mvcc::Timestamp start_;
  Done<Outcome> done_;
};

class WriteCall final : public PrewriteCall<WriteOutcome> {
 public:
  WriteCall(Core& core, Goal goal, WriteRequest request, Done<WriteOutcome> done)
      : PrewriteCall(core, std::move(goal), std::move(done)), request_(std::move(request)) {}

 private:
  void FillMutation(kv::v1::Mutation* mutation) const override {
    if (request_.kind == WriteRequest::Kind::kDelete) {
      mutation->set_kind(kv::v1::MUTATION_KIND_DELETE);
      return;
    }
    mutation->set_kind(kv::v1::MUTATION_KIND_PUT);
    mutation->set_value(request_.value);
    mutation->set_expiry_ms(request_.expiry_ms);
  }

  bool IsBlind() const override { return !request_.snapshot.has_value(); }

  WriteOutcome OutcomeOf(const kv::v1::PrewriteDone& done) const override {
    return Committed{.at = mvcc::Timestamp(done.one_phase_commit_ts())};
  }

  bool TakeRefusal(const errors::v1::KeyError& error) override {
    if (IsBlind() || !error.has_write_conflict()) return false;
    // What was committed above the snapshot stands in the way of every attempt.
    Finish(WriteOutcome(
        Conflict{.other_commit = mvcc::Timestamp(error.write_conflict().conflict_commit_ts())}));
    return true;
  }

  const WriteRequest request_;
};

class AddCall final : public PrewriteCall<AddOutcome> {
 public:
  AddCall(Core& core, Goal goal, AddRequest request, Done<AddOutcome> done)
      : PrewriteCall(core, std::move(goal), std::move(done)), request_(std::move(request)) {}

 private:
  void FillMutation(kv::v1::Mutation* mutation) const override {
    mutation->set_kind(kv::v1::MUTATION_KIND_ADD);
    mutation->set_delta(request_.delta);
    mutation->set_add_header(request_.header);
  }

  bool IsBlind() const override { return true; }

  AddOutcome OutcomeOf(const kv::v1::PrewriteDone& done) const override {
    return Sum{.value = done.sums_size() > 0 ? done.sums(0) : 0,
               .commit = mvcc::Timestamp(done.one_phase_commit_ts())};
  }

  bool TakeRefusal(const errors::v1::KeyError& error) override {
    if (!error.has_cannot_add()) return false;
    if (has_open_attempt()) {
      // It may arrive when there is something to add to.
      GiveUp(FailedPreconditionError("what is at the key can't be added to"));
      return true;
    }
    switch (error.cannot_add().reason()) {
      case errors::v1::CANNOT_ADD_REASON_OTHER_HEADER:
        Finish(AddOutcome(CannotAdd::kOtherHeader));
        return true;
      case errors::v1::CANNOT_ADD_REASON_NOT_AN_INTEGER:
        Finish(AddOutcome(CannotAdd::kNotAnInteger));
        return true;
      case errors::v1::CANNOT_ADD_REASON_OUT_OF_RANGE:
        Finish(AddOutcome(CannotAdd::kOutOfRange));
        return true;
      default:
        return false;
    }
  }

  const AddRequest request_;
};

absl::Status CheckWrite(const Core& core, const WriteRequest& request) {
  if (request.value.size() > kValueBytesMax) {
    return InvalidArgumentError("a value has at most {} bytes, this one has {}", kValueBytesMax,
                                request.value.size());
  }
  if (request.snapshot && !request.snapshot->is_drawn()) {
    return InvalidArgumentError("the snapshot of a write is a timestamp that was drawn, not {}",
                                request.snapshot->bits());
  }
  return mvcc::CheckKey(request.key, core.environment.options.key_owner);
}

absl::Status CheckAdd(const Core& core, const AddRequest& request) {
  if (request.header.size() > kHeaderBytesMax) {
    return InvalidArgumentError("the header of an integer has at most {} bytes, this one has {}",
                                kHeaderBytesMax, request.header.size());
  }
  return mvcc::CheckKey(request.key, core.environment.options.key_owner);
}

// A snapshot is the identity of the write that was based on it.
absl::Status TakeSnapshot(Core& core, const WriteRequest& request) {
  if (!request.snapshot) return absl::OkStatus();
  const std::hash<std::string> hash;
  const uint64_t what = hash(request.key) ^ hash(request.value) * 3 ^ request.expiry_ms * 5 ^
                        static_cast<uint64_t>(request.kind) * 7;
  if (core.used_starts.Take(*request.snapshot, what)) return absl::OkStatus();
  return InvalidArgumentError(
      "the snapshot {} was used for another write before: draw one for each write",
      request.snapshot->bits());
}

}  // namespace

void StartWrite(Core& core, WriteRequest request, Done<WriteOutcome> done) {
  absl::Status status = CheckWrite(core, request);
  if (status.ok()) status = TakeSnapshot(core, request);
  if (!Begin(core, status, done)) return;
  const std::optional<mvcc::Timestamp> snapshot = request.snapshot;
  const auto call = std::make_shared<WriteCall>(
      core,
      WriteCall::Goal{.key = request.key,
                      .is_write = true,
                      .deadline_nanos = core.environment.DeadlineAfter(request.timeout)},
      std::move(request), std::move(done));
  snapshot ? call->Start(*snapshot) : call->Start();
}

void StartAdd(Core& core, AddRequest request, Done<AddOutcome> done) {
  if (!Begin(core, CheckAdd(core, request), done)) return;
  const auto call = std::make_shared<AddCall>(
      core,
      AddCall::Goal{.key = request.key,
                    .is_write = true,
                    .deadline_nanos = core.environment.DeadlineAfter(request.timeout)},
      std::move(request), std::move(done));
  call->Start();
}

}  // namespace nokv::client
