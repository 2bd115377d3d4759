// Closing: the log is ended, and the manifest says where.
//
// 1. Wait for what runs in the background.
// 2. Seal the active segment and make the whole log durable.
// 3. Append to the manifest that the log is whole up to there. The next open then takes a missing
//    or damaged end of the log for damage, and not for a write that a crash interrupted.
//
// Each step may fail or be cut off: the database then opens as after a crash.
#include "engine/base/planted.h"
#include "engine/db/background_tasks.h"
#include "engine/db/db_impl.h"
#include "engine/db/groups_impl.h"
#include "engine/db/wait.h"

namespace nokv {

DBImpl::~DBImpl() {
  {
    MutexLock lock(mutex_);
    closing_ = true;
    WaitUntil(changed_, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return steps_submitted_ == 0; });
  }
  if (log_ != nullptr) {
    log_->WaitForSyncs();
    log_->DropSpare();
    if (state_.load() != nullptr) CloseLog().IgnoreError();
  }
  if (const ReadState* state = state_.load(); state != nullptr) state->Unref();
  {
    MutexLock write_lock(write_mutex_);
    active_.reset();
    MutexLock lock(mutex_);
    generations_.clear();
    version_.reset();
  }
  // States that other threads' guards still hold up refer to tables, and those to the block cache.
  while (!EpochCollect()) clock_.SleepFor(absl::Microseconds(50));
  if (live_files_ != nullptr && !options_.read_only) live_files_->Purge(nullptr, 0);
}

absl::Status DBImpl::CloseLog() {
  MutexLock install(install_mutex_);
  MutexLock write_lock(write_mutex_);
  // After a failure nothing is known about what is durable. A manifest that ends with half an edit
  // takes no more.
  if (poisoned_.load() || manifest_ == nullptr) return absl::OkStatus();
  lsm::VersionEdit edit;
  if (Planted(Bug::kClosedBeforeLogSync)) {
    edit.closed_log_end = log_->active()->number() + 1;
    RETURN_IF_ERROR(manifest_->Append(edit));
  }
  ASSIGN_OR_RETURN(edit.closed_log_end, log_->Close());
  return manifest_->Append(edit);
}

}  // namespace nokv
