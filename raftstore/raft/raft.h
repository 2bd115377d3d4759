// One peer of a Raft group: a state machine without threads, clock, files or network.
//
// Inputs change its state and return at once; what follows from them is collected by TakeReady(),
// and ready.h says what the caller owes for it. The same inputs in the same order give the same
// Readies.
//
// Invariants, at every moment between two inputs:
//   - term, vote and what is acknowledged to others never go back, not even over a crash, while
//     the caller keeps the order of ready.h;
//   - a leader never changes or removes an entry of its own log;
//   - the commit index never falls, and only an entry of the leader's own term moves it;
//   - applied ≤ committed, and nothing is handed out to apply before it is durable here;
//   - at most one configuration change is proposed and not applied.
//
// A wrong or hostile message is refused with a status; at most its term, and that its sender lives,
// is believed. A log that cannot be read stops the peer: status() tells, and every input returns it
// from then on.
//
// Thread-safety: none; the region that owns the peer is its only user.
#pragma once

#include "engine/base/random.h"
#include "engine/base/status.h"
#include "raftstore/raft/config_change.h"
#include "raftstore/raft/entry.h"
#include "raftstore/raft/log.h"
#include "raftstore/raft/log_reader.h"
#include "raftstore/raft/message.h"
#include "raftstore/raft/options.h"
#include "raftstore/raft/progress.h"
#include "raftstore/raft/quorum.h"
#include "raftstore/raft/read_index.h"
#include "raftstore/raft/ready.h"

#include <absl/functional/function_ref.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace nokv::raft {

// Where the log of every group begins: its first peers start as if from a snapshot at this index.
// So there is no entry that a newcomer's empty log could be extended by, and it begins with a
// snapshot, which tells it the configuration that no entry holds.
inline constexpr Index kBootstrapIndex = 1;
inline constexpr Term kBootstrapTerm = 1;

// What the caller finds when it starts. A newcomer to a group has an empty configuration and an
// empty log: it waits for a snapshot.
struct InitialState {
  HardState hard_state;
  Index applied = 0;            // What the state machine has.
  Configuration configuration;  // As of `applied`.
};

enum class SnapshotOutcome : uint8_t { kDelivered, kFailed };

class Raft {
 public:
  // `log` must outlive the peer. InvalidArgument for bad options; DataLoss if log and state do not
  // fit together, which no crash can bring about.
  static absl::StatusOr<std::unique_ptr<Raft>> Create(const Options& options, const LogReader& log,
                                                      const InitialState& state);

  // A copy that goes on by itself, over a copy of the log. For searching through possible futures.
  std::unique_ptr<Raft> Clone(const LogReader& log) const;

  Raft& operator=(const Raft&) = delete;

  // --- Inputs.

  // Takes a message from another peer. A refusal is no failure of this peer: FailedPrecondition for
  // what came too late or at the wrong moment, NotFound for a reply of a stranger, InvalidArgument
  // for what no honest peer would send.
  absl::Status Step(Message message);

  // Lets time pass.
  void Tick(uint64_t ticks = 1);

  // No input but time for so many ticks: until then Tick() does nothing but count.
  uint64_t ticks_until_action() const;

  // Appends entries to the leader's log and returns the index of the first. `evaluated_in` is the
  // term in which the leader computed them: in any other they may rest on state that has changed.
  // FailedPrecondition (not leader, other term, leadership on its way elsewhere), ResourceExhausted
  // (too much is uncommitted; nothing is queued), InvalidArgument (too large, or nothing).
  absl::StatusOr<Index> Propose(std::vector<Payload> entries, Term evaluated_in);

  // As Propose. FailedPrecondition also while an earlier change is not applied, InvalidArgument for
  // a change that cannot be done.
  absl::StatusOr<Index> ProposeConfigChange(const ConfigChange& change, Term evaluated_in);

  // Asks up to where a read must wait to see everything acknowledged before now. The answer, or
  // that there will be none, comes in a Ready with the same context. FailedPrecondition if not
  // leader, ResourceExhausted if too many wait.
  absl::Status ReadIndex(uint64_t context);

  // Hands leadership to a voter once its log has caught up. Until then, or until an election
  // timeout has passed, nothing can be proposed.
  absl::Status TransferLeadership(PeerId to);

  // Starts an election now. FailedPrecondition if this peer cannot lead, or backs a leader.
  absl::Status Campaign();

  // The last messages to `peer` were lost.
  void ReportUnreachable(PeerId peer);

  // What became of the snapshot for `peer`. Must be called for each that was handed out.
  void ReportSnapshot(PeerId peer, SnapshotOutcome outcome);

  // The Ready of this number, and all before it, are durable.
  void Persisted(uint64_t ready);

  // A committed change is applied: returns the configuration from now on, to be kept with the
  // applied index. Called before Applied() of its index. An error is the same on every peer,
  // changes nothing, and is the outcome of that entry.
  absl::StatusOr<Configuration> ApplyConfigChange(const ConfigChange& change);

  // The state machine has applied everything up to and with `index`.
  void Applied(Index index);

  // --- Output.

  bool HasReady() const;
  Ready TakeReady();

  // --- What is the case.

  const absl::Status& status() const { return failure_; }

  PeerId id() const { return options_.id; }

  Term term() const { return term_; }

  Role role() const { return role_; }

  PeerId leader() const { return leader_; }

  bool is_leader() const { return role_ == Role::kLeader; }

  Index last_index() const { return log_.last_index(); }

  Index committed() const { return log_.committed(); }

  Index applied() const { return log_.applied(); }

  const Log& log() const { return log_; }

  const Configuration& configuration() const { return configuration_; }

  PeerId transferring_to() const { return transferee_; }

  // True for a leader whose state machine has all that was acknowledged before its term: only then
  // may it evaluate a request.
  bool may_evaluate() const;

  // True if a read could be answered now, without messages.
  bool has_lease() const;

  // A leader's view of the others, ordered by id; empty for others.
  const std::vector<Progress>& progress() const { return progress_; }

  // Everything that decides what this peer will do, except for its timeouts and its durable log:
  // two peers with the same text and log answer the same inputs in the same way.
  std::string StateText() const;

 private:
  enum class CampaignKind : uint8_t { kPreVote, kVote, kForced };

  Raft(const Options& options, const LogReader& log, const InitialState& state);
  Raft(const Raft&) = default;

  // raft.cc
  void Fail(absl::Status status);
  void Send(Message message);
  void ResetElectionTimer();
  absl::Status RequireLeader() const;
  absl::Status CheckEvaluationTerm(Term evaluated_in) const;

  SoftState soft_state() const { return {role_, leader_}; }

  HardState hard_state() const { return {term_, vote_, log_.committed()}; }

  bool must_hand_hard_state() const { return hard_state() != handed_hard_state_; }

  // step.cc: terms, and who answers what.
  absl::Status MeetNewerTerm(const Message& message);
  absl::Status RefuseOlderTerm(const Message& message);
  absl::Status AcceptLeader(const Message& message);
  absl::Status Dispatch(Message& message);

  // election.cc
  bool can_lead() const;
  bool BacksLeader() const;
  void BecomeFollower(Term term, PeerId leader);
  void BecomeLeader();
  absl::Status StartElection(CampaignKind kind);
  absl::Status HandleVoteRequest(const Message& request);
  absl::Status HandleVoteReply(const Message& reply);
  absl::Status HandleTimeoutNow(const Message& message);
  void RecordVote(PeerId from, bool granted);
  void AskForVotes(MessageType type, Term term, bool force);

  // follower.cc
  absl::Status HandleAppend(const Message& append);
  absl::Status HandleHeartbeat(const Message& heartbeat);
  absl::Status HandleSnapshot(const Message& message);
  void Acknowledge(const Message& to, Index index);

  // replication.cc
  absl::Status HandleAppendReply(const Message& reply);
  absl::Status HandleHeartbeatReply(const Message& reply);
  Progress* FindProgress(PeerId peer);
  uint64_t Reached(absl::FunctionRef<uint64_t(const Progress&)> value_of, uint64_t own) const;
  Index AppendOwn(EntryKind kind, std::vector<Payload> payloads);
  void SendAppends();
  void ReplicateTo(Progress& peer);
  bool SendOneAppend(Progress& peer);
  void SendSnapshot(Progress& peer);
  void MaybeCommit();
  void TickLeader();
  void SendHeartbeats();

  // reads.cc
  void MaybeStartReadRound();
  void ConfirmReads();
  bool IsOnlyVoter() const;

  // membership.cc
  void RebuildProgress();
  void MaybeLeaveJoint();
  void HandOver();
  void MaybeTellTransferee(const Progress& peer);
  void TellToCampaign(PeerId peer);

  Options options_;
  absl::Status failure_;
  Log log_;
  Random random_;
  Configuration configuration_;

  Term term_ = 0;
  PeerId vote_ = kNobody;
  Role role_ = Role::kFollower;
  PeerId leader_ = kNobody;

  // Time, in ticks.
  uint64_t now_;
  uint64_t contact_tick_;      // When a leader was last heard.
  uint64_t election_due_ = 0;  // Not for a leader.
  uint64_t heartbeat_due_ = 0;
  uint64_t transfer_due_ = 0;

  // Of a candidate.
  std::vector<std::pair<PeerId, bool>> votes_;
  bool is_own_vote_new_ = false;  // Goes with the next Ready,
  uint64_t own_vote_ready_ = 0;   // which was this one, and counts once it is persisted.

  // Of a leader.
  std::vector<Progress> progress_;  // Of every peer of the group and itself, ordered by id.
  bool must_replicate_ = false;     // TakeReady() looks what there is to send, once for all.
  Index term_start_ = 0;            // The first entry of its term.
  Index pending_change_ = 0;        // No configuration change stands behind this index.
  uint64_t uncommitted_bytes_ = 0;  // Proposed and not handed out to apply.
  PeerId transferee_ = kNobody;
  bool is_lease_given_up_ = false;  // A successor may campaign at any time in this term.
  ReadQueue reads_;

  // Of the output.
  uint64_t ready_number_ = 0;
  uint64_t persisted_ready_ = 0;
  HardState handed_hard_state_;
  SoftState handed_soft_state_;
  std::vector<Message> messages_now_;
  std::vector<Message> messages_after_persist_;
  std::vector<ReadState> answered_reads_;
  std::vector<uint64_t> dropped_reads_;
};

}  // namespace nokv::raft
