// Reads, and outcomes that write nothing: both are answered only by a peer that led after it knew
// the answer to be complete.
#include "raftstore/store/peer.h"
#include "raftstore/store/planted.h"

#include <iterator>
#include <utility>

namespace nokv::store {

void Peer::AddRead(std::unique_ptr<Pending> pending) {
  if (Refusal refusal = CheckRead(pending->command, region_, shared_.options)) {
    pending->Answer(store::Refuse(pending->command, *std::move(refusal)));
    return;
  }
  arrived_.push_back({.pending = std::move(pending), .came = latches_.Now()});
}

// One confirmation for all that came since the last. It is asked for after the outcomes that wait
// for it were found: that this peer leads then shows that they were complete.
void Peer::AskToRead() {
  if (Planted(Bug::kReadWithoutReadIndex) || Planted(Bug::kNoWithoutReadIndex)) {
    std::vector<Waiter> at_once;
    std::vector<Waiter> asked;
    for (Waiter& waiter : arrived_) {
      const Bug bug =
          waiter.answer.has_value() ? Bug::kNoWithoutReadIndex : Bug::kReadWithoutReadIndex;
      (Planted(bug) ? at_once : asked).push_back(std::move(waiter));
    }
    arrived_ = std::move(asked);
    if (!at_once.empty()) confirmed_.push_front({.index = 0, .waiters = std::move(at_once)});
  }
  if (arrived_.empty()) return;
  const uint64_t context = ++shared_.last_id;
  const absl::Status asked = raft_->ReadIndex(context);
  if (asked.ok()) {
    ++shared_.statistics.read_rounds;
    confirming_.emplace(context, std::exchange(arrived_, {}));
  } else if (absl::IsResourceExhausted(asked)) {
    for (Waiter& waiter : std::exchange(arrived_, {})) RefuseBusy(*waiter.pending, "confirmations");
  } else {
    RefuseReads(arrived_);
  }
}

void Peer::TakeReads(const raft::Ready& ready) {
  for (const raft::ReadState& read : ready.reads) {
    const auto waiters = confirming_.find(read.context);
    if (waiters == confirming_.end()) continue;
    confirmed_.push_back({.index = read.index, .waiters = std::move(waiters->second)});
    confirming_.erase(waiters);
  }
  for (const uint64_t context : ready.dropped_reads) {
    const auto waiters = confirming_.find(context);
    if (waiters == confirming_.end()) continue;
    RefuseReads(waiters->second);
    confirming_.erase(waiters);
  }
}

void Peer::RefuseRead(const Waiter& waiter) {
  waiter.pending->Answer(store::Refuse(waiter.pending->command, NotLeaderNow()));
}

void Peer::RefuseReads(std::vector<Waiter>& waiters) {
  for (const Waiter& waiter : waiters) RefuseRead(waiter);
  waiters.clear();
}

// Also those that are confirmed: the writes that a snapshot read may have to wait for are now
// somebody else's.
void Peer::RefuseAllReads() {
  RefuseReads(arrived_);
  RefuseReads(blocked_);
  for (auto& [context, waiters] : confirming_) RefuseReads(waiters);
  for (Confirmed& confirmed : confirmed_) RefuseReads(confirmed.waiters);
  for (const Waiter& waiter : ripe_) RefuseRead(waiter);
  confirming_.clear();
  confirmed_.clear();
  ripe_.clear();
}

// Confirmed stays confirmed: a read that is served in a later round sees more, and nothing less.
void Peer::Settle() {
  const auto ripen = [this](std::vector<Waiter> waiters) {
    std::move(waiters.begin(), waiters.end(), std::back_inserter(ripe_));
  };
  if (std::exchange(was_released_, false)) ripen(std::exchange(blocked_, {}));
  while (!confirmed_.empty() && confirmed_.front().index <= raft_->applied()) {
    ripen(std::move(confirmed_.front().waiters));
    confirmed_.pop_front();
  }
  if (ripe_.empty()) return;
  mvcc::MvccReader reader(shared_.snapshot);  // Nothing is written while it is used.
  while (!ripe_.empty() && !shared_.budget.is_spent()) {
    Waiter waiter = std::move(ripe_.front());
    ripe_.pop_front();
    had_read_turn_ = true;
    Serve(std::move(waiter), reader);
  }
}

void Peer::Serve(Waiter waiter, mvcc::MvccReader& reader) {
  if (waiter.pending->is_answered()) return;
  shared_.budget.Spend(kCommandOverheadBytes);
  if (waiter.answer.has_value()) {
    waiter.pending->Answer(*std::move(waiter.answer));
    return;
  }
  if (IsBlocked(waiter)) {
    blocked_.push_back(std::move(waiter));
    return;
  }
  ++shared_.statistics.reads;
  absl::StatusOr<CommandResult> answer = Read(waiter.pending->command, reader);
  // The driver's time is not known yet. It will be soon after the driver is back.
  if (absl::IsUnavailable(answer.status())) return RefuseBusy(*waiter.pending, "the time");
  if (answer.ok()) shared_.budget.Spend(answer->ByteSizeLong());
  waiter.pending->Answer(std::move(answer));
}

bool Peer::IsBlocked(const Waiter& waiter) const {
  const Command& command = waiter.pending->command;
  const ReadPoint read{.at = ReadTimestamp(command), .came = waiter.came};
  if (latches_.empty()) return false;
  if (command.has_get()) return latches_.Blocks(command.get().key(), read);
  if (command.has_batch_get()) {
    for (const std::string& key : command.batch_get().keys()) {
      if (latches_.Blocks(key, read)) return true;
    }
    return false;
  }
  const mvcc::ScanRequest scan = ScanWithin(command.scan(), region_, shared_.options);
  return latches_.BlocksAny(scan.start, scan.end, read);
}

// All expiry is judged by the driver's time: that of the snapshot, or the present one.
mvcc::ReadView Peer::ViewOf(const Command& command) {
  const mvcc::Timestamp at = ReadTimestamp(command);
  if (at == mvcc::Timestamp::Max()) {
    return mvcc::ReadView::Newest(shared_.driver_clock.Millis(shared_.now_nanos));
  }
  shared_.driver_clock.Follow(at.bits(), shared_.now_nanos);
  return mvcc::ReadView::At(at);
}

absl::StatusOr<CommandResult> Peer::Read(const Command& command, mvcc::MvccReader& reader) {
  if (command.has_batch_get()) return BatchGet(command, reader);
  if (command.has_scan()) return Scan(command, reader);
  ASSIGN_OR_RETURN(mvcc::GetAnswer answer, reader.Get(command.get().key(), ViewOf(command)));
  CommandResult result;
  kv::v1::GetResponse& response = *result.mutable_get();
  if (auto* found = std::get_if<mvcc::Found>(&answer)) {
    *response.mutable_found() = ToProto(command.get().key(), std::move(*found));
  } else if (const auto* blocked = std::get_if<mvcc::Blocked>(&answer)) {
    *response.mutable_key_error() = Locked(*blocked);
  } else {
    response.mutable_not_found();
  }
  return result;
}

absl::StatusOr<CommandResult> Peer::BatchGet(const Command& command, mvcc::MvccReader& reader) {
  CommandResult result;
  kv::v1::KeyValues& found_keys = *result.mutable_batch_get()->mutable_found();
  const mvcc::ReadView view = ViewOf(command);
  uint64_t bytes = 0;
  for (const std::string& key : command.batch_get().keys()) {
    ASSIGN_OR_RETURN(mvcc::GetAnswer answer, reader.Get(key, view));
    if (const auto* blocked = std::get_if<mvcc::Blocked>(&answer)) {
      return RefuseKey(command, Locked(*blocked));
    }
    auto* const found = std::get_if<mvcc::Found>(&answer);
    if (found == nullptr) continue;
    bytes += key.size() + found->value.size();
    if (bytes > shared_.options.answer_bytes_max) {
      return store::Refuse(
          command, NotServed(fmt::format("the answer is larger than {} bytes: ask for fewer keys",
                                         shared_.options.answer_bytes_max)));
    }
    *found_keys.add_pairs() = ToProto(key, std::move(*found));
  }
  return result;
}

absl::StatusOr<CommandResult> Peer::Scan(const Command& command, mvcc::MvccReader& reader) {
  const mvcc::ScanRequest scan = ScanWithin(command.scan(), region_, shared_.options);
  ASSIGN_OR_RETURN(mvcc::Page page, reader.Scan(scan, ViewOf(command)));
  if (page.blocked.has_value() && page.rows.empty()) {
    return RefuseKey(command, Locked(*page.blocked));
  }
  CommandResult result;
  kv::v1::ScanPage& answer = *result.mutable_scan()->mutable_page();
  for (mvcc::Row& row : page.rows) {
    kv::v1::KeyValue& pair = *answer.add_pairs();
    pair.set_key(std::move(row.key));
    pair.set_value(std::move(row.value));
    pair.set_commit_ts(row.commit.bits());
    pair.set_expiry_ms(row.expiry_ms);
  }
  // With rows before a locked key the page ends there, and the next one begins with it.
  if (page.resume.has_value()) answer.set_next_key(*std::move(page.resume));
  return result;
}

}  // namespace nokv::store
