// Chooses what to merge next. Pure: a function of a version and the options.
//
// Shape: leveled, sized from the bottom up. The bottom level holds most of the data; each level
// above it a tenth, down to level_base_bytes; level 0 is merged into the highest level that is in
// use (O'Neil et al. 1996; dynamic level sizes as in Dong et al., CIDR 2017).
//
// Second trigger: overwrites and deletions are known to be dead only where their keys meet, so the
// entries above the bottom level are kept to a share of those in it. That bounds the disk space of
// values that nobody can read any more (rule 4).
//
// Third trigger: a bottom table that snapshots have let go of, or whose values have expired, is
// rewritten alone.
//
// Thread-safety: pure functions.
#pragma once

#include "engine/lsm/version.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nokv::lsm {

struct PickerOptions {
  uint64_t level_base_bytes = 64 << 20;
  uint32_t level0_tables_max = 4;
  double upper_share_max = 0.15;    // Entries above the bottom per entry in it.
  std::vector<Sequence> snapshots;  // Ascending.
  uint64_t now_ms = 0;
};

struct Compaction {
  uint16_t column_family = 0;
  uint32_t level = 0;  // Of `inputs`.
  uint32_t output_level = 0;
  TableList inputs;                   // Level 0: newest first.
  TableList overlapping;              // In output_level, in key order.
  std::vector<DeletedTable> dropped;  // Covered by range tombstones: deleted without being read.

  // The inputs can move down as they are. Into the bottom only without deletions, which would stay
  // there for good.
  bool IsMove() const {
    if (inputs.empty() || !overlapping.empty() || (level == 0 && inputs.size() > 1)) return false;
    if (level == output_level) return false;
    if (output_level < kBottomLevel) return true;
    for (const TableRef& table : inputs) {
      if (table->summary.tombstones + table->summary.range_tombstones > 0) return false;
    }
    return true;
  }

  bool IsDrop() const { return inputs.empty(); }
};

// What to do next, or nothing.
std::optional<Compaction> PickCompaction(const Version& version, const PickerOptions& options);

// One step of merging everything in [start, end] (empty `end`: to the last key) into the bottom, or
// nothing if all of it is there and nothing in it could be dropped.
std::optional<Compaction> PickManual(const Version& version, uint16_t column_family,
                                     std::string_view start, std::string_view end,
                                     const PickerOptions& options);

// Entries of a bottom table that a rewrite would drop for certain: older versions and deletions
// once no snapshot needs them, and values that have all expired.
uint64_t DroppableEntries(const table::TableSummary& summary, const PickerOptions& options);

// Whether no table below `level` can hold a key in [start, end].
bool IsBottomFor(const Family& family, uint32_t level, std::string_view start,
                 std::string_view end);

// The highest level below 0 that a family uses: where level 0 is merged to.
uint32_t BaseLevel(const Family& family, uint64_t level_base_bytes);

}  // namespace nokv::lsm
