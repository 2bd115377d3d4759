#include "percolator/client/reactions.h"

#include "percolator/client/commands.h"

#include <algorithm>

namespace nokv::client {
namespace {

using errors::v1::RegionError;

constexpr int64_t kBusyMsMax = 5000;  // However long a store asks for.

Reaction FollowLeader(const errors::v1::NotLeader& error, const Target& target,
                      RegionCache& cache) {
  if (!error.has_leader() || error.leader().id() == target.peer.id()) {
    cache.TryNext(target.region->id(), target.peer.id());
    return {.wait = Wait::kMoved};
  }
  const bool is_known = cache.SetLeader(target.region->id(), error.leader().id());
  return {.wait = is_known ? Wait::kHint : Wait::kMoved};
}

bool IsUsable(const meta::v1::Region& region) {
  return region.id() != 0 && region.peers_size() > 0 &&
         (region.end_key().empty() || region.start_key() < region.end_key());
}

// The peer that refused probably leads one of them, on the same store.
uint64_t PeerOnStore(const meta::v1::Region& region, uint64_t store_id) {
  for (const meta::v1::Peer& peer : region.peers()) {
    if (peer.store_id() == store_id) return peer.id();
  }
  return 0;
}

Reaction TakeRegions(const errors::v1::EpochNotMatch& error, const Target& target,
                     RegionCache& cache) {
  bool has_news = false;
  for (const meta::v1::Region& region : error.current_regions()) {
    if (!IsUsable(region)) continue;
    const uint64_t leader = PeerOnStore(region, target.peer.store_id());
    has_news |= cache.Insert(region, leader) == RegionCache::News::kNew;
  }
  if (!has_news) cache.Doubt(target.region->id());
  return {.wait = has_news ? Wait::kHint : Wait::kMoved};
}

Reaction Doubt(const Target& target, RegionCache& cache) {
  cache.TryNext(target.region->id(), target.peer.id());
  cache.Doubt(target.region->id());
  return {.wait = Wait::kMoved};
}

}  // namespace

Reaction ReactTo(const RegionError& error, const Target& target, RegionCache& cache) {
  switch (error.reason_case()) {
    case RegionError::kNotLeader:
      return FollowLeader(error.not_leader(), target, cache);
    case RegionError::kEpochNotMatch:
      return TakeRegions(error.epoch_not_match(), target, cache);
    case RegionError::kRegionNotFound:
    case RegionError::kKeyNotInRegion:
      return Doubt(target, cache);
    case RegionError::kServerIsBusy: {
      const auto wait_ms = static_cast<int64_t>(
          std::min<uint64_t>(error.server_is_busy().wait_ms(), uint64_t{kBusyMsMax}));
      return {.wait = Wait::kBusy, .wait_min = absl::Milliseconds(wait_ms)};
    }
    case RegionError::kStoreNotMatch:
      cache.ForgetAddress(target.peer.store_id());
      return Doubt(target, cache);
    case RegionError::kStaleCommand:
      return {.wait = Wait::kStale};
    case RegionError::kDiskFull:
      return {.failure = ResourceExhaustedError(
                  "store {} has {} bytes left on its disk and takes writes again from {} on",
                  target.peer.store_id(), error.disk_full().available_bytes(),
                  error.disk_full().wanted_bytes())};
    case RegionError::kClusterIdMismatch:
      return {.failure = FailedPreconditionError(
                  "the store at {} belongs to cluster {}, this client to {}", target.address,
                  error.cluster_id_mismatch().actual_cluster_id(),
                  error.cluster_id_mismatch().wanted_cluster_id())};
    case RegionError::kRaftEntryTooLarge:
      return {.failure = InvalidArgumentError(
                  "region {} takes writes of up to {} bytes at once, this one has {}",
                  target.region->id(), error.raft_entry_too_large().entry_bytes_max(),
                  error.raft_entry_too_large().entry_bytes())};
    case RegionError::REASON_NOT_SET:
      break;
  }
  return {.failure = InvalidArgumentError("store {} does not serve this: {}",
                                          target.peer.store_id(), Describe(error))};
}

Reaction ReactToSilence(const Target& target, RegionCache& cache) {
  cache.NoteSilence(target.peer.store_id());
  cache.TryNext(target.region->id(), target.peer.id());
  return {.wait = Wait::kUnreachable};
}

}  // namespace nokv::client
