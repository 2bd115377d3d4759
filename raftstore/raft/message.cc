#include "raftstore/raft/message.h"

namespace nokv::raft {
namespace {

absl::Status CheckEntries(const Message& m, const Options& options) {
  Index expected = m.log_index + 1;
  Term term = m.log_term;
  uint64_t bytes = 0;
  for (const Entry& entry : m.entries) {
    if (entry.index != expected) {
      return InvalidArgumentError("append from {} has entry {} where {} must follow", m.from,
                                  entry.index, expected);
    }
    if (entry.term < term || entry.term > m.term) {
      return InvalidArgumentError(
          "append from {} has entry {} of term {} after term {}, in term {}", m.from, entry.index,
          entry.term, term, m.term);
    }
    if (entry.kind != EntryKind::kData && entry.kind != EntryKind::kConfigChange) {
      return InvalidArgumentError("append from {} has entry {} of unknown kind {}", m.from,
                                  entry.index, static_cast<int>(entry.kind));
    }
    ++expected;
    term = entry.term;
    bytes += SizeBytes(entry);
  }
  const uint64_t bytes_max =
      options.message_bytes_max + options.entry_bytes_max + kEntryOverheadBytes;
  if (bytes > bytes_max) {
    return InvalidArgumentError("append from {} has {} bytes of entries, more than {}", m.from,
                                bytes, bytes_max);
  }
  return absl::OkStatus();
}

absl::Status CheckSnapshot(const Message& m) {
  if (m.snapshot == nullptr) return InvalidArgumentError("a snapshot message without a snapshot");
  const Snapshot& snapshot = *m.snapshot;
  if (snapshot.index == 0 || snapshot.index >= kCountMax || snapshot.term == 0 ||
      snapshot.term > m.term) {
    return InvalidArgumentError("snapshot from {} at index {}, term {} in term {}", m.from,
                                snapshot.index, snapshot.term, m.term);
  }
  if (snapshot.configuration.voters.empty()) {
    return InvalidArgumentError("snapshot from {} at index {} names no voter", m.from,
                                snapshot.index);
  }
  return Validate(snapshot.configuration);
}

}  // namespace

bool IsReply(MessageType type) {
  switch (type) {
    case MessageType::kPreVoteReply:
    case MessageType::kVoteReply:
    case MessageType::kAppendReply:
    case MessageType::kHeartbeatReply:
      return true;
    default:
      return false;
  }
}

absl::Status CheckShape(const Message& m, const Options& options) {
  if (m.type > MessageType::kTimeoutNow) {
    return InvalidArgumentError("unknown message type {}", static_cast<int>(m.type));
  }
  if (m.to != options.id || m.from == kNobody || m.from == options.id) {
    return InvalidArgumentError("message from {} to {} came to peer {}", m.from, m.to, options.id);
  }
  if (m.term == 0) return InvalidArgumentError("{} from {} of term 0", ToString(m.type), m.from);
  for (const uint64_t number : {m.from, m.term, m.log_index, m.log_term, m.commit, m.hint}) {
    if (number >= kCountMax) {
      return InvalidArgumentError("{} from {} with the number {}", ToString(m.type), m.from,
                                  number);
    }
  }
  if (m.type == MessageType::kAppend) return CheckEntries(m, options);
  if (!m.entries.empty()) {
    return InvalidArgumentError("{} from {} with {} entries", ToString(m.type), m.from,
                                m.entries.size());
  }
  if (m.type == MessageType::kSnapshot) return CheckSnapshot(m);
  return absl::OkStatus();
}

std::string_view ToString(MessageType type) {
  switch (type) {
    case MessageType::kPreVote:
      return "pre-vote";
    case MessageType::kPreVoteReply:
      return "pre-vote-reply";
    case MessageType::kVote:
      return "vote";
    case MessageType::kVoteReply:
      return "vote-reply";
    case MessageType::kAppend:
      return "append";
    case MessageType::kAppendReply:
      return "append-reply";
    case MessageType::kHeartbeat:
      return "heartbeat";
    case MessageType::kHeartbeatReply:
      return "heartbeat-reply";
    case MessageType::kSnapshot:
      return "snapshot";
    case MessageType::kTimeoutNow:
      return "timeout-now";
  }
  return "unknown";
}

std::string ToString(const Message& m) {
  std::string text = fmt::format("{}>{} {} term={}", m.from, m.to, ToString(m.type), m.term);
  const auto add = [&text](std::string_view name, uint64_t value) {
    if (value != 0) text += fmt::format(" {}={}", name, value);
  };
  switch (m.type) {
    case MessageType::kPreVote:
    case MessageType::kVote:
      text += fmt::format(" last={}/{}", m.log_index, m.log_term);
      if (m.force) text += " force";
      break;
    case MessageType::kPreVoteReply:
    case MessageType::kVoteReply:
      text += m.reject ? " refused" : " granted";
      break;
    case MessageType::kAppend:
      text += fmt::format(" prev={}/{}", m.log_index, m.log_term);
      if (!m.entries.empty()) {
        text += " entries=[";
        for (const Entry& entry : m.entries) {
          text += fmt::format("{}{}/{}", entry.index == m.log_index + 1 ? "" : " ", entry.index,
                              entry.term);
        }
        text += "]";
      }
      add("commit", m.commit);
      break;
    case MessageType::kAppendReply:
      text += fmt::format(" {}={}", m.reject ? "rejected" : "index", m.log_index);
      if (m.reject) text += fmt::format(" hint={}/{}", m.hint, m.hint_term);
      break;
    case MessageType::kHeartbeat:
      add("commit", m.commit);
      [[fallthrough]];
    case MessageType::kHeartbeatReply:
      add("round", m.round);
      break;
    case MessageType::kSnapshot:
      if (m.snapshot != nullptr) {
        text += fmt::format(" at={}/{} {}", m.snapshot->index, m.snapshot->term,
                            ToString(m.snapshot->configuration));
      }
      break;
    case MessageType::kTimeoutNow:
      break;
  }
  return text;
}

}  // namespace nokv::raft
