// A Timer for processes: somebody ticks it every few milliseconds.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/mutex.h"
#include "percolator/client/timer.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace nokv::client {

class TickTimer final : public Timer {
 public:
  // Both must outlive the timer.
  TickTimer(Clock& clock, Executor& executor) : clock_(clock), executor_(executor) {}

  void After(absl::Duration delay, Task task) override;

  // Hands every task whose time has come to the executor, the earliest first.
  void Tick();

  size_t waiting() const;

 private:
  struct Entry {
    uint64_t due_nanos;
    uint64_t order;  // Tasks of one instant keep theirs.
    Task task;
  };

  static bool IsLater(const Entry& a, const Entry& b) {  // The heap has the first in front.
    return a.due_nanos != b.due_nanos ? a.due_nanos > b.due_nanos : a.order > b.order;
  }

  Clock& clock_;
  Executor& executor_;
  mutable Mutex mutex_;
  std::vector<Entry> heap_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_order_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace nokv::client
