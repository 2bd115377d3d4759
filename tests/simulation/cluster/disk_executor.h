// Where a simulated process leaves what waits for its disk: each task takes a while, and a disk
// that stalls lets none through.
//
// Thread-safety: none; a world has one thread.
#pragma once

#include "engine/base/executor.h"
#include "tests/simulation/event_queue.h"

#include <absl/time/time.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <utility>

namespace nokv::simulation {

class DiskExecutor final : public Executor {
 public:
  struct Options {
    absl::Duration delay_min = absl::Microseconds(50);
    absl::Duration delay_max = absl::Milliseconds(2);
  };

  DiskExecutor(EventQueue& queue, HostId host, const Options& options)
      : queue_(queue), host_(host), options_(options) {}

  void Submit(Priority priority, Task task) override {
    (priority == Priority::kHigh ? high_ : low_).push_back(std::move(task));
    Arm(queue_.Between(options_.delay_min, options_.delay_max));
  }

  // For a caller that blocks: it has the disk to itself, stalled or not, since with the one thread
  // of the world everything would stand still.
  bool HelpOnce() override {
    std::deque<Task>& tasks = high_.empty() ? low_ : high_;
    if (tasks.empty()) return false;
    const Task task = std::move(tasks.front());
    tasks.pop_front();
    task();
    return true;
  }

  void Stall(absl::Duration duration) {
    stalled_until_ =
        std::max(stalled_until_,
                 queue_.now_nanos() + static_cast<uint64_t>(absl::ToInt64Nanoseconds(duration)));
  }

 private:
  void Arm(absl::Duration delay) {
    queue_.After(host_, delay, [this] {
      if (queue_.now_nanos() < stalled_until_) {
        Arm(absl::Nanoseconds(stalled_until_ - queue_.now_nanos()));
      } else {
        HelpOnce();
      }
    });
  }

  EventQueue& queue_;
  const HostId host_;
  const Options options_;
  uint64_t stalled_until_ = 0;
  std::deque<Task> high_;
  std::deque<Task> low_;
};

}  // namespace nokv::simulation
