#include "engine/lsm/range_tombstones.h"

#include <algorithm>
#include <functional>
#include <set>

namespace nokv::lsm {

RangeTombstones::RangeTombstones(std::span<const table::RangeTombstone> tombstones) {
  // Sweep over all bounds in order; between two bounds the set of open tombstones is constant.
  struct Edge {
    std::string_view at;
    Sequence sequence;
    bool opens;
  };

  std::vector<Edge> edges;
  for (const table::RangeTombstone& tombstone : tombstones) {
    if (tombstone.start >= tombstone.end) continue;
    edges.push_back({tombstone.start, tombstone.sequence, true});
    edges.push_back({tombstone.end, tombstone.sequence, false});
  }
  std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.at < b.at; });

  std::multiset<Sequence, std::greater<>> open;
  std::string_view previous;
  for (const Edge& edge : edges) {
    if (!open.empty() && previous < edge.at) {
      Fragment fragment{std::string(previous), std::string(edge.at), {}};
      fragment.sequences.assign(open.begin(), open.end());
      fragments_.push_back(std::move(fragment));
    }
    if (edge.opens) {
      open.insert(edge.sequence);
    } else {
      open.erase(open.find(edge.sequence));
    }
    previous = edge.at;
  }
}

Sequence RangeTombstones::NewestCovering(std::string_view key, Sequence bound) const {
  const auto after =
      std::upper_bound(fragments_.begin(), fragments_.end(), key,
                       [](std::string_view k, const Fragment& f) { return k < f.start; });
  if (after == fragments_.begin()) return 0;
  const Fragment& fragment = *std::prev(after);
  if (key >= fragment.end) return 0;
  const auto found = std::lower_bound(fragment.sequences.begin(), fragment.sequences.end(), bound,
                                      std::greater<>());
  return found == fragment.sequences.end() ? 0 : *found;
}

}  // namespace nokv::lsm
