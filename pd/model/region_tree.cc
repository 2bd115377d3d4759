#include "pd/model/region_tree.h"

#include "engine/base/check.h"

#include <iterator>
#include <limits>
#include <utility>

namespace nokv::pd {

const KnownRegion* RegionTree::Find(RegionId id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second->second.get();
}

KnownRegion* RegionTree::Find(RegionId id) {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second->second.get();
}

RegionTree::ByKey::const_iterator RegionTree::FirstEndingBehind(std::string_view key) const {
  const auto behind = by_key_.upper_bound(key);  // Starts behind the key.
  if (behind == by_key_.begin()) return behind;
  const auto before = std::prev(behind);
  return Contains(before->second->region, key) ? before : behind;
}

const KnownRegion* RegionTree::FindByKey(std::string_view key) const {
  const auto found = FirstEndingBehind(key);
  if (found == by_key_.end() || !Contains(found->second->region, key)) return nullptr;
  return found->second.get();
}

std::vector<const KnownRegion*> RegionTree::Scan(std::string_view start, std::string_view end,
                                                 size_t limit) const {
  std::vector<const KnownRegion*> regions;
  for (auto it = FirstEndingBehind(start); it != by_key_.end() && regions.size() < limit; ++it) {
    if (!end.empty() && it->first >= end) break;
    regions.push_back(it->second.get());
  }
  return regions;
}

std::vector<const KnownRegion*> RegionTree::Overlaps(const Region& region) const {
  std::vector<const KnownRegion*> regions =
      Scan(region.start_key, region.end_key, std::numeric_limits<size_t>::max());
  std::erase_if(regions, [&](const KnownRegion* other) { return other->region.id == region.id; });
  return regions;
}

const KnownRegion& RegionTree::Insert(KnownRegion region) {
  NOKV_DCHECK(Overlaps(region.region).empty());
  auto owned = std::make_unique<KnownRegion>(std::move(region));
  const RegionId id = owned->region.id;
  const std::string_view start = owned->region.start_key;
  const auto [place, is_new_key] = by_key_.emplace(start, std::move(owned));
  const bool is_new_id = by_id_.emplace(id, place).second;
  NOKV_CHECK(is_new_key && is_new_id);
  return *place->second;
}

void RegionTree::Erase(RegionId id) {
  const auto found = by_id_.find(id);
  NOKV_CHECK(found != by_id_.end());
  by_key_.erase(found->second);
  by_id_.erase(found);
}

}  // namespace nokv::pd
