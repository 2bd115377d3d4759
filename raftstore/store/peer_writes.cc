// Writes of one step: evaluated here, under latches, and replicated as changes.
#include "raftstore/store/peer.h"
#include "raftstore/store/planted.h"

#include <utility>
#include <variant>

namespace nokv::store {
namespace {

// Commands around the one that is measured share the entry's first bytes.
constexpr size_t kEntryHeaderBytes = 16;

}  // namespace

void Peer::AddWrite(std::unique_ptr<Pending> pending) {
  const Command& command = pending->command;
  Refusal refused = CheckWritable(command.prewrite());
  if (!refused.has_value()) refused = CheckThrottle(command);
  if (refused.has_value()) {
    pending->Answer(store::Refuse(command, *std::move(refused)));
    return;
  }
  auto read = ReadWrite(command.prewrite(), region_, shared_.options);
  if (auto* refusal = std::get_if<RegionError>(&read)) {
    pending->Answer(store::Refuse(command, std::move(*refusal)));
    return;
  }
  auto& request = std::get<mvcc::OnePhase>(read);
  std::vector<std::string> keys;
  if (!Planted(Bug::kWritesShareKeys)) {
    keys.reserve(request.mutations.size());
    for (const mvcc::Mutation& mutation : request.mutations) keys.emplace_back(mutation.key);
  }
  const WriteId id = ++shared_.last_id;
  const bool holds = latches_.Acquire(id, std::move(keys));
  writes_.emplace(id, Write{.pending = std::move(pending),
                            .request = std::move(request),
                            .state = holds ? WriteState::kRunnable : WriteState::kLatching});
  if (holds) runnable_.push_back(id);
}

// Deletes go on while the disk is nearly full: they are how it gets emptier.
Refusal Peer::CheckWritable(const kv::v1::PrewriteRequest& request) const {
  if (shared_.has_disk_stalled()) return Busy("log");
  if (!shared_.is_disk_full()) return std::nullopt;
  bool only_deletes = true;
  for (const kv::v1::Mutation& mutation : request.mutations()) {
    only_deletes &= mutation.kind() == kv::v1::MUTATION_KIND_DELETE;
  }
  if (only_deletes && !shared_.is_disk_at_floor()) return std::nullopt;
  return DiskFull(shared_.disk.available_bytes, shared_.options.disk_reserve_bytes);
}

// The database slows down its writers while it is behind. The loop must not sleep, so those who
// come too early are told when to come again.
Refusal Peer::CheckThrottle(const Command& command) {
  const absl::Duration delay = shared_.db.WriteDelay(command.ByteSizeLong());
  if (delay <= absl::ZeroDuration()) return std::nullopt;
  const uint64_t begin = std::max(shared_.caught_up_nanos, shared_.now_nanos);
  const absl::Duration wait = absl::Nanoseconds(begin - shared_.now_nanos);
  if (wait > shared_.options.busy_wait) {
    ++shared_.statistics.refused_busy;
    return ServerIsBusy("compaction", wait);
  }
  shared_.caught_up_nanos = begin + static_cast<uint64_t>(absl::ToInt64Nanoseconds(delay));
  return std::nullopt;
}

// A write that ends lets others hold its keys, which join the end of the line.
void Peer::EvaluateRunnable() {
  while (!runnable_.empty() && !shared_.budget.is_spent()) {
    const WriteId id = runnable_.front();
    runnable_.pop_front();
    const auto write = writes_.find(id);
    if (write == writes_.end()) continue;
    had_write_turn_ = true;
    shared_.budget.Spend(write->second.pending->ticket.bytes());
    Evaluate(id, write->second);
  }
}

// By the timestamps that this store has drawn itself: those that come in commands may be anything.
bool Peer::IsTooOld(mvcc::Timestamp start) const {
  const auto age_max =
      static_cast<uint64_t>(absl::ToInt64Milliseconds(shared_.options.start_age_max));
  return start.millis() + age_max < mvcc::Timestamp(shared_.last_timestamp).millis();
}

// A write that is too old gets a status and no refusal: an earlier attempt may have gone through.
void Peer::Evaluate(WriteId id, Write& write) {
  const Command& command = write.pending->command;
  if (IsTooOld(write.request.start)) {
    write.pending->Answer(FailedPreconditionError(
        "region {}: the write's start timestamp {} is more than {} s behind {}, the newest one",
        region_.id, write.request.start.bits(), absl::ToInt64Seconds(shared_.options.start_age_max),
        shared_.last_timestamp));
    return Finish(id);
  }
  write.term = raft_->term();
  absl::StatusOr<mvcc::OnePhaseAnswer> answer =
      mvcc::CheckOnePhase(shared_.snapshot, write.request);
  if (absl::IsInvalidArgument(answer.status())) {
    return Refuse(id, NotServed(StdView(answer.status().message())));
  }
  if (!answer.ok()) {
    write.pending->Answer(answer.status());
    return Finish(id);
  }
  if (auto* clear = std::get_if<mvcc::Clear>(&*answer)) {
    write.clear = std::move(*clear);
    write.state = WriteState::kDrawing;
    shared_.wishes.push_back({.region = region_.id, .write = id});
    return;
  }
  if (const auto* committed = std::get_if<mvcc::Committed>(&*answer)) {
    CommandResult result;
    kv::v1::PrewriteDone& done = *result.mutable_prewrite()->mutable_done();
    done.set_min_commit_ts(committed->commit.bits());
    done.set_one_phase_commit_ts(committed->commit.bits());
    for (const int64_t sum : committed->sums) done.add_sums(sum);
    return AnswerNothingWritten(id, std::move(result));
  }
  KeyError error;
  if (const auto* blocked = std::get_if<mvcc::Blocked>(&*answer)) {
    error = Locked(*blocked);
  } else if (const auto* conflict = std::get_if<mvcc::Conflict>(&*answer)) {
    error = WriteConflict(*conflict, write.request.start);
  } else {
    error = RolledBackError(write.request.mutations.front().key, write.request.start);
  }
  AnswerNothingWritten(id, RefuseKey(command, std::move(error)));
}

void Peer::Stamp(WriteId id, const absl::StatusOr<mvcc::Timestamp>& commit) {
  const auto found = writes_.find(id);
  if (found == writes_.end() || found->second.state != WriteState::kDrawing) return;
  Write& write = found->second;
  if (!commit.ok()) {
    ++shared_.statistics.refused_busy;
    return Refuse(id, Busy("timestamps"));
  }
  write.commit = *commit;
  write.state = WriteState::kStamped;
  latches_.SetCommit(id, *commit);
  stamped_.push_back(id);
}

void Peer::ProposeStamped() {
  command::EntryBuilder builder;
  std::vector<WriteId> batch;
  for (const WriteId id : std::exchange(stamped_, {})) {
    const auto write = writes_.find(id);
    if (write == writes_.end()) continue;
    const std::optional<std::vector<mvcc::Change>> changes = Changes(id, write->second);
    if (!changes.has_value()) continue;
    const size_t bytes = command::SizeBytes(*changes);
    if (!builder.empty() && builder.size_bytes() + bytes > shared_.options.batch_bytes) {
      ProposeBatch(builder, batch);
    }
    builder.AddWrite(region_.epoch.version, *changes);
    batch.push_back(id);
  }
  if (!builder.empty()) ProposeBatch(builder, batch);
}

// The changes of a write at its timestamp; nothing if there will be none, and then it is answered.
std::optional<std::vector<mvcc::Change>> Peer::Changes(WriteId id, Write& write) {
  const Command& command = write.pending->command;
  const std::string_view first_key = write.request.mutations.front().key;
  const uint64_t min_commit = command.prewrite().min_commit_ts();
  if (write.commit.bits() < min_commit) {
    AnswerNothingWritten(
        id, RefuseKey(command, CommitTsTooSmall(first_key, write.commit.bits(), min_commit)));
    return std::nullopt;
  }
  absl::StatusOr<mvcc::WriteAnswer> answer =
      mvcc::WriteOnePhase(write.request, write.clear, write.commit);
  if (absl::IsFailedPrecondition(answer.status())) {
    const uint64_t above = std::max(write.clear.newest_commit, write.request.start).bits() + 1;
    AnswerNothingWritten(
        id, RefuseKey(command, CommitTsTooSmall(first_key, write.commit.bits(), above)));
    return std::nullopt;
  }
  if (!answer.ok()) {
    write.pending->Answer(answer.status());
    Finish(id);
    return std::nullopt;
  }
  if (const auto* cannot = std::get_if<mvcc::CannotAdd>(&*answer)) {
    AnswerNothingWritten(id, RefuseKey(command, CannotAddError(*cannot)));
    return std::nullopt;
  }
  auto& written = std::get<mvcc::Written>(*answer);
  const size_t bytes = command::SizeBytes(written.changes) + kEntryHeaderBytes;
  if (bytes > command::kEntryBytesMax) {
    Refuse(id, EntryTooLarge(region_.id, bytes, command::kEntryBytesMax));
    return std::nullopt;
  }
  write.sums = std::move(written.sums);
  return std::move(written.changes);
}

// Raft takes the entry in the term in which its writes were evaluated, or not at all.
void Peer::ProposeBatch(command::EntryBuilder& builder, std::vector<WriteId>& batch) {
  std::vector<WriteId> writes = std::exchange(batch, {});
  raft::Term term = writes_.at(writes.front()).term;
  if (Planted(Bug::kStaleEvaluationAccepted)) term = raft_->term();
  const absl::StatusOr<raft::Index> index = raft_->Propose({raft::Payload(builder.Take())}, term);
  if (!index.ok()) {
    const bool is_full = absl::IsResourceExhausted(index.status());
    for (const WriteId id : writes) {
      Refuse(id, is_full              ? Busy("log")
                 : raft_->is_leader() ? StaleCommand(region_)
                                      : NotLeaderNow());
    }
    return;
  }
  for (const WriteId id : writes) {
    writes_.at(id).state = WriteState::kProposed;
    if (Planted(Bug::kAnswerBeforeApply)) Succeed(id);
  }
  proposals_.Add({.index = *index, .term = term, .writes = std::move(writes)});
}

void Peer::Succeed(WriteId id) {
  const auto found = writes_.find(id);
  if (found == writes_.end()) return;
  const Write& write = found->second;
  CommandResult result;
  kv::v1::PrewriteDone& done = *result.mutable_prewrite()->mutable_done();
  done.set_min_commit_ts(write.commit.bits());
  done.set_one_phase_commit_ts(write.commit.bits());
  for (const int64_t sum : write.sums) done.add_sums(sum);
  write.pending->Answer(std::move(result));
  Finish(id);
}

void Peer::Refuse(WriteId id, RegionError error) {
  const auto found = writes_.find(id);
  if (found == writes_.end()) return;
  Pending& pending = *found->second.pending;
  pending.Answer(store::Refuse(pending.command, std::move(error)));
  Finish(id);
}

// The outcome is a read: it may be said once this peer is known to lead.
void Peer::AnswerNothingWritten(WriteId id, CommandResult answer) {
  const auto found = writes_.find(id);
  arrived_.push_back({.pending = std::move(found->second.pending), .answer = std::move(answer)});
  Finish(id);
}

void Peer::Finish(WriteId id) {
  writes_.erase(id);
  was_released_ = true;
  std::vector<WriteId> woken;
  latches_.Release(id, woken);
  for (const WriteId next : woken) {
    writes_.at(next).state = WriteState::kRunnable;
    runnable_.push_back(next);
  }
}

// Of a write whose outcome may stay open for as long as a partition lasts: whoever waits for it,
// and the kind of his command, is all that an answer needs. Its room is for others.
void Peer::ForgetBody(Write& write) {
  write.request = {};
  write.clear = {};
  kv::v1::PrewriteRequest().Swap(write.pending->command.mutable_prewrite());
  write.pending->ticket = Ticket();
}

void Peer::RefuseUnproposed() {
  runnable_.clear();
  stamped_.clear();
  for (auto at = writes_.begin(); at != writes_.end();) {
    Write& write = at->second;
    if (write.state == WriteState::kProposed) {
      ++at;
      continue;
    }
    write.pending->Answer(store::Refuse(write.pending->command, NotLeaderNow()));
    at = writes_.erase(at);
  }
}

}  // namespace nokv::store
