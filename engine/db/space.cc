// Disk space: sizes that follow the data, the reserve, a full disk and its end, and the states in
// which the database takes no writes.
#include "engine/db/db_impl.h"
#include "engine/db/file_names.h"

#include <algorithm>
#include <bit>

namespace nokv {
namespace {

constexpr uint64_t kSegmentBytesMin = 64 << 10;
constexpr uint64_t kLogDistanceMin = 32 << 20;
constexpr uint64_t kRetryNanos = 100'000'000;

}  // namespace

// A sixty-fourth of the data, so that the segment being filled and the one prepared to follow it
// are a small part of the disk space.
uint64_t DBImpl::NextSegmentBytes() const {
  const uint64_t max = options_.segment_bytes_max;
  const uint64_t min = std::max(kSegmentBytesMin, max / 16);
  if (disk_full_.load()) return std::min<uint64_t>(min, 1 << 20);
  return std::clamp(std::bit_floor(live_bytes_.load() / 64 + 1), min, max);
}

uint64_t DBImpl::LogDistanceMax() const {
  const uint64_t max = options_.log_distance_bytes_max;
  const uint64_t min = std::min({kLogDistanceMin, 2 * options_.segment_bytes_max, max});
  const auto share =
      static_cast<uint64_t>(budget_.log_share * static_cast<double>(live_bytes_.load()));
  return std::clamp(share, min, max);
}

absl::Status DBImpl::MakeReserve() {
  if (options_.reserve_bytes == 0) return absl::OkStatus();
  const std::string path = vfs::JoinPath(options_.directory, kReserveFileName);
  if (files_.Exists(path)) {
    // One that a crash left short is no reserve.
    ASSIGN_OR_RETURN(const uint64_t size, files_.FileSize(path));
    if (size >= options_.reserve_bytes) return absl::OkStatus();
    RETURN_IF_ERROR(files_.Remove(path));
  }
  return files_
      .CreateSegment(path, {.capacity_bytes = options_.reserve_bytes,
                            .read_only = false,
                            .map = options_.prefer_mapping})
      .status();
}

void DBImpl::NoteDiskFull() {
  MutexLock state(disk_full_mutex_);
  disk_full_.store(true);
  disk_full_retry_at_.store(clock_.MonotonicNanos() + kRetryNanos);
  log_->DropSpare();
  const std::string path = vfs::JoinPath(options_.directory, kReserveFileName);
  if (files_.Exists(path)) files_.Remove(path).IgnoreError();
  MutexLock lock(mutex_);
  changed_.SignalAll();
  may_rotate_.SignalAll();
}

absl::Status DBImpl::TryLeaveDiskFull() {
  const uint64_t now = clock_.MonotonicNanos();
  uint64_t retry_at = disk_full_retry_at_.load();
  const bool is_time =
      now >= retry_at && disk_full_retry_at_.compare_exchange_strong(retry_at, now + kRetryNanos);
  if (is_time) {
    live_files_->Purge(nullptr, 0);
    const absl::StatusOr<uint64_t> free = files_.FreeBytes(options_.directory);
    const uint64_t wanted = options_.reserve_bytes + 2 * NextSegmentBytes();
    {
      MutexLock state(disk_full_mutex_);
      if (free.ok() && *free >= wanted && MakeReserve().ok()) disk_full_.store(false);
    }
    MutexLock lock(mutex_);
    flush_blocked_ = false;
    compaction_idle_ = false;
    collection_idle_ = false;
    ScheduleLocked();
    if (!disk_full_.load()) return absl::OkStatus();
  }
  return ResourceExhaustedError(
      "{}: the disk is full; reads and deletes go on, and writes as soon as there is space",
      options_.directory);
}

void DBImpl::PoisonLocked(const absl::Status& cause) {
  if (!poison_.ok()) return;
  poison_ = cause;
  poisoned_.store(true);
  changed_.SignalAll();
  may_rotate_.SignalAll();
}

void DBImpl::Poison(const absl::Status& cause) {
  MutexLock lock(mutex_);
  PoisonLocked(cause);
}

absl::Status DBImpl::PoisonedStatus() {
  MutexLock lock(mutex_);
  return FailedPreconditionError("{}: read-only until it is opened again, because: {}",
                                 options_.directory, StdView(poison_.message()));
}

Debts DBImpl::CurrentDebts() {
  Debts debts;
  debts.immutable_memtables = generations_.empty() ? 0 : generations_.size() - 1;
  debts.immutable_memtables_max = 4;
  for (const auto& [id, family] : version_->families()) {
    debts.level0_tables = std::max<uint64_t>(debts.level0_tables, family.levels[0].size());
  }
  debts.level0_tables_slow = 12;
  ValueSpace values{.live_bytes = version_->live_value_bytes(), .unflushed_share = replaced_share_};
  for (const auto& [id, family] : version_->families()) {
    for (uint32_t level = 0; level < lsm::kBottomLevel; ++level) {
      for (const lsm::TableRef& table : family.levels[level]) {
        values.replaced_bytes += static_cast<uint64_t>(table->replaced_share *
                                                       static_cast<double>(table->value_bytes()));
      }
    }
  }
  // The generations' own segments: the active one counts as it was when this was asked.
  for (const std::shared_ptr<Generation>& generation : generations_) {
    values.unflushed_bytes += generation->log_bytes();
  }
  const uint64_t tables = version_->table_bytes();
  // The active segment and the one prepared to follow it take their whole size.
  debts.disk_bytes = version_->segment_bytes() + values.unflushed_bytes + tables +
                     2 * NextSegmentBytes() + options_.reserve_bytes;
  debts.disk_bytes_target = DiskTarget(options_.space_target, LikelyLiveBytes(values) + tables,
                                       2 * options_.segment_bytes_max);
  return debts;
}

void DBImpl::UpdateThrottle() {
  if (version_ == nullptr) return;
  const absl::Duration delay = ThrottleDelay(CurrentDebts(), 1024 - 256);
  throttle_nanos_per_kib_.store(static_cast<uint64_t>(absl::ToInt64Nanoseconds(delay)));
}

}  // namespace nokv
