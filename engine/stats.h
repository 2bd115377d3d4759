// Figures about one open database. Counters count since it was opened; sizes are of now.
//
// Thread-safety: values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nokv {

struct Stats {
  // Counters.
  uint64_t writes = 0;       // Changes acknowledged.
  uint64_t write_bytes = 0;  // Their keys and values.
  uint64_t reads = 0;        // Keys looked up.
  uint64_t reads_found = 0;
  uint64_t iterators = 0;
  uint64_t log_bytes_written = 0;
  uint64_t table_bytes_written = 0;      // By flush and compaction.
  uint64_t collected_bytes_written = 0;  // Values moved by garbage collection.
  uint64_t flushes = 0;
  uint64_t compactions = 0;
  uint64_t collections = 0;  // Runs of value garbage collection.
  uint64_t syncs = 0;
  uint64_t throttled_writes = 0;
  uint64_t throttle_nanos = 0;
  uint64_t block_cache_hits = 0;
  uint64_t block_cache_misses = 0;

  // Sizes and states.
  uint64_t memtable_bytes = 0;
  uint64_t immutable_memtables = 0;
  uint64_t block_cache_bytes = 0;
  uint64_t block_cache_capacity_bytes = 0;
  uint64_t tables = 0;
  uint64_t table_bytes = 0;
  std::vector<uint64_t> level_tables;  // Over all column families.
  std::vector<uint64_t> level_bytes;
  uint64_t segments = 0;
  uint64_t segment_bytes = 0;
  uint64_t value_bytes_live = 0;  // In sealed segments below the log boundary.
  uint64_t value_bytes_dead = 0;
  uint64_t unflushed_log_bytes = 0;
  uint64_t snapshots = 0;
  uint64_t disk_bytes = 0;  // Everything in the directory.
  uint64_t last_sequence = 0;
  bool disk_full = false;
  bool read_only = false;  // Opened so, or became so.
  std::string read_only_cause;
};

struct TableInfo {
  uint64_t number = 0;
  uint16_t column_family = 0;
  uint32_t level = 0;
  uint64_t size_bytes = 0;
  uint64_t entries = 0;
  uint64_t value_bytes = 0;  // Held in segments for its entries.
  std::string smallest_key;
  std::string largest_key;
};

struct SegmentInfo {
  uint64_t number = 0;
  std::string file;
  uint64_t size_bytes = 0;
  uint64_t values = 0;
  uint64_t live_bytes = 0;
  uint64_t dead_bytes = 0;
  bool sealed = false;
  bool flushed = false;  // Below the log boundary: recovery does not replay it.
};

}  // namespace nokv
