#include "raftstore/raft/raft.h"

#include "engine/base/check.h"
#include "engine/base/codec.h"
#include "raftstore/raft/planted.h"

#include <algorithm>

namespace nokv::raft {
namespace {

absl::Status CheckState(PeerId id, const LogReader& log, const InitialState& state) {
  const Index first = log.first_index();
  const Index last = log.last_index();
  if (first == 0 || last + 1 < first) {
    return DataLossError("peer {}: the log claims entries [{}, {}]", id, first, last);
  }
  if (state.applied + 1 < first || state.applied > last) {
    return DataLossError("peer {}: applied {} is not within the log [{}, {}]", id, state.applied,
                         first, last);
  }
  if (state.hard_state.commit > last) {
    return DataLossError("peer {}: committed {} is past the end of the log at {}", id,
                         state.hard_state.commit, last);
  }
  const std::optional<Term> last_term = log.TermAt(last);
  if (!last_term.has_value() || *last_term > state.hard_state.term) {
    return DataLossError("peer {}: the log ends in term {}, and the peer has only seen term {}", id,
                         last_term.value_or(0), state.hard_state.term);
  }
  if (state.configuration.voters.empty() != (first == kBootstrapIndex && last == 0)) {
    return DataLossError("peer {}: the log [{}, {}] does not fit a group of {} voters", id, first,
                         last, state.configuration.voters.size());
  }
  return Validate(state.configuration);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Raft>> Raft::Create(const Options& options, const LogReader& log,
                                                   const InitialState& state) {
  RETURN_IF_ERROR(Validate(options));
  RETURN_IF_ERROR(CheckState(options.id, log, state));
  return std::unique_ptr<Raft>(new Raft(options, log, state));
}

Raft::Raft(const Options& options, const LogReader& log, const InitialState& state)
    : options_(options),
      // The commit index is not synced, the applied index may be: it tells as much.
      log_(log, std::max(state.hard_state.commit, state.applied), state.applied),
      random_(options.seed),
      configuration_(state.configuration),
      term_(state.hard_state.term),
      vote_(state.hard_state.vote),
      now_(options.election_ticks + 1),
      // Before the restart this peer may have backed a leader's lease, which may still last.
      contact_tick_(options.lease_reads && !Planted(Bug::kLeaseForgottenByRestart) ? now_ : 0),
      handed_hard_state_(hard_state()) {
  log_.set_applying_bytes_max(options.applying_bytes_max);
  ResetElectionTimer();
}

std::unique_ptr<Raft> Raft::Clone(const LogReader& log) const {
  std::unique_ptr<Raft> copy(new Raft(*this));
  copy->log_.ReadFrom(log);
  return copy;
}

void Raft::Fail(absl::Status status) {
  if (failure_.ok()) failure_ = std::move(status);
}

void Raft::Send(Message message) {
  message.from = options_.id;
  if (message.term == 0) message.term = term_;
  if (message.to == options_.id) return;

  // What promises something waits until it cannot be forgotten. So does a candidate's request: a
  // grant is for the log that it names, and must not find the candidate restarted with a shorter
  // one.
  bool promises = false;
  switch (message.type) {
    case MessageType::kVote:
      promises = !Planted(Bug::kVoteRequestBeforeSync);
      break;
    case MessageType::kVoteReply:
      promises = !Planted(Bug::kVoteBeforeSync);
      break;
    case MessageType::kAppendReply:
      promises = !message.reject && !Planted(Bug::kAckBeforeSync);
      break;
    default:
      break;
  }
  (promises ? messages_after_persist_ : messages_now_).push_back(std::move(message));
}

void Raft::ResetElectionTimer() {
  election_due_ = now_ + options_.election_ticks + random_.Uniform(options_.election_ticks);
}

absl::Status Raft::RequireLeader() const {
  RETURN_IF_ERROR(failure_);
  if (is_leader()) return absl::OkStatus();
  return FailedPreconditionError("peer {} does not lead in term {}, the leader is {}", options_.id,
                                 term_, leader_);
}

void Raft::Tick(uint64_t ticks) {
  now_ += ticks;
  if (!failure_.ok()) return;
  if (is_leader()) {
    TickLeader();
  } else if (now_ >= election_due_) {
    ResetElectionTimer();
    if (can_lead()) {
      // A refusal means that a change is still to be applied; the next timeout tries again.
      const absl::Status started =
          StartElection(options_.pre_vote ? CampaignKind::kPreVote : CampaignKind::kVote);
      static_cast<void>(started);
    }
  }
}

uint64_t Raft::ticks_until_action() const {
  uint64_t due = is_leader() ? heartbeat_due_ : election_due_;
  if (transferee_ != kNobody) due = std::min(due, transfer_due_);
  return due > now_ ? due - now_ : 1;
}

bool Raft::may_evaluate() const { return is_leader() && log_.applied() >= term_start_; }

void Raft::Persisted(uint64_t ready) {
  NOKV_CHECK(ready > persisted_ready_ && ready <= ready_number_);
  persisted_ready_ = ready;
  log_.Persisted(ready);
  if (own_vote_ready_ != 0 && own_vote_ready_ <= ready) {
    own_vote_ready_ = 0;
    if (role_ == Role::kCandidate) RecordVote(options_.id, true);
  }
  if (is_leader()) {
    if (Progress* const own = FindProgress(options_.id); own != nullptr) {
      own->Acknowledge(log_.persisted());
      MaybeCommit();
    }
  }
}

void Raft::Applied(Index index) {
  log_.Applied(index);
  MaybeLeaveJoint();
}

bool Raft::HasReady() const {
  if (!failure_.ok()) return false;
  return must_replicate_ || is_own_vote_new_ || !messages_now_.empty() ||
         !messages_after_persist_.empty() || must_hand_hard_state() || log_.has_unwritten() ||
         log_.has_appliable() || !answered_reads_.empty() || !dropped_reads_.empty() ||
         soft_state() != handed_soft_state_;
}

Ready Raft::TakeReady() {
  Ready ready;
  ready.number = ++ready_number_;
  if (!failure_.ok()) return ready;
  if (must_replicate_) SendAppends();

  ready.entries = log_.TakeUnwritten(ready.number, ready.snapshot);
  if (must_hand_hard_state() && !(Planted(Bug::kHardStateAfterEntries) && !ready.entries.empty())) {
    const HardState state = hard_state();
    ready.must_sync =
        state.term != handed_hard_state_.term || state.vote != handed_hard_state_.vote;
    ready.hard_state = handed_hard_state_ = state;
  }
  ready.must_sync |= !ready.entries.empty() || ready.snapshot != nullptr;
  if (is_own_vote_new_) {
    is_own_vote_new_ = false;
    own_vote_ready_ = ready.number;
  }
  if (Planted(Bug::kOwnAckBeforeSync) && is_leader()) {
    FindProgress(options_.id)->Acknowledge(log_.last_index());
  }

  if (absl::StatusOr<std::vector<Entry>> committed = log_.TakeAppliable(); committed.ok()) {
    ready.committed = *std::move(committed);
  } else {
    Fail(committed.status());
  }
  for (const Entry& entry : ready.committed) {
    // Less was counted if earlier leaders proposed some of it.
    uncommitted_bytes_ -= std::min(uncommitted_bytes_, SizeBytes(entry));
  }

  ready.messages_now = std::exchange(messages_now_, {});
  ready.messages_after_persist = std::exchange(messages_after_persist_, {});
  ready.reads = std::exchange(answered_reads_, {});
  ready.dropped_reads = std::exchange(dropped_reads_, {});
  if (soft_state() != handed_soft_state_) ready.soft_state = handed_soft_state_ = soft_state();
  return ready;
}

std::string Raft::StateText() const {
  std::string out;
  for (const uint64_t value :
       {term_, vote_, static_cast<uint64_t>(role_), leader_, term_start_, pending_change_,
        uncommitted_bytes_, transferee_, own_vote_ready_ == 0 ? 0 : ready_number_ - own_vote_ready_,
        static_cast<uint64_t>(own_vote_ready_ != 0),
        std::min<uint64_t>(now_ - contact_tick_, options_.election_ticks),
        ready_number_ - persisted_ready_}) {
    PutVarint(out, value);
  }
  out.push_back(
      static_cast<char>(is_own_vote_new_ | must_replicate_ << 1 | is_lease_given_up_ << 2));
  for (const HardState& state : {hard_state(), handed_hard_state_}) {
    PutVarint(out, state.term);
    PutVarint(out, state.vote);
    PutVarint(out, state.commit);
  }
  PutLengthPrefixed(out, ToString(configuration_));
  PutVarint(out, configuration_.highest_id);
  PutVarint(out, votes_.size());
  for (const auto& [peer, granted] : votes_) PutVarint(out, peer << 1 | granted);
  PutVarint(out, progress_.size());
  for (const Progress& peer : progress_) peer.AppendStateTo(out, now_);
  log_.AppendStateTo(out);
  reads_.AppendStateTo(out);
  return out;
}

}  // namespace nokv::raft
