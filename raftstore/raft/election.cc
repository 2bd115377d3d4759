// Elections: who may start one, who gets a vote, and what winning or losing means
// (Raft section 5.2 and 5.4.1; pre-vote: thesis section 9.6; protection of a leader:
// section 6.4.1).
#include "engine/base/check.h"
#include "raftstore/raft/planted.h"
#include "raftstore/raft/raft.h"

#include <algorithm>

namespace nokv::raft {

// Learners, strangers and peers in the middle of a snapshot do not lead.
bool Raft::can_lead() const {
  return configuration_.IsVoter(options_.id) && !log_.has_pending_snapshot();
}

// True while this peer refuses to vote, because a leader lives (check_quorum), or because a leader
// may rely on it (lease_reads): then for a full timeout after it last answered one, whatever it has
// learned since, and whether or not it was restarted.
bool Raft::BacksLeader() const {
  if (!options_.check_quorum) return false;
  if (is_leader()) return true;
  if (leader_ == kNobody && !options_.lease_reads) return false;
  return now_ - contact_tick_ < options_.election_ticks;
}

void Raft::BecomeFollower(Term term, PeerId leader) {
  NOKV_CHECK(term >= term_);
  if (term > term_) vote_ = kNobody;
  if (is_leader()) {
    reads_.Drop(dropped_reads_);
    std::vector<Progress>().swap(progress_);
    must_replicate_ = false;
    transferee_ = kNobody;
    uncommitted_bytes_ = 0;
  }
  term_ = term;
  role_ = Role::kFollower;
  leader_ = leader;
  votes_.clear();
  is_own_vote_new_ = false;
  own_vote_ready_ = 0;
  ResetElectionTimer();
}

void Raft::BecomeLeader() {
  role_ = Role::kLeader;
  leader_ = options_.id;
  votes_.clear();
  term_start_ = log_.last_index() + 1;
  pending_change_ = log_.last_index();  // Some of the entries before may be one.
  uncommitted_bytes_ = 0;
  is_lease_given_up_ = false;
  heartbeat_due_ = now_ + options_.heartbeat_ticks;
  RebuildProgress();
  AppendOwn(EntryKind::kData, {Payload()});
}

absl::Status Raft::Campaign() {
  RETURN_IF_ERROR(failure_);
  if (is_leader()) return FailedPreconditionError("peer {} leads already", options_.id);
  if (!can_lead()) return FailedPreconditionError("peer {} is no voter", options_.id);
  if (BacksLeader()) {
    return FailedPreconditionError("peer {} backs leader {}", options_.id, leader_);
  }
  return StartElection(options_.pre_vote ? CampaignKind::kPreVote : CampaignKind::kVote);
}

// A configuration is in force where it is applied. A candidate that has not applied a committed
// change could win by a majority that no longer is one.
absl::Status Raft::StartElection(CampaignKind kind) {
  const absl::StatusOr<bool> has_change = log_.HasUnappliedConfigChange();
  if (!has_change.ok()) {
    Fail(has_change.status());
    return failure_;
  }
  if (*has_change) {
    return FailedPreconditionError(
        "peer {} has a configuration change to apply before it campaigns", options_.id);
  }
  votes_.clear();
  leader_ = kNobody;
  ResetElectionTimer();
  if (kind == CampaignKind::kPreVote) {
    role_ = Role::kPreCandidate;
    is_own_vote_new_ = false;
    own_vote_ready_ = 0;
    AskForVotes(MessageType::kPreVote, term_ + 1, false);
    RecordVote(options_.id, true);
    return absl::OkStatus();
  }
  role_ = Role::kCandidate;
  ++term_;
  vote_ = options_.id;
  is_own_vote_new_ = true;
  own_vote_ready_ = 0;
  AskForVotes(MessageType::kVote, term_, kind == CampaignKind::kForced);
  return absl::OkStatus();
}

void Raft::AskForVotes(MessageType type, Term term, bool force) {
  for (const auto* voters : {&configuration_.voters, &configuration_.voters_outgoing}) {
    for (const PeerId voter : *voters) {
      const bool is_asked =
          voters == &configuration_.voters_outgoing &&
          std::binary_search(configuration_.voters.begin(), configuration_.voters.end(), voter);
      if (is_asked) continue;
      Send({.type = type,
            .force = force,
            .to = voter,
            .term = term,
            .log_index = log_.last_index(),
            .log_term = log_.last_term()});
    }
  }
}

// Answers a request to vote, of our own term, or a pre-vote about a newer one.
//
// The grant is part of the hard state, and leaves only when that is persisted: no peer votes twice
// in a term. Whether this peer knows itself to be a voter does not matter. It may be behind, and
// its vote the one that is missing to elect the leader who would tell it.
absl::Status Raft::HandleVoteRequest(const Message& request) {
  const bool is_pre_vote = request.type == MessageType::kPreVote;
  const bool is_free = vote_ == request.from || (vote_ == kNobody && leader_ == kNobody) ||
                       (is_pre_vote && request.term > term_) || Planted(Bug::kSecondVote);
  const bool is_current =
      log_.IsAtLeast(request.log_index, request.log_term) || Planted(Bug::kVoteIgnoresLog);
  const bool is_granted = is_free && is_current;

  if (is_granted && !is_pre_vote) {
    vote_ = request.from;
    ResetElectionTimer();  // Our own candidacy waits a full timeout.
  }
  Send({.type = is_pre_vote ? MessageType::kPreVoteReply : MessageType::kVoteReply,
        .reject = !is_granted,
        .to = request.from,
        .term = is_granted ? request.term : term_});
  return absl::OkStatus();
}

absl::Status Raft::HandleVoteReply(const Message& reply) {
  const bool is_pre_vote = reply.type == MessageType::kPreVoteReply;
  if (role_ != (is_pre_vote ? Role::kPreCandidate : Role::kCandidate)) {
    return FailedPreconditionError("{} from {}, and peer {} is not asking", ToString(reply.type),
                                   reply.from, options_.id);
  }
  if (is_pre_vote && !reply.reject && reply.term != term_ + 1) {
    return FailedPreconditionError("pre-vote of {} for term {}, not {}", reply.from, reply.term,
                                   term_ + 1);
  }
  RecordVote(reply.from, !reply.reject);
  return absl::OkStatus();
}

void Raft::RecordVote(PeerId from, bool granted) {
  const auto is_from = [from](const auto& vote) { return vote.first == from; };
  if (std::none_of(votes_.begin(), votes_.end(), is_from)) votes_.emplace_back(from, granted);

  const auto ballot_of = [this](PeerId voter) {
    for (const auto& [peer, is_granted] : votes_) {
      if (peer == voter) return is_granted ? Ballot::kGranted : Ballot::kRefused;
    }
    return Ballot::kMissing;
  };
  switch (CountVotes(configuration_.voters, configuration_.voters_outgoing, ballot_of)) {
    case VoteResult::kPending:
      return;
    case VoteResult::kLost:
      BecomeFollower(term_, kNobody);
      return;
    case VoteResult::kWon:
      break;
  }
  if (role_ == Role::kCandidate) {
    BecomeLeader();
    return;
  }
  // The changes that StartElection() looks for cannot have come since the pre-vote began: a message
  // of a leader would have ended it.
  const absl::Status started = StartElection(CampaignKind::kVote);
  if (!started.ok()) BecomeFollower(term_, kNobody);
}

// The leader hands over: no pre-vote, and nobody protects it any more.
absl::Status Raft::HandleTimeoutNow(const Message& message) {
  if (is_leader() || (leader_ != kNobody && leader_ != message.from)) {
    return InvalidArgumentError("timeout-now from {}, and the leader of term {} is {}",
                                message.from, term_, leader_);
  }
  if (!can_lead()) {
    return FailedPreconditionError("peer {} is told to campaign and is no voter", options_.id);
  }
  return StartElection(CampaignKind::kForced);
}

}  // namespace nokv::raft
