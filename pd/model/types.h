// The words of placement: stores, regions, peers and epochs, as plain values.
//
// A region is a half-open range of keys that one group of peers replicates. Its epoch tells states
// of it apart: `version` rises when its range changes (split, merge), `conf_version` when its peers
// do. Numbers only rise, so of two descriptions of a key's region the one with the larger version
// is the newer, whatever the order in which they arrive.
//
// Thread-safety: values.
#pragma once

#include "engine/base/status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::pd {

// Ids of different things do not mix. 0 is nobody.
enum class StoreId : uint64_t {};
enum class RegionId : uint64_t {};
enum class PeerId : uint64_t {};

template <typename Id>
constexpr uint64_t Number(Id id) {
  return static_cast<uint64_t>(id);
}

inline constexpr PeerId kNoPeer{0};

// Larger ids are refused, so that counting on from one never wraps.
inline constexpr uint64_t kIdMax = uint64_t{1} << 62;

inline constexpr size_t kRegionKeyBytesMax = 64 << 10;
inline constexpr size_t kPeersMax = 16;
inline constexpr size_t kAddressBytesMax = 256;

struct Epoch {
  uint64_t version = 0;
  uint64_t conf_version = 0;

  friend bool operator==(const Epoch&, const Epoch&) = default;
};

// Whether `left` describes an older range or older peers than `right`. Both numbers rise together
// or alone, never against each other, so older in either is older.
constexpr bool IsOlder(const Epoch& left, const Epoch& right) {
  return left.version < right.version || left.conf_version < right.conf_version;
}

enum class PeerRole : uint8_t {
  kVoter = 1,
  kLearner = 2,
  kIncomingVoter = 3,  // Of the new half of a joint configuration.
  kDemotingVoter = 4,  // Of the old half; a learner afterwards.
};

struct Peer {
  PeerId id{};
  StoreId store{};
  PeerRole role = PeerRole::kVoter;

  friend bool operator==(const Peer&, const Peer&) = default;
};

struct Region {
  RegionId id{};
  std::string start_key = {};  // Included.
  std::string end_key = {};    // Not included; empty for no end.
  Epoch epoch = {};
  std::vector<Peer> peers = {};

  friend bool operator==(const Region&, const Region&) = default;
};

// Null if no peer has the id.
const Peer* FindPeer(const Region& region, PeerId id);
// Null if no peer is on the store.
const Peer* FindPeerOn(const Region& region, StoreId store);

bool Contains(const Region& region, std::string_view key);

// InvalidArgument, naming the region, for what no region can be: no id, an empty range, keys that
// are too long, no peers or too many, a peer or a store twice, a zero epoch.
absl::Status CheckRegion(const Region& region);

// "region 7 (version 3, conf_version 2)".
std::string Describe(const Region& region);

}  // namespace nokv::pd
