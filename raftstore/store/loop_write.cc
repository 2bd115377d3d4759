// The second half of a round: what is written, what leaves, and what is applied.
#include "raftstore/store/loop.h"
#include "raftstore/store/planted.h"

#include <cstddef>
#include <iterator>
#include <utility>

namespace nokv::store {

// While a peer's Ready waits for room on the disk no other one of it is taken: their order is that
// of its log.
void Loop::TakeReadies() {
  for (Peer* const peer : touched_) {
    if (!peer->raft().status().ok()) return Fail(peer->raft().status());
    if (peer->is_held || !peer->raft().HasReady()) continue;
    raft::Ready ready = peer->TakeReady();
    if (!peer->raft().status().ok()) return Fail(peer->raft().status());
    Post(*peer, std::exchange(ready.messages_now, {}));
    if (Planted(Bug::kSendBeforeSync)) {
      Post(*peer, std::exchange(ready.messages_after_persist, {}));
    }
    applier_.Add(*peer, std::exchange(ready.committed, {}));
    taken_.push_back({peer, std::move(ready)});
  }
}

// What was held for want of room may be more than one write to the log can be.
void Loop::WriteRound() {
  if (taken_.empty() || !failure_.ok()) return;
  SendAll();  // A leader's entries are on their way to the others while they go to its own disk.
  while (!taken_.empty()) {
    const auto end = taken_.begin() + static_cast<ptrdiff_t>(CountForOneWrite());
    std::vector<log_store::RegionReady> readies;
    for (auto taken = taken_.begin(); taken != end; ++taken) {
      if (taken->ready.has_write()) readies.push_back({taken->peer->region().id, &taken->ready});
    }
    log_store::WrittenRound written;
    if (!readies.empty()) {
      absl::StatusOr<log_store::WrittenRound> result = logs_->Write(readies);
      if (absl::IsResourceExhausted(result.status())) return HoldBack();
      if (!result.ok()) return Fail(result.status());
      written = *result;
      shared_.is_log_full = false;
      ++shared_.statistics.log_writes;
    }
    std::vector<Taken> done(std::make_move_iterator(taken_.begin()), std::make_move_iterator(end));
    taken_.erase(taken_.begin(), end);
    for (const Taken& taken : done) taken.peer->is_held = false;
    FinishWrite(written, std::move(done));
  }
}

size_t Loop::CountForOneWrite() const {
  uint64_t bytes = 0;
  for (size_t count = 0; count < taken_.size(); ++count) {
    for (const raft::Entry& entry : taken_[count].ready.entries) bytes += raft::SizeBytes(entry);
    if (count > 0 && bytes > shared_.options.log_write_bytes) return count;
  }
  return taken_.size();
}

// The log takes nothing. Peers that have to write wait, in silence, and are tried again in every
// round: those that they lead are led by a store with room before long. All others go on.
void Loop::HoldBack() {
  shared_.is_log_full = true;
  std::vector<Taken> others;
  for (Taken& taken : std::exchange(taken_, {})) {
    taken.peer->is_held = taken.ready.has_write();
    (taken.peer->is_held ? taken_ : others).push_back(std::move(taken));
  }
  if (!others.empty()) FinishWrite({}, std::move(others));
}

void Loop::FinishWrite(const log_store::WrittenRound& written, std::vector<Taken> readies) {
  Written round{
      .number = ++rounds_written_, .is_durable = !written.must_sync, .readies = std::move(readies)};
  for (Taken& taken : round.readies) {
    shared_.statistics.entries += taken.ready.entries.size();
    for (const raft::Entry& entry : taken.ready.entries) round.bytes += raft::SizeBytes(entry);
    taken.ready.entries.clear();
  }
  shared_.unsynced_bytes += round.bytes;
  written_.push_back(std::move(round));
  if (written.must_sync) {
    logs_->SyncTo(written.position,
                  [this, mailbox = mailbox_, number = rounds_written_](const absl::Status& status) {
                    mailbox->Post([this, number, status] { TakeSynced(number, status); });
                  });
  }
  CompleteRounds();
}

void Loop::TakeSynced(uint64_t number, const absl::Status& status) {
  if (!status.ok()) return Fail(status);
  for (Written& round : written_) {
    if (round.number <= number) round.is_durable = true;
  }
  CompleteRounds();
}

void Loop::CompleteRounds() {
  while (!written_.empty() && written_.front().is_durable) {
    Written round = std::move(written_.front());
    written_.pop_front();
    shared_.unsynced_bytes -= round.bytes;
    for (Taken& taken : round.readies) {
      Touch(*taken.peer);
      Post(*taken.peer, std::move(taken.ready.messages_after_persist));
      taken.peer->raft().Persisted(taken.ready.number);
    }
  }
}

// Peers whose entries were applied may go on, and those whose reads were confirmed.
void Loop::Apply() {
  if (!failure_.ok()) return;
  std::vector<Peer*> applied;
  if (const absl::Status status = applier_.Run(applied); !status.ok()) return Fail(status);
  for (Peer* const peer : applied) Touch(*peer);
  shared_.budget.Begin();
  for (size_t i = 0; i < touched_.size(); ++i) touched_[i]->Settle();
  CompactLogs();
}

void Loop::CompactLogs() {
  for (Peer* const peer : touched_) {
    if (peer->compact_index() == 0) continue;
    const region::RegionId region = peer->region().id;
    const raft::Index index = std::min(peer->compact_index(), peer->raft().applied());
    if (index < logs_->Find(region)->first_index()) continue;
    const absl::Status status = logs_->Compact(region, index);
    if (!status.ok() && !absl::IsResourceExhausted(status)) return Fail(status);
    ++shared_.statistics.compactions;
  }
}

// The log as a whole is over its limit: these regions keep its oldest part from being freed.
void Loop::CompactUnderPressure() {
  for (const GroupId group : seams_.db.groups().Pressure().must_compact) {
    Peer* const peer = FindPeer(group);
    if (peer == nullptr) continue;
    peer->set_compact_index(peer->raft().applied());
    Touch(*peer);
  }
}

void Loop::Post(const Peer& peer, std::vector<raft::Message> messages) {
  for (raft::Message& message : messages) {
    const region::Peer* const receiver = peer.region().FindPeer(message.to);
    if (receiver == nullptr) continue;
    outbox_[receiver->store].push_back({.region = peer.region().id,
                                        .epoch = peer.region().epoch,
                                        .region_hash = peer.region_hash(),
                                        .message = std::move(message)});
  }
}

void Loop::SendAll() {
  for (auto& [store, envelopes] : std::exchange(outbox_, {})) {
    seams_.send(store, std::move(envelopes));
  }
}

}  // namespace nokv::store
