#include "pd/id/ceiling.h"

namespace nokv::pd {

uint64_t Ceiling::saved() const {
  MutexLock lock(mutex_);
  return saved_;
}

absl::Status Ceiling::RaiseTo(uint64_t value) {
  {
    MutexLock lock(mutex_);
    while (is_saving_ && saved_ < value) changed_.Wait(mutex_);
    if (saved_ >= value) return absl::OkStatus();
    is_saving_ = true;
  }
  absl::Status status = save_(value);
  MutexLock lock(mutex_);
  is_saving_ = false;
  if (status.ok()) saved_ = value;
  changed_.SignalAll();  // Who waits saves for itself if this failed or was too low.
  return status;
}

}  // namespace nokv::pd
