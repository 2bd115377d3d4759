#include "engine/lsm/version_filter.h"

#include "engine/base/planted.h"

#include <algorithm>

namespace nokv::lsm {

size_t VersionFilter::StripeOf(Sequence sequence) const {
  if (Planted(Bug::kLivenessIgnoresSnapshots)) return 0;
  const std::vector<Sequence>& snapshots = options_.snapshots;
  return static_cast<size_t>(std::lower_bound(snapshots.begin(), snapshots.end(), sequence) -
                             snapshots.begin());
}

bool VersionFilter::Keep(table::Entry& entry) {
  const size_t stripe = StripeOf(entry.sequence);
  const bool is_same_key = has_key_ && entry.key == key_;
  const bool is_shadowed = is_same_key && newer_stripe_ == stripe;
  if (!is_same_key) {
    key_.assign(entry.key);
    has_key_ = true;
  }
  newer_stripe_ = stripe;
  if (is_shadowed) return false;

  if (options_.range_tombstones != nullptr &&
      options_.range_tombstones->NewestCovering(entry.key, EndOfStripe(stripe)) > entry.sequence) {
    return false;
  }

  const bool is_expired = entry.expiry_ms != 0 && entry.expiry_ms <= options_.now_ms;
  if (is_expired) {
    if (Planted(Bug::kExpiredDroppedAboveBottom)) return false;
    entry.kind = table::EntryKind::kDelete;
    entry.expiry_ms = 0;
    entry.value = {};
  }
  if (entry.kind != table::EntryKind::kDelete || stripe != 0) return true;
  if (Planted(Bug::kTombstoneDroppedAboveBottom)) return false;
  return options_.is_bottom == nullptr || !options_.is_bottom(entry.key);
}

std::vector<Sequence> VersionFilter::KeepTombstones(const std::vector<Sequence>& sequences,
                                                    bool is_bottom) const {
  std::vector<Sequence> kept;
  for (const Sequence sequence : sequences) {
    const size_t stripe = StripeOf(sequence);
    if (!kept.empty() && StripeOf(kept.back()) == stripe) continue;
    if (stripe == 0 && is_bottom) continue;
    kept.push_back(sequence);
  }
  return kept;
}

}  // namespace nokv::lsm
