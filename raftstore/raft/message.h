// What peers of a group say to each other.
//
// Messages may be lost, repeated, delayed and reordered. They may also be wrong: CheckShape() is
// the first of the checks that let nothing from another machine end this process.
//
// Thread-safety: values.
#pragma once

#include "engine/base/status.h"
#include "raftstore/raft/config_change.h"
#include "raftstore/raft/entry.h"
#include "raftstore/raft/options.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::raft {

// The state at an index, which stands for all entries up to and with it.
struct Snapshot {
  Index index = 0;
  Term term = 0;
  Configuration configuration = {};
  Payload data = {};  // The caller's, such as where the receiver finds the stream of data.
};

enum class MessageType : uint8_t {
  kPreVote,         // Would you vote for me in `term`? Binds nobody.
  kPreVoteReply,    //
  kVote,            // log_index, log_term: the end of the candidate's log.
  kVoteReply,       //
  kAppend,          // log_index, log_term: the entry before `entries`; commit.
  kAppendReply,     // log_index: acknowledged up to here; or, rejected, the append's log_index.
  kHeartbeat,       // commit, round, sent_tick.
  kHeartbeatReply,  // round and sent_tick as they came.
  kSnapshot,        // snapshot. Answered by kAppendReply.
  kTimeoutNow,      // Campaign at once: leadership is handed to you.
};

struct Message {
  MessageType type = MessageType::kHeartbeat;
  bool reject = false;  // Replies only.
  bool force = false;   // kVote: the present leader wants it, so that nobody protects it.
  PeerId from = kNobody;
  PeerId to = kNobody;
  Term term = 0;  // The sender's; of a pre-vote and its grant, the term that it is about.
  Index log_index = 0;
  Term log_term = 0;
  Index commit = 0;
  Index hint = 0;          // A rejected append: the logs agree at most up to here,
  Term hint_term = 0;      // and the follower's entry there has this term.
  uint64_t round = 0;      // Of reads that wait for a confirmation.
  uint64_t sent_tick = 0;  // By the leader's count.
  std::vector<Entry> entries = {};
  std::shared_ptr<const Snapshot> snapshot = {};
};

bool IsReply(MessageType type);

// InvalidArgument for a message that no honest peer would send to `options.id`: a wrong address, no
// term, numbers out of any range, entries that do not follow each other, more bytes than allowed.
absl::Status CheckShape(const Message& message, const Options& options);

std::string_view ToString(MessageType type);

// One line: "1>2 append term=2 prev=3/1 entries=[4/2 5/2] commit=3".
std::string ToString(const Message& message);

}  // namespace nokv::raft
