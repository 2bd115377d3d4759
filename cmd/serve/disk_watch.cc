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

bool DiskWatch::EndsWithin(absl::Duration time, Clock& clock) {
  constexpr absl::Duration kPause = absl::Milliseconds(10);
  for (absl::Duration waited; is_looking(); waited += kPause) {
    if (waited >= time) return false;
    clock.SleepFor(kPause);
  }
  return true;
}

bool DiskWatch::is_looking() {
  MutexLock lock(mutex_);
  return is_looking_;
}

}  // namespace nokv::serve
