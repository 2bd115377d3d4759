// Figures: counters summed, sizes read off the current version.
#include "engine/db/db_impl.h"

namespace nokv {

Stats DBImpl::GetStats() {
  Stats stats;
  stats.writes = counters_.Sum(Counter::kWrites);
  stats.write_bytes = counters_.Sum(Counter::kWriteBytes);
  stats.reads = counters_.Sum(Counter::kReads);
  stats.reads_found = counters_.Sum(Counter::kReadsFound);
  stats.iterators = counters_.Sum(Counter::kIterators);
  stats.log_bytes_written = counters_.Sum(Counter::kLogBytes);
  stats.table_bytes_written = counters_.Sum(Counter::kTableBytes);
  stats.collected_bytes_written = counters_.Sum(Counter::kCollectedBytes);
  stats.flushes = counters_.Sum(Counter::kFlushes);
  stats.compactions = counters_.Sum(Counter::kCompactions);
  stats.collections = counters_.Sum(Counter::kCollections);
  stats.throttled_writes = counters_.Sum(Counter::kThrottledWrites);
  stats.throttle_nanos = counters_.Sum(Counter::kThrottleNanos);
  stats.syncs = log_ == nullptr ? 0 : log_->syncs();
  const table::BlockCache& cache = live_files_->cache();
  stats.block_cache_hits = cache.hits();
  stats.block_cache_misses = cache.misses();
  stats.block_cache_bytes = cache.used_bytes();
  stats.block_cache_capacity_bytes = cache.capacity_bytes();
  stats.last_sequence = visible_.load();
  stats.disk_full = disk_full_.load();
  stats.read_only = options_.read_only || poisoned_.load();
  {
    MutexLock lock(mutex_);
    stats.snapshots = snapshots_.size();
    stats.immutable_memtables = generations_.size() - 1;
    stats.read_only_cause = std::string(poison_.message());
    for (const auto& generation : generations_) stats.memtable_bytes += generation->used_bytes();
    stats.level_tables.resize(lsm::kLevels);
    stats.level_bytes.resize(lsm::kLevels);
    for (const auto& [id, family] : version_->families()) {
      for (uint32_t level = 0; level < lsm::kLevels; ++level) {
        for (const lsm::TableRef& table : family.levels[level]) {
          ++stats.level_tables[level];
          stats.level_bytes[level] += table->summary.size_bytes;
          ++stats.tables;
          stats.table_bytes += table->summary.size_bytes;
        }
      }
    }
    stats.value_bytes_live = version_->live_value_bytes();
    const uint64_t on_disk = version_->segment_bytes();
    stats.value_bytes_dead =
        on_disk > stats.value_bytes_live ? on_disk - stats.value_bytes_live : 0;
  }
  for (const SegmentInfo& segment : ListSegments()) {
    ++stats.segments;
    stats.segment_bytes += segment.size_bytes;
    if (!segment.flushed) stats.unflushed_log_bytes += segment.size_bytes;
  }
  if (const auto names = files_.List(options_.directory); names.ok()) {
    for (const std::string& name : *names) {
      const auto size = files_.FileSize(vfs::JoinPath(options_.directory, name));
      if (size.ok()) stats.disk_bytes += *size;
    }
  }
  return stats;
}

std::vector<TableInfo> DBImpl::ListTables() {
  std::vector<TableInfo> tables;
  MutexLock lock(mutex_);
  for (const auto& [id, family] : version_->families()) {
    for (uint32_t level = 0; level < lsm::kLevels; ++level) {
      for (const lsm::TableRef& table : family.levels[level]) {
        tables.push_back({.number = table->number,
                          .column_family = id,
                          .level = level,
                          .size_bytes = table->summary.size_bytes,
                          .entries = table->summary.entries,
                          .value_bytes = table->value_bytes(),
                          .smallest_key = table->summary.smallest_key,
                          .largest_key = table->summary.largest_key});
      }
    }
  }
  return tables;
}

std::vector<SegmentInfo> DBImpl::ListSegments() {
  std::vector<SegmentInfo> segments;
  MutexLock write_lock(write_mutex_);
  MutexLock lock(mutex_);
  for (const auto& [number, space] : version_->segments()) {
    const uint64_t dead =
        space.size_bytes > space.live_bytes ? space.size_bytes - space.live_bytes : 0;
    segments.push_back({.number = number,
                        .file = space.host->file_name(),
                        .size_bytes = space.size_bytes,
                        .values = space.live_values,
                        .live_bytes = space.live_bytes,
                        // Moved values leave the dead ones behind.
                        .dead_bytes = space.value_file == 0 ? dead : 0,
                        .sealed = true,
                        .flushed = true});
  }
  for (auto generation = generations_.rbegin(); generation != generations_.rend(); ++generation) {
    for (const auto& segment : (*generation)->segments()) {
      if (segment->number() < version_->log_boundary()) continue;
      segments.push_back({.number = segment->number(),
                          .file = segment->file_name(),
                          .size_bytes = segment->size_bytes(),
                          .values = segment->ordinal_count(),
                          .live_bytes = segment->size_bytes(),
                          .dead_bytes = 0,
                          .sealed = segment->sealed(),
                          .flushed = false});
    }
  }
  return segments;
}

}  // namespace nokv
