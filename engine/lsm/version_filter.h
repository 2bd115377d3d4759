// Decides which versions of a key a flush or compaction keeps. Pure: a function of the versions in
// order, the snapshots and the clock.
//
// Snapshots cut the sequences into stripes; readers can tell two versions of a key apart only if
// they lie in different stripes, so within a stripe the newest is enough. A deletion (or an expired
// value, which counts as one: rule 6) can go itself only where nothing older can be below it.
//
// Thread-safety: none.
#pragma once

#include "engine/lsm/range_tombstones.h"
#include "engine/table/entry.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace nokv::lsm {

struct VersionFilterOptions {
  std::vector<Sequence> snapshots;  // Ascending.
  uint64_t now_ms = 0;
  // Whether no table outside of the inputs can hold an older version of `key`. Asked with
  // ascending keys. Empty means never.
  std::function<bool(std::string_view key)> is_bottom;
  const RangeTombstones* range_tombstones = nullptr;  // Of the inputs.
};

class VersionFilter {
 public:
  explicit VersionFilter(VersionFilterOptions options) : options_(std::move(options)) {}

  // Called with every version in the order of CompareVersions. False if it is dropped; may turn an
  // expired value into a deletion.
  bool Keep(table::Entry& entry);

  // The parts of a fragment's sequences that readers can tell apart, newest first; without those
  // that nothing is left for, if `is_bottom`.
  std::vector<Sequence> KeepTombstones(const std::vector<Sequence>& sequences,
                                       bool is_bottom) const;

 private:
  // The number of snapshots older than `sequence`.
  size_t StripeOf(Sequence sequence) const;

  // The newest sequence that belongs to the stripe.
  Sequence EndOfStripe(size_t stripe) const {
    return stripe < options_.snapshots.size() ? options_.snapshots[stripe] : kSequenceMax;
  }

  const VersionFilterOptions options_;
  std::string key_;
  bool has_key_ = false;
  size_t newer_stripe_ = 0;  // Of the version before, of the same key.
};

}  // namespace nokv::lsm
