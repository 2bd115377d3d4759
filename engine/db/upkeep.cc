// What users may ask for by name: flush, compact and collect.
#include "engine/base/check.h"
#include "engine/base/planted.h"
#include "engine/db/background_tasks.h"
#include "engine/db/db_impl.h"
#include "engine/db/file_names.h"
#include "engine/db/wait.h"

#include <algorithm>
#include <utility>

namespace nokv {

bool DBImpl::IsClosing() {
  MutexLock lock(mutex_);
  return closing_;
}

void DBImpl::SubmitPurge() {
  if (purge_submitted_ || closing_) return;
  purge_submitted_ = true;
  Submit(Priority::kLow, &DBImpl::PurgeStep);
}

// The reader who let go pays for a step to be queued, once for a state; the step removes the files.
void DBImpl::OnStateReleased() {
  if (!live_files_->HasRetired()) return;
  MutexLock lock(mutex_);
  SubmitPurge();
}

absl::Status DBImpl::CheckWritable() {
  if (options_.read_only)
    return FailedPreconditionError("{}: opened read-only", options_.directory);
  if (poisoned_.load()) return PoisonedStatus();
  return absl::OkStatus();
}

absl::Status DBImpl::Flush() {
  RETURN_IF_ERROR(CheckWritable());
  uint32_t first_kept = 0;
  {
    MutexLock lock(write_mutex_);
    if (!active_->empty()) RETURN_IF_ERROR(RotateGeneration());
    first_kept = active_->first_segment();
  }
  MutexLock lock(mutex_);
  flush_blocked_ = false;
  ScheduleLocked();
  WaitUntil(changed_, [this, first_kept]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return generations_.back()->first_segment() >= first_kept || !poison_.ok() || flush_blocked_;
  });
  if (!poison_.ok()) return poison_;
  if (generations_.back()->first_segment() < first_kept) {
    return ResourceExhaustedError("{}: the disk is full", options_.directory);
  }
  return absl::OkStatus();
}

void DBImpl::PauseBackground() {
  MutexLock lock(mutex_);
  ++pauses_;
  WaitUntil(changed_, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return compaction_ == nullptr && collection_ == nullptr;
  });
}

void DBImpl::ResumeBackground() {
  MutexLock lock(mutex_);
  --pauses_;
  compaction_idle_ = false;
  collection_idle_ = false;
  ScheduleLocked();
}

absl::Status DBImpl::CompactRange(ColumnFamilyHandle column_family, std::string_view start,
                                  std::string_view end) {
  RETURN_IF_ERROR(Flush());
  MutexLock manual(manual_mutex_);
  PauseBackground();
  absl::Status status;
  for (bool more = true; more && status.ok();) {
    std::optional<lsm::Compaction> picked;
    {
      MutexLock lock(mutex_);
      picked = lsm::PickCompaction(*version_, PickerOptionsLocked());
      if (!picked.has_value() || !picked->IsDrop()) {
        picked = lsm::PickManual(*version_, column_family.id, start, end, PickerOptionsLocked());
      }
      more = picked.has_value();
      if (more) compaction_ = std::make_unique<CompactionTask>();
    }
    if (!more) break;
    status = BeginCompaction(*picked);
    picked.reset();
    for (bool done = false; !done && status.ok();) status = RunCompaction(&done);
    MutexLock lock(mutex_);
    compaction_.reset();
  }
  ResumeBackground();
  if (!status.ok()) NoteBackgroundFailure(status);
  return status;
}

absl::StatusOr<uint64_t> DBImpl::RunValueLogGC(double dead_ratio) {
  RETURN_IF_ERROR(CheckWritable());
  if (!(dead_ratio >= 0.0 && dead_ratio < 1.0)) {
    return InvalidArgumentError("a dead ratio of {}; at least 0 and below 1 is wanted", dead_ratio);
  }
  MutexLock manual(manual_mutex_);
  PauseBackground();
  const uint64_t before = SegmentBytes();
  absl::Status status;
  for (uint64_t last = UINT64_MAX; status.ok();) {
    {
      MutexLock lock(mutex_);
      collection_ = std::make_unique<CollectionTask>();
      collection_->dead_ratio_min = dead_ratio;
    }
    for (bool done = false; !done && status.ok();) status = RunCollection(&done);
    const bool did_something = !collection_->victims.empty();
    {
      MutexLock lock(mutex_);
      collection_.reset();
    }
    const uint64_t now = SegmentBytes();
    if (!did_something || now >= last) break;
    last = now;
  }
  const uint64_t after = SegmentBytes();
  ResumeBackground();
  if (!status.ok()) {
    NoteBackgroundFailure(status);
    return status;
  }
  live_files_->Purge(log_.get(), NextSegmentBytes());
  return before > after ? before - after : 0;
}

uint64_t DBImpl::SegmentBytes() {
  MutexLock lock(mutex_);
  return version_->segment_bytes();
}

absl::Status DBImpl::WaitForBackgroundWork() {
  {
    MutexLock lock(mutex_);
    ScheduleLocked();
    WaitUntil(changed_, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return steps_submitted_ == 0; });
    if (!poison_.ok()) return poison_;
  }
  if (!options_.read_only) live_files_->Purge(log_.get(), NextSegmentBytes());
  return absl::OkStatus();
}

}  // namespace nokv
