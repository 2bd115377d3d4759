// Linearizable reads without writing to the log (thesis section 6.4): by a round of confirmations,
// or by the lease that the followers' refusal to vote gives.
#include "raftstore/raft/planted.h"
#include "raftstore/raft/raft.h"

namespace nokv::raft {

bool Raft::IsOnlyVoter() const {
  return !configuration_.is_joint() && configuration_.voters.size() == 1 &&
         configuration_.voters.front() == options_.id;
}

// A follower that has answered a heartbeat refuses to vote for election_ticks of its own clock,
// counted from when it came, which is not before it was sent. So no other leader is elected until
// then, unless this one asked for it.
bool Raft::has_lease() const {
  if (!is_leader() || !options_.lease_reads) return false;
  if (is_lease_given_up_ && !Planted(Bug::kLeaseKeptInTransfer)) return false;
  const uint64_t promised = Reached([](const Progress& peer) { return peer.lease_tick; }, now_);
  return promised > 0 && now_ < promised + options_.lease_ticks;
}

absl::Status Raft::ReadIndex(uint64_t context) {
  RETURN_IF_ERROR(RequireLeader());
  if (reads_.size() >= options_.reads_waiting_max) {
    return ResourceExhaustedError("{} reads wait for a confirmation already", reads_.size());
  }
  reads_.Add(context);
  MaybeStartReadRound();
  return absl::OkStatus();
}

// What earlier leaders committed is known to be so only once an entry of this term is.
void Raft::MaybeStartReadRound() {
  if (!reads_.has_waiting() || reads_.has_round()) return;
  if (log_.committed() < term_start_ && !Planted(Bug::kReadBeforeOwnTerm)) return;
  reads_.StartRound(log_.committed());
  if (IsOnlyVoter() || has_lease() || Planted(Bug::kReadWithoutConfirmation)) {
    reads_.Confirm(reads_.round(), answered_reads_);
    return;
  }
  SendHeartbeats();
}

void Raft::ConfirmReads() {
  if (!reads_.has_round()) return;
  reads_.Confirm(Reached([](const Progress& peer) { return peer.read_round; }, reads_.round()),
                 answered_reads_);
  MaybeStartReadRound();
}

}  // namespace nokv::raft
