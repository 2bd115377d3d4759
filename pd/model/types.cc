#include "pd/model/types.h"

#include <algorithm>

namespace nokv::pd {
namespace {

absl::Status CheckPeers(const Region& region) {
  if (region.peers.empty() || region.peers.size() > kPeersMax) {
    return InvalidArgumentError("{}: has {} peers; 1 to {} are wanted", Describe(region),
                                region.peers.size(), kPeersMax);
  }
  for (auto peer = region.peers.begin(); peer != region.peers.end(); ++peer) {
    const uint64_t id = Number(peer->id);
    const uint64_t store = Number(peer->store);
    if (id == 0 || id > kIdMax || store == 0 || store > kIdMax) {
      return InvalidArgumentError("{}: peer {} on store {}; ids from 1 to 2^62 are wanted",
                                  Describe(region), id, store);
    }
    if (peer->role < PeerRole::kVoter || peer->role > PeerRole::kDemotingVoter) {
      return InvalidArgumentError("{}: peer {} has the unknown role {}", Describe(region), id,
                                  static_cast<int>(peer->role));
    }
    const bool is_twice = std::any_of(region.peers.begin(), peer, [&](const Peer& other) {
      return other.id == peer->id || other.store == peer->store;
    });
    if (is_twice) {
      return InvalidArgumentError("{}: peer {} or its store {} is there twice", Describe(region),
                                  id, store);
    }
  }
  return absl::OkStatus();
}

}  // namespace

const Peer* FindPeer(const Region& region, PeerId id) {
  const auto found = std::find_if(region.peers.begin(), region.peers.end(),
                                  [id](const Peer& peer) { return peer.id == id; });
  return found == region.peers.end() ? nullptr : &*found;
}

const Peer* FindPeerOn(const Region& region, StoreId store) {
  const auto found = std::find_if(region.peers.begin(), region.peers.end(),
                                  [store](const Peer& peer) { return peer.store == store; });
  return found == region.peers.end() ? nullptr : &*found;
}

bool Contains(const Region& region, std::string_view key) {
  return key >= region.start_key && (region.end_key.empty() || key < region.end_key);
}

absl::Status CheckRegion(const Region& region) {
  if (Number(region.id) == 0 || Number(region.id) > kIdMax) {
    return InvalidArgumentError("region id {}; ids from 1 to 2^62 are wanted", Number(region.id));
  }
  if (region.epoch.version == 0 || region.epoch.conf_version == 0) {
    return InvalidArgumentError("{}: both numbers of an epoch start at 1", Describe(region));
  }
  if (std::max(region.start_key.size(), region.end_key.size()) > kRegionKeyBytesMax) {
    return InvalidArgumentError("{}: bounds of {} and {} bytes; at most {} are allowed",
                                Describe(region), region.start_key.size(), region.end_key.size(),
                                kRegionKeyBytesMax);
  }
  if (!region.end_key.empty() && region.start_key >= region.end_key) {
    return InvalidArgumentError("{}: its end is not behind its start", Describe(region));
  }
  return CheckPeers(region);
}

std::string Describe(const Region& region) {
  return fmt::format("region {} (version {}, conf_version {})", Number(region.id),
                     region.epoch.version, region.epoch.conf_version);
}

}  // namespace nokv::pd
