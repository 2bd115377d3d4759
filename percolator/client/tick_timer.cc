#include "percolator/client/tick_timer.h"

#include <algorithm>
#include <utility>

namespace nokv::client {

void TickTimer::After(absl::Duration delay, Task task) {
  const auto nanos = std::max<int64_t>(absl::ToInt64Nanoseconds(delay), 0);
  const uint64_t due_nanos = clock_.MonotonicNanos() + static_cast<uint64_t>(nanos);
  MutexLock lock(mutex_);
  heap_.push_back({.due_nanos = due_nanos, .order = next_order_++, .task = std::move(task)});
  std::push_heap(heap_.begin(), heap_.end(), IsLater);
}

void TickTimer::Tick() {
  const uint64_t now_nanos = clock_.MonotonicNanos();
  std::vector<Task> due;
  {
    MutexLock lock(mutex_);
    while (!heap_.empty() && heap_.front().due_nanos <= now_nanos) {
      std::pop_heap(heap_.begin(), heap_.end(), IsLater);
      due.push_back(std::move(heap_.back().task));
      heap_.pop_back();
    }
  }
  for (Task& task : due) executor_.Submit(Priority::kHigh, std::move(task));
}

size_t TickTimer::waiting() const {
  MutexLock lock(mutex_);
  return heap_.size();
}

}  // namespace nokv::client
