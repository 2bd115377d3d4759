#include "engine/lsm/compaction_picker.h"

#include <algorithm>
#include <utility>

namespace nokv::lsm {
namespace {

constexpr uint64_t kFanOut = 10;

uint64_t BytesOf(const TableList& level) {
  uint64_t bytes = 0;
  for (const TableRef& table : level) bytes += table->summary.size_bytes;
  return bytes;
}

uint64_t EntriesOf(const TableList& level) {
  uint64_t entries = 0;
  for (const TableRef& table : level) entries += table->summary.entries;
  return entries;
}

struct KeyRange {
  std::string_view smallest;
  std::string_view largest;
};

KeyRange RangeOf(const TableList& tables) {
  KeyRange range{tables.front()->summary.smallest_key, tables.front()->summary.largest_key};
  for (const TableRef& table : tables) {
    range.smallest = std::min<std::string_view>(range.smallest, table->summary.smallest_key);
    range.largest = std::max<std::string_view>(range.largest, table->summary.largest_key);
  }
  return range;
}

// In a sorted level, tables that touch an input's bound belong to it: a range tombstone may end in
// the one where the other begins.
TableList WithNeighbours(const TableList& level, const TableList& chosen) {
  const KeyRange range = RangeOf(chosen);
  const auto [first, last] = OverlappingRange(level, range.smallest, range.largest);
  return {level.begin() + static_cast<std::ptrdiff_t>(first),
          level.begin() + static_cast<std::ptrdiff_t>(last)};
}

TableList OverlappingIn(const TableList& level, const TableList& inputs) {
  const KeyRange range = RangeOf(inputs);
  const auto [first, last] = OverlappingRange(level, range.smallest, range.largest);
  return {level.begin() + static_cast<std::ptrdiff_t>(first),
          level.begin() + static_cast<std::ptrdiff_t>(last)};
}

Compaction MakeCompaction(const Family& family, uint16_t id, uint32_t level, TableList inputs,
                          uint32_t output_level) {
  Compaction compaction;
  compaction.column_family = id;
  compaction.level = level;
  compaction.output_level = output_level;
  compaction.inputs = level == 0 ? std::move(inputs) : WithNeighbours(family.levels[level], inputs);
  compaction.overlapping = OverlappingIn(family.levels[output_level], compaction.inputs);
  return compaction;
}

// The table of a level whose merge rewrites the least of the next per byte of its own.
TableList CheapestTable(const Family& family, uint32_t level) {
  const TableList& tables = family.levels[level];
  TableRef best;
  double best_cost = 0;
  for (const TableRef& table : tables) {
    const TableList below = OverlappingIn(family.levels[level + 1], {table});
    const double cost =
        static_cast<double>(BytesOf(below)) / static_cast<double>(table->summary.size_bytes + 1);
    if (best == nullptr || cost < best_cost) {
      best = table;
      best_cost = cost;
    }
  }
  return {best};
}

// Whether the fragment's newest tombstone deletes everything in the table, for every reader.
bool Covers(const RangeTombstones::Fragment& fragment, const table::TableSummary& summary,
            const std::vector<Sequence>& snapshots) {
  const Sequence newest = fragment.sequences.front();
  if (summary.smallest_key < fragment.start || summary.largest_key >= fragment.end ||
      summary.sequence_max >= newest) {
    return false;
  }
  const auto between = std::lower_bound(snapshots.begin(), snapshots.end(), summary.sequence_min);
  return between == snapshots.end() || *between >= newest;
}

// Tables that a newer range tombstone deletes as a whole, for every reader.
std::vector<DeletedTable> CoveredTables(const Family& family, uint16_t id,
                                        const PickerOptions& options) {
  std::vector<DeletedTable> covered;
  for (uint32_t from = 0; from < kLevels; ++from) {
    for (const TableRef& source : family.levels[from]) {
      if (source->range_tombstones == nullptr) continue;
      for (const RangeTombstones::Fragment& fragment : source->range_tombstones->fragments()) {
        for (uint32_t level = from; level < kLevels; ++level) {
          for (const TableRef& table : family.levels[level]) {
            if (table == source || !Covers(fragment, table->summary, options.snapshots)) continue;
            const DeletedTable deleted{id, level, table->number};
            const bool is_new = std::find(covered.begin(), covered.end(), deleted) == covered.end();
            if (is_new) covered.push_back(deleted);
          }
        }
      }
    }
  }
  return covered;
}

// A rewrite of one table in place.
Compaction MakeRewrite(uint16_t id, const TableRef& table) {
  Compaction compaction;
  compaction.column_family = id;
  compaction.level = kBottomLevel;
  compaction.output_level = kBottomLevel;
  compaction.inputs = {table};
  return compaction;
}

// The levels' sizes against their targets, from the base level down to the one above the bottom.
std::optional<uint32_t> FullestLevel(const Family& family, uint32_t base, double* score) {
  std::optional<uint32_t> fullest;
  uint64_t target = std::max<uint64_t>(BytesOf(family.levels[kBottomLevel]), 1);
  for (uint32_t level = kBottomLevel - 1; level >= base && level > 0; --level) {
    target = std::max<uint64_t>(target / kFanOut, 1);
    const double level_score =
        static_cast<double>(BytesOf(family.levels[level])) / static_cast<double>(target);
    if (level_score > *score) {
      *score = level_score;
      fullest = level;
    }
  }
  return fullest;
}

constexpr uint64_t kDroppableShare = 8;  // An eighth of a table's entries is worth a rewrite.

}  // namespace

uint64_t DroppableEntries(const table::TableSummary& summary, const PickerOptions& options) {
  const bool is_let_go =
      options.snapshots.empty() || options.snapshots.front() >= summary.sequence_max;
  uint64_t entries = 0;
  if (is_let_go) entries += summary.superseded + summary.tombstones + summary.range_tombstones;
  if (is_let_go && summary.expiring > 0 && summary.expiry_ms_max <= options.now_ms) {
    entries += summary.expiring;
  }
  return entries;
}

uint32_t BaseLevel(const Family& family, uint64_t level_base_bytes) {
  uint32_t base = kBottomLevel;
  uint64_t target = BytesOf(family.levels[kBottomLevel]) / kFanOut;
  while (base > 1 && target >= level_base_bytes) {
    --base;
    target /= kFanOut;
  }
  // Never below a level that is in use: its versions are newer than those further down.
  for (uint32_t level = 1; level < base; ++level) {
    if (!family.levels[level].empty()) return level;
  }
  return base;
}

bool IsBottomFor(const Family& family, uint32_t level, std::string_view start,
                 std::string_view end) {
  for (uint32_t below = level + 1; below < kLevels; ++below) {
    const auto [first, last] = OverlappingRange(family.levels[below], start, end);
    if (first != last) return false;
  }
  return true;
}

std::optional<Compaction> PickCompaction(const Version& version, const PickerOptions& options) {
  for (const auto& [id, family] : version.families()) {
    std::vector<DeletedTable> covered = CoveredTables(family, id, options);
    if (!covered.empty()) {
      Compaction compaction;
      compaction.column_family = id;
      compaction.dropped = std::move(covered);
      return compaction;
    }
  }
  std::optional<Compaction> best;
  double best_score = 1.0;
  for (const auto& [id, family] : version.families()) {
    const TableList& level0 = family.levels[0];
    const uint32_t base = BaseLevel(family, options.level_base_bytes);

    double score = 0;
    const std::optional<uint32_t> fullest = FullestLevel(family, base, &score);
    if (fullest.has_value() && score > best_score) {
      best_score = score;
      best = MakeCompaction(family, id, *fullest, CheapestTable(family, *fullest), *fullest + 1);
    }

    uint64_t upper = 0;
    uint64_t range_tombstones = 0;
    for (uint32_t level = 0; level < kBottomLevel; ++level) {
      upper += EntriesOf(family.levels[level]);
      for (const TableRef& table : family.levels[level]) {
        range_tombstones += table->summary.range_tombstones;
      }
    }
    const uint64_t bottom = EntriesOf(family.levels[kBottomLevel]);
    double upper_score =
        static_cast<double>(upper) / static_cast<double>(bottom + 1) / options.upper_share_max;
    if (range_tombstones > 0) upper_score = std::max(upper_score, 1.5);
    double level0_score = static_cast<double>(level0.size()) / options.level0_tables_max;
    if (level0_score >= 1.0) level0_score += 1e-6;
    if (!level0.empty()) level0_score = std::max(level0_score, upper_score);
    if (level0_score > best_score) {
      best_score = level0_score;
      best = MakeCompaction(family, id, 0, level0, base);
    } else if (level0.empty() && upper_score > best_score) {
      for (uint32_t level = 1; level < kBottomLevel; ++level) {
        if (family.levels[level].empty()) continue;
        best_score = upper_score;
        best = MakeCompaction(family, id, level, CheapestTable(family, level), level + 1);
        break;
      }
    }
  }
  if (best.has_value()) return best;
  for (const auto& [id, family] : version.families()) {
    for (const TableRef& table : family.levels[kBottomLevel]) {
      const uint64_t droppable = DroppableEntries(table->summary, options);
      if (droppable > 0 && droppable * kDroppableShare >= table->summary.entries) {
        return MakeRewrite(id, table);
      }
    }
  }
  return std::nullopt;
}

std::optional<Compaction> PickManual(const Version& version, uint16_t column_family,
                                     std::string_view start, std::string_view end,
                                     const PickerOptions& options) {
  const Family* family = version.family(column_family);
  if (family == nullptr) return std::nullopt;
  const auto meets = [&](const TableRef& table) {
    return table->summary.largest_key >= start &&
           (end.empty() || table->summary.smallest_key <= end);
  };
  const TableList& level0 = family->levels[0];
  if (std::any_of(level0.begin(), level0.end(), meets)) {
    uint32_t output = kBottomLevel;
    for (uint32_t level = kBottomLevel; level > 0; --level) {
      if (!family->levels[level].empty()) output = level;
    }
    return MakeCompaction(*family, column_family, 0, level0, output);
  }
  for (uint32_t level = 1; level < kBottomLevel; ++level) {
    for (const TableRef& table : family->levels[level]) {
      if (meets(table)) return MakeCompaction(*family, column_family, level, {table}, level + 1);
    }
  }
  for (const TableRef& table : family->levels[kBottomLevel]) {
    const table::TableSummary& summary = table->summary;
    const bool has_expired = summary.expiring > 0 && summary.expiry_ms_min <= options.now_ms;
    if (meets(table) && (DroppableEntries(summary, options) > 0 || has_expired)) {
      return MakeRewrite(column_family, table);
    }
  }
  return std::nullopt;
}

}  // namespace nokv::lsm
