// What is known of every region, ordered by key.
//
// Regions of the tree never overlap; there may be holes between them, where a region was replaced
// and its successor has not reported yet.
//
// Thread-safety: none.
#pragma once

#include "pd/model/types.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace nokv::pd {

// What a leader says about its region besides the region itself. Not persisted.
struct RegionStats {
  uint64_t size_bytes = 0;
  uint64_t key_count = 0;
  uint64_t written_bytes = 0;  // Since the report before.
  uint64_t read_bytes = 0;     // Since the report before.
};

struct KnownRegion {
  Region region = {};
  PeerId leader = kNoPeer;  // kNoPeer: not heard of since the start.
  uint64_t term = 0;        // Raft's, of `leader`.
  RegionStats stats = {};
  std::vector<PeerId> pending_peers = {};  // Far behind; no candidates for leadership.
  std::vector<PeerId> down_peers = {};     // Silent.
};

class RegionTree {
 public:
  // Null if there is none. Valid until the region is taken out.
  const KnownRegion* Find(RegionId id) const;
  KnownRegion* Find(RegionId id);

  // The region that holds `key`; null in a hole.
  const KnownRegion* FindByKey(std::string_view key) const;

  // At most `limit` regions in order that hold keys of [start, end); an empty `end` is no end.
  std::vector<const KnownRegion*> Scan(std::string_view start, std::string_view end,
                                       size_t limit) const;

  // The regions other than `region` itself that share keys with it.
  std::vector<const KnownRegion*> Overlaps(const Region& region) const;

  // Nothing may overlap it, and its id must be absent.
  const KnownRegion& Insert(KnownRegion region);

  void Erase(RegionId id);

  size_t size() const { return by_id_.size(); }

 private:
  // Views of the regions' own start keys.
  using ByKey = std::map<std::string_view, std::unique_ptr<KnownRegion>>;

  // The first region that ends behind `key`.
  ByKey::const_iterator FirstEndingBehind(std::string_view key) const;

  ByKey by_key_;
  std::unordered_map<RegionId, ByKey::iterator> by_id_;
};

}  // namespace nokv::pd
