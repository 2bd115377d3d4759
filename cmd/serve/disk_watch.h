// How much room the disk has, as it was last known.
//
// Looking takes as long as the disk likes, or for ever if it hangs. So it is done on a thread of
// its own, and whoever asks is told what was found before; the store's loop must not wait for the
// disk.
//
// Thread-safety: safe. The executor has run or forgotten its tasks before the object goes.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/mutex.h"
#include "engine/base/status.h"
#include "raftstore/store/seams.h"

#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <utility>

namespace nokv::serve {

class DiskWatch {
 public:
  using Look = std::function<absl::StatusOr<store::DiskSpace>()>;

  DiskWatch(Look look, Executor& executor) : look_(std::move(look)), executor_(executor) {}

  // Looks, unless somebody still does.
  void Start();

  // Of the latest look that told something. Without any there is no end of room.
  store::DiskSpace latest();

  // Of the latest look.
  absl::Status status();

  // Whether the look that is under way ends in time. Only then will the executor ever end.
  bool EndsWithin(absl::Duration time, Clock& clock);

 private:
  bool is_looking();

  const Look look_;
  Executor& executor_;

  Mutex mutex_;
  bool is_looking_ ABSL_GUARDED_BY(mutex_) = false;
  store::DiskSpace latest_ ABSL_GUARDED_BY(mutex_) = {.capacity_bytes = UINT64_MAX,
                                                      .available_bytes = UINT64_MAX};
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nokv::serve
