// The set of files that make up one state of the database: tables by column family and level, and
// where the values of each segment live. Immutable; each edit makes a new one.
//
// Invariants
// 1. Level 0 is ordered newest first and its tables may overlap; in every other level tables are
//    in key order and no key has versions in two of them. (A table's largest key may equal the
//    smallest of the next where a range tombstone ends there.)
// 2. For one key, every version in a level is newer than every version in the levels below it.
// 3. live_bytes of a segment is exactly the sum over all tables of the records they refer to. (A
//    record with parts that several tables refer to counts several times.)
//
// Thread-safety: immutable.
#pragma once

#include "engine/base/status.h"
#include "engine/log/value_host.h"
#include "engine/lsm/host_index.h"
#include "engine/lsm/memtable.h"
#include "engine/lsm/range_tombstones.h"
#include "engine/lsm/version_edit.h"
#include "engine/table/table.h"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nokv::lsm {

inline constexpr uint32_t kLevels = 7;
inline constexpr uint32_t kBottomLevel = kLevels - 1;

struct TableFile {
  uint64_t number = 0;
  table::TableSummary summary;
  std::shared_ptr<const table::Table> table;
  std::unique_ptr<const RangeTombstones> range_tombstones;  // Null if there are none.
  // An estimate of how many of its entries replace one further down. 0 if it is not known.
  double replaced_share = 0;

  uint64_t value_bytes() const {
    uint64_t bytes = 0;
    for (const table::SegmentReference& reference : summary.segments) {
      bytes += reference.record_bytes;
    }
    return bytes;
  }

  // Whether [smallest, largest] meets [start, end]; bounds included.
  bool Overlaps(std::string_view start, std::string_view end) const {
    return summary.smallest_key <= end && summary.largest_key >= start;
  }
};

using TableRef = std::shared_ptr<const TableFile>;
using TableList = std::vector<TableRef>;

struct Family {
  std::string name;
  std::array<TableList, kLevels> levels;

  bool HasTables() const {
    for (const TableList& level : levels) {
      if (!level.empty()) return true;
    }
    return false;
  }
};

struct SegmentSpace {
  uint64_t size_bytes = 0;  // Of the segment as it was sealed.
  uint32_t value_file = 0;  // 0: its own file.
  uint64_t live_bytes = 0;
  uint32_t live_values = 0;
  std::shared_ptr<const log::ValueHost> host;
};

struct ValueFileSpace {
  uint64_t size_bytes = 0;
  uint64_t live_bytes = 0;
  uint32_t segments = 0;  // That live in it.
};

// Opens the files that an edit names. Implemented by whoever knows the directory.
class FileOpener {
 public:
  virtual ~FileOpener() = default;
  virtual absl::StatusOr<std::shared_ptr<const table::Table>> OpenTable(uint64_t number) = 0;
  virtual absl::StatusOr<std::shared_ptr<const log::ValueHost>> OpenSegment(uint32_t number) = 0;
  virtual absl::StatusOr<std::shared_ptr<const log::ValueHost>> OpenInValueFile(
      uint32_t value_file, uint32_t segment) = 0;
};

class Version {
 public:
  Version() = default;

  // The state after `edit`. DataLoss if the edit contradicts this state or a file is damaged.
  absl::StatusOr<std::shared_ptr<const Version>> Apply(const VersionEdit& edit,
                                                       FileOpener& opener) const;

  // Without opening a file or checking a reference: for folding a manifest's edits into one state.
  // FinishFold() opens and checks.
  absl::Status Fold(const VersionEdit& edit);
  absl::Status FinishFold(FileOpener& opener);

  // An edit that makes this state out of nothing.
  VersionEdit ToEdit() const;

  const std::map<uint16_t, Family>& families() const { return families_; }

  const Family* family(uint16_t id) const {
    const auto found = families_.find(id);
    return found == families_.end() ? nullptr : &found->second;
  }

  const std::map<uint32_t, SegmentSpace>& segments() const { return segments_; }

  const std::map<uint32_t, ValueFileSpace>& value_files() const { return value_files_; }

  // Where the values of `segment` live, or null if it is unknown.
  const log::ValueHost* host(uint32_t segment) const { return hosts_.Find(segment); }

  // Segments below the log boundary with records of groups, and their sizes.
  const std::map<uint32_t, uint64_t>& held_segments() const { return held_segments_; }

  const std::map<uint64_t, uint64_t>& marks() const { return marks_; }

  // Whether the file of this segment, which is below the log boundary, is needed.
  bool NeedsSegmentFile(uint32_t number) const {
    const auto space = segments_.find(number);
    return (space != segments_.end() && space->second.value_file == 0) ||
           held_segments_.contains(number);
  }

  uint32_t log_boundary() const { return log_boundary_; }

  // Set if the last edit was that of a close, see VersionEdit. Not part of ToEdit().
  std::optional<uint32_t> closed_log_end() const { return closed_log_end_; }

  uint64_t next_file_number() const { return next_file_number_; }

  uint64_t database_id() const { return database_id_; }

  uint64_t boot_id() const { return boot_id_; }

  uint64_t table_bytes() const;
  uint64_t live_value_bytes() const;
  uint64_t segment_bytes() const;  // On disk, of segments and value files below the boundary.

 private:
  void ApplyNumbers(const VersionEdit& edit);
  void ApplyGroups(const VersionEdit& edit);
  absl::Status ApplyFamilies(const VersionEdit& edit);
  absl::Status ApplyTables(const VersionEdit& edit, FileOpener* opener);
  absl::Status ApplySegments(const VersionEdit& edit, FileOpener* opener);
  void AddLive(const table::TableSummary& summary, bool is_added);
  absl::Status CheckReferences() const;
  void IndexHosts();

  std::map<uint16_t, Family> families_;
  std::map<uint32_t, SegmentSpace> segments_;
  std::map<uint32_t, ValueFileSpace> value_files_;
  std::map<uint32_t, uint64_t> held_segments_;
  uint32_t held_begin_ = 0;
  std::map<uint64_t, uint64_t> marks_;
  uint32_t log_boundary_ = 1;
  std::optional<uint32_t> closed_log_end_;
  uint64_t next_file_number_ = 1;
  uint64_t database_id_ = 0;
  uint64_t boot_id_ = 0;
  HostIndex hosts_;
};

// The tables of a sorted level that may hold keys in [start, end], in order.
std::pair<size_t, size_t> OverlappingRange(const TableList& level, std::string_view start,
                                           std::string_view end);

// The first table of a sorted level whose largest key is >= `key`.
size_t FirstTableFor(const TableList& level, std::string_view key);

// How many of the keys of `memtable` have versions in the tables already: an estimate from a
// sample, by the tables' filters.
double ReplacedShare(const MemTable& memtable, const Family& family);

}  // namespace nokv::lsm
