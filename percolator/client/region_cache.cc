#include "percolator/client/region_cache.h"

#include "engine/base/check.h"

#include <utility>

namespace nokv::client {
namespace {

using meta::v1::Peer;
using meta::v1::Region;

constexpr size_t kStoresMax = 16 << 10;

bool IsVoter(const Peer& peer) { return peer.role() != meta::v1::PEER_ROLE_LEARNER; }

int Voters(const Region& region) {
  int voters = 0;
  for (const Peer& peer : region.peers()) voters += IsVoter(peer) ? 1 : 0;
  return voters;
}

// The next voter at or behind `place`, in a circle; `place` if there is none.
int VoterFrom(const Region& region, int place) {
  const int peers = region.peers_size();
  for (int i = 0; i < peers; ++i) {
    const int candidate = (place + i) % peers;
    if (IsVoter(region.peers(candidate))) return candidate;
  }
  return place % peers;
}

// The place of the peer, or nothing if it is none of the region's voters.
std::optional<int> FindVoter(const Region& region, uint64_t peer_id) {
  for (int i = 0; i < region.peers_size(); ++i) {
    if (region.peers(i).id() == peer_id && IsVoter(region.peers(i))) return i;
  }
  return std::nullopt;
}

bool EndsAtOrBefore(const Region& region, std::string_view key) {
  return !region.end_key().empty() && std::string_view(region.end_key()) <= key;
}

using EpochValue = std::pair<uint64_t, uint64_t>;

EpochValue EpochOf(const Region& region) {
  return {region.epoch().version(), region.epoch().conf_version()};
}

// Whether `known` tells more than `offered`, with which it shares keys or the id.
bool IsNewer(const Region& known, const Region& offered) {
  if (known.id() == offered.id()) return EpochOf(known) > EpochOf(offered);
  return known.epoch().version() > offered.epoch().version();
}

// Close below `end`. Which region ends there is found from it in a few steps: KeyToLoadBefore().
std::string RoughlyBefore(std::string_view end) {
  constexpr size_t kTail = 8;
  if (end.empty()) return std::string(kTail, '\xff');
  std::string key(end.substr(0, end.size() - 1));
  const auto last = static_cast<unsigned char>(end.back());
  if (last == 0) return key;
  key.push_back(static_cast<char>(last - 1));
  key.append(kTail, '\xff');
  return key;
}

}  // namespace

bool Contains(const Region& region, std::string_view key) {
  return std::string_view(region.start_key()) <= key && !EndsAtOrBefore(region, key);
}

RegionCache::ByStart::iterator RegionCache::FindEntry(std::string_view key) {
  auto found = by_start_.upper_bound(key);
  if (found == by_start_.begin()) return by_start_.end();
  --found;
  return EndsAtOrBefore(*found->second.region, key) ? by_start_.end() : found;
}

RegionCache::ByStart::iterator RegionCache::FindEntryBefore(std::string_view end) {
  auto found = end.empty() ? by_start_.end() : by_start_.lower_bound(end);
  if (found == by_start_.begin()) return by_start_.end();
  --found;
  const std::string_view region_end = found->second.region->end_key();
  const bool reaches = region_end.empty() || (!end.empty() && region_end >= end);
  return reaches ? found : by_start_.end();
}

std::optional<Target> RegionCache::Find(std::string_view key) { return TargetOf(FindEntry(key)); }

std::optional<Target> RegionCache::FindBefore(std::string_view end) {
  return TargetOf(FindEntryBefore(end));
}

std::optional<Target> RegionCache::TargetOf(ByStart::iterator found) {
  if (found == by_start_.end()) return std::nullopt;
  Entry& entry = found->second;
  entry.is_used = true;
  const Region& region = *entry.region;
  TurnFromSilence(entry);
  for (int i = 0; i < region.peers_size(); ++i) {
    const Peer& peer = region.peers(entry.target);
    const auto address = addresses_.find(peer.store_id());
    if (address != addresses_.end()) {
      return Target{.region = entry.region,
                    .peer = peer,
                    .address = address->second,
                    .is_guess = !entry.is_leader_known || entry.strikes > 0,
                    .is_doubtful = entry.is_doubtful};
    }
    Turn(entry);
  }
  return std::nullopt;
}

void RegionCache::TurnFromSilence(Entry& entry) const {
  if (silent_stores_.empty() || entry.is_hinted) return;
  const int first = entry.target;
  while (silent_stores_.contains(entry.region->peers(entry.target).store_id())) {
    Turn(entry);
    if (entry.target == first) return;  // All are silent: any will do.
  }
}

void RegionCache::Turn(Entry& entry) {
  entry.target = VoterFrom(*entry.region, entry.target + 1);
  entry.is_leader_known = false;
  entry.is_hinted = false;
}

std::string RegionCache::KeyToLoadBefore(std::string_view end) const {
  std::string rough = RoughlyBefore(end);
  auto found = end.empty() ? by_start_.end() : by_start_.lower_bound(end);
  if (found == by_start_.begin()) return rough;
  --found;
  const std::string& region_end = found->second.region->end_key();
  return !region_end.empty() && region_end > rough ? region_end : rough;
}

RegionCache::News RegionCache::Insert(const Region& region, uint64_t leader_peer_id) {
  if (const auto same = by_id_.find(region.id()); same != by_id_.end()) {
    Entry& entry = same->second->second;
    if (IsNewer(*entry.region, region)) return News::kOlder;
    if (EpochOf(*entry.region) == EpochOf(region)) {
      const std::optional<int> leader = FindVoter(*entry.region, leader_peer_id);
      if (leader) entry.target = *leader;
      entry.is_leader_known |= leader.has_value();
      entry.strikes = 0;
      entry.is_doubtful = false;
      return News::kKnown;
    }
  }
  for (auto other = FirstOverlap(region); other != by_start_.end(); ++other) {
    const bool is_behind = !region.end_key().empty() && other->first >= region.end_key();
    if (is_behind) break;
    if (IsNewer(*other->second.region, region)) return News::kOlder;
  }
  Replace(region, leader_peer_id);
  return News::kNew;
}

void RegionCache::Replace(const Region& region, uint64_t leader_peer_id) {
  NOKV_CHECK(region.peers_size() > 0);
  if (const auto same = by_id_.find(region.id()); same != by_id_.end()) Erase(same->second);
  for (auto other = FirstOverlap(region); other != by_start_.end();) {
    if (!region.end_key().empty() && other->first >= region.end_key()) break;
    Erase(other++);
  }
  MakeRoom();
  const std::optional<int> leader = FindVoter(region, leader_peer_id);
  const auto [added, is_new] =
      by_start_.emplace(region.start_key(), Entry{.region = std::make_shared<const Region>(region),
                                                  .target = leader ? *leader : VoterFrom(region, 0),
                                                  .is_leader_known = leader.has_value()});
  NOKV_CHECK(is_new);
  by_id_[region.id()] = added;
}

// The first entry that reaches past the region's start.
RegionCache::ByStart::iterator RegionCache::FirstOverlap(const Region& region) {
  auto found = by_start_.upper_bound(region.start_key());
  if (found != by_start_.begin()) {
    const auto before = std::prev(found);
    if (!EndsAtOrBefore(*before->second.region, region.start_key())) found = before;
  }
  return found;
}

void RegionCache::SetAddress(uint64_t store_id, const std::string& address) {
  // Only a damaged answer names so many; routes are asked for again.
  if (addresses_.size() >= kStoresMax) addresses_.clear();
  addresses_[store_id] = address;
}

void RegionCache::Confirm(uint64_t region_id) {
  const auto found = by_id_.find(region_id);
  if (found == by_id_.end()) return;
  Entry& entry = found->second->second;
  entry.strikes = 0;
  entry.is_leader_known = true;
  entry.is_doubtful = false;
}

bool RegionCache::SetLeader(uint64_t region_id, uint64_t peer_id) {
  const auto found = by_id_.find(region_id);
  if (found == by_id_.end()) return false;
  Entry& entry = found->second->second;
  const std::optional<int> leader = FindVoter(*entry.region, peer_id);
  if (!leader || ++entry.strikes > 2 * Voters(*entry.region)) {
    Doubt(entry);
    return false;
  }
  entry.target = *leader;
  entry.is_hinted = true;
  return true;
}

void RegionCache::TryNext(uint64_t region_id, uint64_t peer_id) {
  const auto found = by_id_.find(region_id);
  if (found == by_id_.end()) return;
  Entry& entry = found->second->second;
  const Region& region = *entry.region;
  // Others may have found out before.
  if (region.peers(entry.target).id() != peer_id) return;
  ++entry.strikes;
  Turn(entry);
  if (entry.strikes >= Voters(region)) Doubt(entry);
}

void RegionCache::Doubt(uint64_t region_id) {
  const auto found = by_id_.find(region_id);
  if (found != by_id_.end()) Doubt(found->second->second);
}

void RegionCache::Doubt(Entry& entry) {
  entry.is_doubtful = true;
  entry.strikes = 0;
}

void RegionCache::Erase(ByStart::iterator entry) {
  by_id_.erase(entry->second.region->id());
  by_start_.erase(entry);
}

void RegionCache::MakeRoom() {
  while (by_start_.size() >= regions_max_) {
    auto entry = by_start_.lower_bound(hand_);
    if (entry == by_start_.end()) entry = by_start_.begin();
    const auto next = std::next(entry);
    hand_ = next == by_start_.end() ? std::string() : next->first;
    if (std::exchange(entry->second.is_used, false)) continue;
    Erase(entry);
  }
}

}  // namespace nokv::client
