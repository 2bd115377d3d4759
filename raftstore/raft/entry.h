// One entry of the replicated log, and what a peer must remember beside its log.
//
// An index is never given to two different entries of one term (Raft section 5.3): index and term
// together name an entry.
//
// Thread-safety: values.
#pragma once

#include "raftstore/raft/payload.h"

#include <cstdint>

namespace nokv::raft {

using Term = uint64_t;    // 0: before the first election.
using Index = uint64_t;   // 0: before the first entry.
using PeerId = uint64_t;  // 0: nobody. Never used again after the peer's removal.

inline constexpr PeerId kNobody = 0;

// No honest cluster gets there; a message that claims more is broken, and would leave no room to
// count on.
inline constexpr uint64_t kCountMax = uint64_t{1} << 62;

enum class EntryKind : uint8_t {
  kData = 0,          // The state machine's; empty where a new leader marks its term.
  kConfigChange = 1,  // An encoded ConfigChange.
};

struct Entry {
  Index index = 0;
  Term term = 0;
  EntryKind kind = EntryKind::kData;
  Payload data = {};

  friend bool operator==(const Entry&, const Entry&) = default;
};

// What an entry counts in every limit in bytes: its payload and what carries it.
inline constexpr uint64_t kEntryOverheadBytes = 24;

inline uint64_t SizeBytes(const Entry& entry) { return entry.data.size() + kEntryOverheadBytes; }

// Persisted before anything that follows from it is said. The commit index is kept for a faster
// start only: losing an advance of it is harmless.
struct HardState {
  Term term = 0;
  PeerId vote = kNobody;
  Index commit = 0;

  friend bool operator==(const HardState&, const HardState&) = default;
};

}  // namespace nokv::raft
