// What a core asks its caller to do. Each part may be empty.
//
// The order, per Ready and from one to the next:
//   1. Send `messages_now`. They promise nothing of this peer, so they need not wait for its
//      disk: a leader's append is on its way to the followers while the leader itself syncs.
//   2. Append `entries` (replacing what the log holds from the first of them on), `hard_state` and
//      `snapshot` to the durable log as one atomic write, after the writes of earlier Readies.
//      Sync it if `must_sync`.
//   3. When that is durable, and everything of earlier Readies is too, send the messages of
//      `messages_after_persist` and call Persisted(number). The next Ready may be taken and written
//      before; several can be on their way.
//   4. Apply `committed` in order, and report Applied(). They are durable here already. A
//      configuration change is applied by ApplyConfigChange(), or by nothing if the caller refuses
//      it.
//   5. Answer each read of `reads` when its index is applied.
//
// A Ready without anything to write is still Persisted() in its turn.
//
// Thread-safety: values.
#pragma once

#include "raftstore/raft/entry.h"
#include "raftstore/raft/message.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace nokv::raft {

enum class Role : uint8_t { kFollower, kPreCandidate, kCandidate, kLeader };

struct SoftState {
  Role role = Role::kFollower;
  PeerId leader = kNobody;

  friend bool operator==(const SoftState&, const SoftState&) = default;
};

// The state machine may answer the read once it has applied `index`.
struct ReadState {
  uint64_t context = 0;
  Index index = 0;

  friend bool operator==(const ReadState&, const ReadState&) = default;
};

struct Ready {
  uint64_t number = 0;  // From 1, without gaps.

  std::optional<HardState> hard_state;  // Only if changed.
  std::vector<Entry> entries;
  std::shared_ptr<const Snapshot> snapshot;  // Comes before `entries`; replaces log and state.
  bool must_sync = false;                    // False if only the commit index moved.

  std::vector<Message> messages_now;
  std::vector<Message> messages_after_persist;

  std::vector<Entry> committed;
  std::vector<ReadState> reads;
  std::vector<uint64_t> dropped_reads;  // Contexts of reads that this peer can no longer confirm.
  std::optional<SoftState> soft_state;  // Only if changed.

  bool has_write() const { return hard_state || !entries.empty() || snapshot != nullptr; }
};

}  // namespace nokv::raft
