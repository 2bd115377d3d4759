// Changes of the group, and of who leads it (thesis chapter 4 and section 3.10).
//
// A change is in force when its entry is applied. Then no other is under way, so that the
// majorities of two successive configurations always overlap; a joint one overlaps with both of its
// sides.
#include "engine/base/check.h"
#include "raftstore/raft/planted.h"
#include "raftstore/raft/raft.h"

#include <algorithm>

namespace nokv::raft {

// One Progress for each peer of the configuration: known ones keep theirs.
void Raft::RebuildProgress() {
  std::vector<PeerId> peers;
  for (const auto* set : {&configuration_.voters, &configuration_.voters_outgoing,
                          &configuration_.learners, &configuration_.learners_next}) {
    peers.insert(peers.end(), set->begin(), set->end());
  }
  std::sort(peers.begin(), peers.end());
  peers.erase(std::unique(peers.begin(), peers.end()), peers.end());

  std::vector<Progress> rebuilt;
  rebuilt.reserve(peers.size());
  for (const PeerId id : peers) {
    if (Progress* const known = FindProgress(id); known != nullptr) {
      rebuilt.push_back(std::move(*known));
      continue;
    }
    rebuilt.emplace_back(id, log_.last_index() + 1, now_);
    rebuilt.back().wants_append = true;
    if (id == options_.id) {
      rebuilt.back().match = log_.persisted();
      rebuilt.back().BecomeReplicate();
    }
  }
  progress_ = std::move(rebuilt);
  must_replicate_ = true;
}

absl::StatusOr<Index> Raft::ProposeConfigChange(const ConfigChange& change, Term evaluated_in) {
  RETURN_IF_ERROR(CheckEvaluationTerm(evaluated_in));
  if (log_.applied() < pending_change_ && !Planted(Bug::kTwoChangesAtOnce)) {
    return FailedPreconditionError(
        "a configuration change up to index {} may not be applied, {} is", pending_change_,
        log_.applied());
  }
  if (change.context.size() > kContextBytesMax) {
    return InvalidArgumentError("a context of {} bytes is larger than {}", change.context.size(),
                                kContextBytesMax);
  }
  RETURN_IF_ERROR(Apply(configuration_, change).status());
  pending_change_ = AppendOwn(EntryKind::kConfigChange, {Payload(Encode(change))});
  return pending_change_;
}

absl::StatusOr<Configuration> Raft::ApplyConfigChange(const ConfigChange& change) {
  ASSIGN_OR_RETURN(configuration_, Apply(configuration_, change));
  if (!is_leader()) return configuration_;

  if (!configuration_.IsVoter(options_.id)) {
    HandOver();
    return configuration_;
  }
  RebuildProgress();
  if (transferee_ != kNobody && !configuration_.IsVoter(transferee_)) transferee_ = kNobody;
  MaybeCommit();   // A smaller quorum may have more,
  ConfirmReads();  // and know more.
  return configuration_;
}

// This leader is no voter any more. It tells everyone how far the log is committed, so that they
// learn of the change, lets the voter with the longest log campaign at once, and steps down.
void Raft::HandOver() {
  RebuildProgress();
  SendAppends();
  const Progress* best = nullptr;
  for (const Progress& peer : progress_) {
    const bool is_voter =
        std::binary_search(configuration_.voters.begin(), configuration_.voters.end(), peer.id);
    if (is_voter && (best == nullptr || peer.match > best->match)) best = &peer;
  }
  if (best != nullptr) TellToCampaign(best->id);
  BecomeFollower(term_, kNobody);
}

// A leader that applied the joint configuration, or became one after it was applied, leaves it.
void Raft::MaybeLeaveJoint() {
  if (!is_leader() || !configuration_.is_joint() || !configuration_.auto_leave) return;
  if (log_.applied() < pending_change_) return;
  const ConfigChange leave{.transition = ConfigChange::Transition::kLeave};
  // Past the limit in bytes and a transfer under way: it must get through.
  pending_change_ = AppendOwn(EntryKind::kConfigChange, {Payload(Encode(leave))});
}

absl::Status Raft::TransferLeadership(PeerId to) {
  RETURN_IF_ERROR(RequireLeader());
  if (to == options_.id) return InvalidArgumentError("peer {} leads already", to);
  if (!configuration_.IsVoter(to)) return InvalidArgumentError("peer {} is no voter", to);
  if (transferee_ == to) return absl::OkStatus();
  transferee_ = to;
  transfer_due_ = now_ + options_.election_ticks;
  Progress* const peer = FindProgress(to);
  NOKV_CHECK(peer != nullptr);
  if (peer->match < log_.last_index()) {
    peer->wants_append = true;  // Its answer shows what it lacks.
    must_replicate_ = true;
  }
  MaybeTellTransferee(*peer);
  return absl::OkStatus();
}

void Raft::MaybeTellTransferee(const Progress& peer) {
  if (peer.id == transferee_ && peer.match == log_.last_index()) TellToCampaign(peer.id);
}

void Raft::TellToCampaign(PeerId peer) {
  // The message may arrive at any time, however late, and the others will then vote against us.
  is_lease_given_up_ = true;
  Send({.type = MessageType::kTimeoutNow, .to = peer});
}

}  // namespace nokv::raft
