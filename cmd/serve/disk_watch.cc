#include "cmd/serve/disk_watch.h"

namespace nokv::serve {

void DiskWatch::Start() {
  {
    MutexLock lock(mutex_);
    if (std::exchange(is_looking_, true)) return;
  }
  executor_.Submit(Priority::kLow, [this] {
    const absl::StatusOr<store::DiskSpace> found = look_();
    MutexLock lock(mutex_);
    is_looking_ = false;
    status_ = found.status();
    if (found.ok()) latest_ = *found;
  });
}

store::DiskSpace DiskWatch::latest() {
  MutexLock lock(mutex_);
  return latest_;
}

absl::Status DiskWatch::status() {
  MutexLock lock(mutex_);
  return status_;
}

}  // namespace nokv::serve
