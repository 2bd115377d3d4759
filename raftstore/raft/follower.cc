// A follower's side of replication: taking entries, commit indexes and snapshots from its leader.
#include "engine/base/check.h"
#include "raftstore/raft/planted.h"
#include "raftstore/raft/raft.h"

#include <algorithm>
#include <span>

namespace nokv::raft {

void Raft::Acknowledge(const Message& to, Index index) {
  Send({.type = MessageType::kAppendReply, .to = to.from, .log_index = index});
}

// Takes entries that follow one that this log has (Raft section 5.3).
absl::Status Raft::HandleAppend(const Message& append) {
  if (append.log_index < log_.committed()) {
    // A repetition, or a leader that starts to probe. What is committed is the same in every log.
    Acknowledge(append, log_.committed());
    return absl::OkStatus();
  }
  // Without a configuration this peer would not know what the entries change: a snapshot is needed.
  if (configuration_.voters.empty() || !log_.Matches(append.log_index, append.log_term)) {
    const Index hint = log_.LastIndexOfTermAtMost(append.log_index, append.log_term);
    Send({.type = MessageType::kAppendReply,
          .reject = true,
          .to = append.from,
          .log_index = append.log_index,
          .hint = hint,
          .hint_term = log_.TermAt(hint).value_or(0)});
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const Index first_new, log_.FirstNew(append.entries));
  const Index last = append.log_index + append.entries.size();
  if (first_new <= last) {
    log_.Append(std::span(append.entries).subspan(first_new - append.log_index - 1));
  }
  // Behind `last` this log may still hold what another leader left, so commit stops there.
  log_.CommitTo(std::min(append.commit, last));
  Acknowledge(append, last);
  return absl::OkStatus();
}

absl::Status Raft::HandleHeartbeat(const Message& heartbeat) {
  // A leader names only what this peer has acknowledged in its term.
  if (heartbeat.commit > log_.last_index() && !Planted(Bug::kCommitPastMatch)) {
    return InvalidArgumentError("heartbeat from {} commits {}, past the end of the log at {}",
                                heartbeat.from, heartbeat.commit, log_.last_index());
  }
  log_.CommitTo(std::min(heartbeat.commit, log_.last_index()));
  Send({.type = MessageType::kHeartbeatReply,
        .to = heartbeat.from,
        .round = heartbeat.round,
        .sent_tick = heartbeat.sent_tick});
  return absl::OkStatus();
}

absl::Status Raft::HandleSnapshot(const Message& message) {
  const Snapshot& snapshot = *message.snapshot;
  if (snapshot.index <= log_.committed()) {
    Acknowledge(message, log_.committed());  // Nothing new; perhaps the leader does not know.
    return absl::OkStatus();
  }
  if (log_.Matches(snapshot.index, snapshot.term)) {
    log_.CommitTo(snapshot.index);  // The entries are all here, so they need not be replaced.
    Acknowledge(message, snapshot.index);
    return absl::OkStatus();
  }
  if (!snapshot.configuration.Contains(options_.id)) {
    return InvalidArgumentError("snapshot from {} at index {} is of a group without peer {}: {}",
                                message.from, snapshot.index, options_.id,
                                ToString(snapshot.configuration));
  }
  configuration_ = snapshot.configuration;
  log_.Restore(message.snapshot);
  Acknowledge(message, snapshot.index);
  return absl::OkStatus();
}

}  // namespace nokv::raft
