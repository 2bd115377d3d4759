// A region: a range of keys and the peers that replicate it, as a store remembers it.
//
// Invariants (Validate): ids are not 0; the range is not empty and its bounds are no longer than a
// key; both numbers of the epoch are at least 1; 1 to 16 peers, ascending by id, each on another
// store, at least one of them a voter.
//
// Thread-safety: values and pure functions.
#pragma once

#include "engine/base/status.h"
#include "raftstore/raft/config_change.h"
#include "raftstore/transport/envelope.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::region {

using transport::RegionEpoch;
using transport::RegionId;
using transport::StoreId;

inline constexpr size_t kPeersMax = 16;
inline constexpr size_t kBoundBytesMax = 64 << 10;

enum class PeerRole : uint8_t { kVoter = 1, kLearner = 2 };

struct Peer {
  raft::PeerId id = 0;
  StoreId store = 0;
  PeerRole role = PeerRole::kVoter;

  friend bool operator==(const Peer&, const Peer&) = default;
};

struct RegionMeta {
  RegionId id = 0;
  std::string start = {};  // The first key.
  std::string end = {};    // Past the last key; empty for no end.
  RegionEpoch epoch = {.conf_version = 1, .version = 1};
  std::vector<Peer> peers = {};

  bool Contains(std::string_view key) const { return key >= start && (end.empty() || key < end); }

  const Peer* FindPeer(raft::PeerId id) const;
  const Peer* PeerOn(StoreId store) const;

  friend bool operator==(const RegionMeta&, const RegionMeta&) = default;
};

// InvalidArgument that names the region and what is wrong.
absl::Status Validate(const RegionMeta& region);

// Whether some key is in both.
bool Overlap(const RegionMeta& a, const RegionMeta& b);

raft::Configuration ConfigurationOf(const RegionMeta& region);

//   region := version u8 (1) | id varint | version varint | conf_version varint
//           | start size varint, start | end size varint, end
//           | count varint, (peer varint | store varint | role u8)*
std::string Encode(const RegionMeta& region);

// DataLoss for bytes that are no valid region, Unimplemented for those of a newer version.
absl::StatusOr<RegionMeta> DecodeRegionMeta(std::string_view bytes);

// Stands for all of a region when two stores compare what they have. It is said between stores, so
// that its bytes never change:
//
//   FNV-1a of 64 bits over: id | version | conf_version | start size, start | end size, end
//                           | count, (peer | store | role)*     (numbers u64, little-endian)
uint64_t HashOf(const RegionMeta& region);

// "region 7 [6b31, 6b39) epoch 1/3".
std::string ToString(const RegionMeta& region);

// The same with its peers: "..., peers 71 on store 1, 72 on store 2, learner 73 on store 3".
std::string Describe(const RegionMeta& region);

}  // namespace nokv::region
