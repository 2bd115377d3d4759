// Writes one table: an immutable sorted file of entries (format: table_format.h).
//
// Thread-safety: none.
#pragma once

#include "engine/base/status.h"
#include "engine/table/entry.h"
#include "engine/vfs/file_system.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace nokv::table {

struct BuilderOptions {
  uint32_t block_bytes_target = 4096;
  uint32_t filter_bits_per_key = 10;
};

// Live values of one segment that a table refers to.
struct SegmentReference {
  uint32_t segment = 0;
  uint32_t values = 0;
  uint64_t record_bytes = 0;

  friend bool operator==(const SegmentReference&, const SegmentReference&) = default;
};

// What the manifest records about a table. Kept in the table's footer area too, so that a manifest
// can be rebuilt from tables.
struct TableSummary {
  uint64_t size_bytes = 0;
  uint64_t entries = 0;
  uint64_t tombstones = 0;  // Deletions of single keys.
  uint64_t range_tombstones = 0;
  uint64_t superseded = 0;     // Entries behind a newer version of their key.
  uint64_t expiring = 0;       // Entries with an expiry.
  uint64_t expiry_ms_min = 0;  // Earliest, 0 if none expires.
  uint64_t expiry_ms_max = 0;  // Latest.
  Sequence sequence_min = 0;
  Sequence sequence_max = 0;
  std::string smallest_key;  // Over entries and range tombstones.
  std::string largest_key;   // The end of a range tombstone counts as if it were included.
  std::vector<SegmentReference> segments;  // Ascending; exact.

  friend bool operator==(const TableSummary&, const TableSummary&) = default;
};

class TableBuilder {
 public:
  // `file` must be empty and outlive the builder.
  TableBuilder(const BuilderOptions& options, vfs::WritableFile& file);
  ~TableBuilder();

  // In the order of CompareVersions, no two equal (checked). An I/O error is kept and returned by
  // Finish().
  void Add(const Entry& entry);

  void AddRangeTombstone(const RangeTombstone& tombstone);

  // Writes the rest and syncs the file: on OK the table's bytes are durable (its name is not).
  absl::StatusOr<TableSummary> Finish();

  bool empty() const;            // Nothing added.
  uint64_t size_bytes() const;   // Written or buffered so far.
  uint64_t value_bytes() const;  // Record bytes of the handles added so far.

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace nokv::table
