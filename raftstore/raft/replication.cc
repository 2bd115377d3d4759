// A leader's side of replication: proposing, sending, and counting who has what.
//
// Inputs only note that there may be something to send. TakeReady() then looks at each peer once,
// so that proposals which came together leave together.
#include "engine/base/check.h"
#include "raftstore/raft/planted.h"
#include "raftstore/raft/raft.h"

#include <algorithm>

namespace nokv::raft {

Progress* Raft::FindProgress(PeerId peer) {
  const auto at = std::find_if(progress_.begin(), progress_.end(),
                               [peer](const Progress& progress) { return progress.id == peer; });
  return at == progress_.end() ? nullptr : &*at;
}

// The value that a quorum has reached, with `own` for this peer itself.
uint64_t Raft::Reached(absl::FunctionRef<uint64_t(const Progress&)> value_of, uint64_t own) const {
  return ReachedByJoint(configuration_.voters, configuration_.voters_outgoing,
                        [&](PeerId peer) -> uint64_t {
                          if (peer == options_.id) return own;
                          for (const Progress& progress : progress_) {
                            if (progress.id == peer) return value_of(progress);
                          }
                          return 0;
                        });
}

absl::Status Raft::CheckEvaluationTerm(Term evaluated_in) const {
  RETURN_IF_ERROR(RequireLeader());
  if (evaluated_in != term_ && !Planted(Bug::kStaleProposalAccepted)) {
    return FailedPreconditionError("the proposal was evaluated in term {}, and this is term {}",
                                   evaluated_in, term_);
  }
  if (transferee_ != kNobody) {
    return FailedPreconditionError("leadership of term {} is on its way to {}", term_, transferee_);
  }
  return absl::OkStatus();
}

absl::StatusOr<Index> Raft::Propose(std::vector<Payload> entries, Term evaluated_in) {
  RETURN_IF_ERROR(CheckEvaluationTerm(evaluated_in));
  if (entries.empty()) return InvalidArgumentError("nothing to propose");
  uint64_t bytes = 0;
  for (const Payload& entry : entries) {
    if (entry.size() > options_.entry_bytes_max) {
      return InvalidArgumentError("an entry of {} bytes is larger than {}", entry.size(),
                                  options_.entry_bytes_max);
    }
    bytes += entry.size() + kEntryOverheadBytes;
  }
  if (uncommitted_bytes_ > 0 && uncommitted_bytes_ + bytes > options_.uncommitted_bytes_max) {
    return ResourceExhaustedError("{} bytes are uncommitted, {} more exceed {}", uncommitted_bytes_,
                                  bytes, options_.uncommitted_bytes_max);
  }
  return AppendOwn(EntryKind::kData, std::move(entries));
}

Index Raft::AppendOwn(EntryKind kind, std::vector<Payload> payloads) {
  const Index first = log_.last_index() + 1;
  std::vector<Entry> entries;
  entries.reserve(payloads.size());
  for (Payload& payload : payloads) {
    entries.push_back({first + entries.size(), term_, kind, std::move(payload)});
    uncommitted_bytes_ += SizeBytes(entries.back());
  }
  log_.Append(entries);
  must_replicate_ = true;
  return first;
}

void Raft::SendAppends() {
  must_replicate_ = false;
  for (Progress& peer : progress_) {
    if (peer.id != options_.id) ReplicateTo(peer);
  }
}

void Raft::ReplicateTo(Progress& peer) {
  while (failure_.ok() && !peer.IsPaused(options_.inflight) &&
         (peer.next <= log_.last_index() || peer.wants_append ||
          (peer.state == ProgressState::kReplicate && peer.sent_commit < log_.committed()))) {
    if (!SendOneAppend(peer)) return;
  }
  // All that may be on its way is on its way, and perhaps lost: an append behind the last of it,
  // with nothing in it, finds out.
  if (peer.wants_append && peer.state == ProgressState::kReplicate) {
    peer.wants_append = false;
    const std::optional<Term> previous_term = log_.TermAt(peer.next - 1);
    if (!previous_term.has_value()) return SendSnapshot(peer);
    Send({.type = MessageType::kAppend,
          .to = peer.id,
          .log_index = peer.next - 1,
          .log_term = *previous_term,
          .commit = log_.committed()});
  }
}

// Sends the next entries, or none if the peer has them all. False if it could not.
bool Raft::SendOneAppend(Progress& peer) {
  const Index previous = peer.next - 1;
  const std::optional<Term> previous_term = log_.TermAt(previous);
  absl::StatusOr<std::vector<Entry>> entries = log_.Read(peer.next, options_.message_bytes_max);
  if (!previous_term.has_value() || absl::IsNotFound(entries.status())) {
    SendSnapshot(peer);
    return false;
  }
  if (!entries.ok()) {
    Fail(entries.status());
    return false;
  }
  uint64_t bytes = 0;
  for (const Entry& entry : *entries) bytes += SizeBytes(entry);
  if (peer.state == ProgressState::kProbe) {
    peer.is_paused = true;
  } else if (!entries->empty()) {
    peer.next = entries->back().index + 1;
    peer.inflights.Add(entries->back().index, bytes);
  }
  peer.wants_append = false;
  peer.sent_commit = log_.committed();
  Send({.type = MessageType::kAppend,
        .to = peer.id,
        .log_index = previous,
        .log_term = *previous_term,
        .commit = log_.committed(),
        .entries = *std::move(entries)});
  return true;
}

void Raft::SendSnapshot(Progress& peer) {
  peer.wants_append = false;
  // Nobody is sent a snapshot who may not be there to take it.
  if (now_ - peer.contact_tick > options_.election_ticks) return;
  // None yet: asked for again when the peer next answers a heartbeat.
  peer.is_paused = peer.state == ProgressState::kProbe;
  std::shared_ptr<const Snapshot> snapshot = log_.SnapshotFor(peer.id);
  if (snapshot == nullptr) return;
  NOKV_CHECK(snapshot->index + 1 >= log_.first_index() && snapshot->index <= log_.committed());
  NOKV_CHECK(snapshot->configuration.Contains(peer.id));
  peer.BecomeSnapshot(snapshot->index);
  Send({.type = MessageType::kSnapshot, .to = peer.id, .snapshot = std::move(snapshot)});
}

// Commits what a quorum has persisted, if it is of this term. An older entry that is on a majority
// can still be replaced; it is committed by one of this term behind it (Raft section 5.4.2).
void Raft::MaybeCommit() {
  const Index own = FindProgress(options_.id) == nullptr ? 0 : FindProgress(options_.id)->match;
  const Index reached = Reached([](const Progress& peer) { return peer.match; }, own);
  if (reached <= log_.committed()) return;
  if (log_.TermAt(reached) != term_ && !Planted(Bug::kCommitOlderTerm)) return;
  log_.CommitTo(reached);
  must_replicate_ = true;
  MaybeStartReadRound();
}

absl::Status Raft::HandleAppendReply(const Message& reply) {
  Progress* const peer = is_leader() ? FindProgress(reply.from) : nullptr;
  if (peer == nullptr) {
    return FailedPreconditionError("append-reply from {}, and peer {} does not lead it", reply.from,
                                   options_.id);
  }
  if (reply.log_index > log_.last_index()) {
    return InvalidArgumentError("{} answers for index {}, past the end of the log at {}",
                                reply.from, reply.log_index, log_.last_index());
  }
  peer->contact_tick = now_;
  must_replicate_ = true;
  if (reply.reject) {
    peer->Reject(reply.log_index, log_.LastIndexOfTermAtMost(reply.hint, reply.hint_term));
    return absl::OkStatus();
  }
  const bool is_news = peer->Acknowledge(reply.log_index);
  if (peer->state == ProgressState::kProbe && (is_news || peer->match == reply.log_index)) {
    peer->BecomeReplicate();
  } else if (peer->state == ProgressState::kSnapshot && peer->match + 1 >= log_.first_index()) {
    // It need not be the snapshot that we sent: what counts is that the log goes on from there.
    peer->BecomeReplicate();
  }
  if (is_news) MaybeCommit();
  if (is_leader()) MaybeTellTransferee(*peer);
  return absl::OkStatus();
}

absl::Status Raft::HandleHeartbeatReply(const Message& reply) {
  Progress* const peer = is_leader() ? FindProgress(reply.from) : nullptr;
  if (peer == nullptr) {
    return FailedPreconditionError("heartbeat-reply from {}, and peer {} does not lead it",
                                   reply.from, options_.id);
  }
  if (reply.round > reads_.round() || reply.sent_tick > now_) {
    return InvalidArgumentError("{} confirms round {} of tick {}, and this is round {}, tick {}",
                                reply.from, reply.round, reply.sent_tick, reads_.round(), now_);
  }
  peer->contact_tick = now_;
  peer->lease_tick = std::max(peer->lease_tick, reply.sent_tick);
  peer->read_round = std::max(peer->read_round, reply.round);
  peer->is_paused = false;
  if (peer->match < log_.last_index()) {
    peer->wants_append = true;
    must_replicate_ = true;
  }
  ConfirmReads();
  return absl::OkStatus();
}

void Raft::TickLeader() {
  if (transferee_ != kNobody && now_ >= transfer_due_) transferee_ = kNobody;
  if (now_ < heartbeat_due_) return;
  heartbeat_due_ = now_ + options_.heartbeat_ticks;
  if (options_.check_quorum) {
    const uint64_t heard = Reached([](const Progress& peer) { return peer.contact_tick; }, now_);
    if (now_ - std::min(now_, heard) > options_.election_ticks) {
      BecomeFollower(term_, kNobody);
      return;
    }
  }
  SendHeartbeats();
}

void Raft::SendHeartbeats() {
  for (const Progress& peer : progress_) {
    if (peer.id == options_.id) continue;
    const Index known = Planted(Bug::kCommitPastMatch) ? log_.committed() : peer.match;
    Send({.type = MessageType::kHeartbeat,
          .to = peer.id,
          .commit = std::min(log_.committed(), known),
          .round = reads_.round(),
          .sent_tick = now_});
  }
}

void Raft::ReportUnreachable(PeerId id) {
  Progress* const peer = FindProgress(id);
  if (peer != nullptr && peer->state == ProgressState::kReplicate) peer->BecomeProbe();
}

void Raft::ReportSnapshot(PeerId id, SnapshotOutcome outcome) {
  Progress* const peer = FindProgress(id);
  if (peer == nullptr || peer->state != ProgressState::kSnapshot) return;
  if (outcome == SnapshotOutcome::kFailed) peer->pending_snapshot = 0;
  peer->BecomeProbe();
  // Delivered: its own acknowledgement tells when it is installed. Failed: not again at once.
  peer->is_paused = true;
}

}  // namespace nokv::raft
