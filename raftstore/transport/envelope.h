// A raft message on its way between two stores: which region it belongs to, and how large it
// counts.
//
// Thread-safety: values.
#pragma once

#include "raftstore/raft/message.h"

#include <compare>
#include <cstdint>
#include <string_view>

namespace nokv::transport {

using StoreId = uint64_t;   // 0: none.
using RegionId = uint64_t;  // 0: none.

// How often a region's members, and its range, have changed. Never falls.
struct RegionEpoch {
  uint64_t conf_version = 0;
  uint64_t version = 0;

  friend auto operator<=>(const RegionEpoch&, const RegionEpoch&) = default;
};

// The peers are those of `message`; the epoch is the sender's. `region_hash` stands for the whole
// region as the sender has it: two that share an id and an epoch need not be the same.
struct Envelope {
  RegionId region = 0;
  RegionEpoch epoch = {};
  uint64_t region_hash = 0;
  raft::Message message = {};
};

// Streams between two stores that must not wait for each other.
enum class Lane : uint8_t {
  kControl = 0,   // Heartbeats, votes and acknowledgements: small, and what keeps leaders alive.
  kAppend = 1,    // Entries.
  kSnapshot = 2,  // Reserved: regions' data. Refused so far.
};

inline constexpr size_t kLanes = 2;

std::string_view ToString(Lane lane);

// The lane of a message. Appends without entries go with the others, so that none overtakes
// another.
Lane LaneOf(const raft::Message& message);

// What a message counts in every limit in bytes: about what it takes on the wire and in memory.
inline constexpr uint64_t kMessageOverheadBytes = 64;
uint64_t SizeBytes(const Envelope& envelope);

}  // namespace nokv::transport
