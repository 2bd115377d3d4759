// Which term a message belongs to, whether it may be believed, and who answers it.
#include "engine/base/check.h"
#include "raftstore/raft/raft.h"

namespace nokv::raft {

absl::Status Raft::Step(Message message) {
  RETURN_IF_ERROR(failure_);
  RETURN_IF_ERROR(CheckShape(message, options_));

  // Replies count only from those who were asked. A request may come from a peer that this one has
  // not heard of yet: it is behind, and refusing could leave the group without a leader.
  if (IsReply(message.type) && !configuration_.Contains(message.from)) {
    return NotFoundError("{} from {}, which is not in the group of peer {}", ToString(message.type),
                         message.from, options_.id);
  }
  if ((message.type == MessageType::kPreVote || message.type == MessageType::kVote) &&
      message.term >= term_ && !message.force && BacksLeader()) {
    return FailedPreconditionError("peer {} does not vote for {}: it backs leader {} in term {}",
                                   options_.id, message.from, leader_, term_);
  }
  if (message.term < term_) return RefuseOlderTerm(message);
  if (message.term > term_) RETURN_IF_ERROR(MeetNewerTerm(message));
  RETURN_IF_ERROR(Dispatch(message));
  return failure_;
}

absl::Status Raft::MeetNewerTerm(const Message& message) {
  switch (message.type) {
    case MessageType::kPreVote:
      return absl::OkStatus();  // About a term that may never come.
    case MessageType::kPreVoteReply:
      if (!message.reject) return absl::OkStatus();  // The same.
      break;
    case MessageType::kAppend:
    case MessageType::kHeartbeat:
    case MessageType::kSnapshot:
      BecomeFollower(message.term, message.from);
      return absl::OkStatus();
    default:
      break;
  }
  BecomeFollower(message.term, kNobody);
  return absl::OkStatus();
}

absl::Status Raft::RefuseOlderTerm(const Message& message) {
  switch (message.type) {
    case MessageType::kAppend:
    case MessageType::kHeartbeat:
    case MessageType::kSnapshot:
      // The sender thinks that it leads. Where votes are refused to protect leaders, our own vote
      // request would not reach it: the answer tells it, and it steps down.
      Send({.type = MessageType::kAppendReply, .reject = true, .to = message.from});
      break;
    case MessageType::kPreVote:
      Send({.type = MessageType::kPreVoteReply, .reject = true, .to = message.from});
      break;
    default:
      break;
  }
  return FailedPreconditionError("{} from {} of term {} is older than term {}",
                                 ToString(message.type), message.from, message.term, term_);
}

// The sender leads in our term: a candidate gives way, a follower notes that it lives.
absl::Status Raft::AcceptLeader(const Message& message) {
  if (is_leader() || (leader_ != kNobody && leader_ != message.from)) {
    return InvalidArgumentError("{} from {} as a second leader of term {} beside {}",
                                ToString(message.type), message.from, term_, leader_);
  }
  if (role_ != Role::kFollower) BecomeFollower(term_, message.from);
  leader_ = message.from;
  contact_tick_ = now_;
  ResetElectionTimer();
  return absl::OkStatus();
}

absl::Status Raft::Dispatch(Message& message) {
  switch (message.type) {
    case MessageType::kPreVote:
    case MessageType::kVote:
      return HandleVoteRequest(message);
    case MessageType::kPreVoteReply:
    case MessageType::kVoteReply:
      return HandleVoteReply(message);
    case MessageType::kAppend:
      RETURN_IF_ERROR(AcceptLeader(message));
      return HandleAppend(message);
    case MessageType::kHeartbeat:
      RETURN_IF_ERROR(AcceptLeader(message));
      return HandleHeartbeat(message);
    case MessageType::kSnapshot:
      RETURN_IF_ERROR(AcceptLeader(message));
      return HandleSnapshot(message);
    case MessageType::kAppendReply:
      return HandleAppendReply(message);
    case MessageType::kHeartbeatReply:
      return HandleHeartbeatReply(message);
    case MessageType::kTimeoutNow:
      return HandleTimeoutNow(message);
  }
  return InvalidArgumentError("unknown message type");
}

}  // namespace nokv::raft
