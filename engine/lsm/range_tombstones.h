// Range tombstones cut into fragments that do not overlap, for a quick answer to "what is the
// newest deletion that covers this key?".
//
// Thread-safety: immutable after construction.
#pragma once

#include "engine/table/entry.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::lsm {

class RangeTombstones {
 public:
  struct Fragment {
    std::string start;
    std::string end;
    std::vector<Sequence> sequences;  // Newest first.
  };

  // In any order; ranges may overlap. Costs O(n log n) plus the overlap.
  explicit RangeTombstones(std::span<const table::RangeTombstone> tombstones);

  bool empty() const { return fragments_.empty(); }

  // The newest sequence <= `bound` of a tombstone that covers `key`, or 0.
  Sequence NewestCovering(std::string_view key, Sequence bound) const;

  const std::vector<Fragment>& fragments() const { return fragments_; }

 private:
  std::vector<Fragment> fragments_;  // Ascending.
};

}  // namespace nokv::lsm
