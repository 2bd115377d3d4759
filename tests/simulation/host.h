// What a simulated process is given instead of a machine: its clock and its executor.
//
// Thread-safety: none; a world has one thread.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "tests/simulation/event_queue.h"

#include <absl/time/time.h>

#include <cstdint>
#include <deque>
#include <utility>

namespace nokv::simulation {

// The clock of one host, which may go wrong: another rate, another date, a jump of the date.
class SimClock final : public Clock {
 public:
  explicit SimClock(EventQueue& queue, uint64_t wall_millis = 1'700'000'000'000)
      : queue_(queue), since_(queue.now_nanos()), wall_millis_(wall_millis) {}

  uint64_t WallMillis() override { return wall_millis_ + MonotonicNanos() / 1'000'000; }

  uint64_t MonotonicNanos() override {
    const uint64_t passed = queue_.now_nanos() - since_;
    return counted_ + passed +
           static_cast<uint64_t>(static_cast<int64_t>(passed / 1000) * rate_ppm_ / 1000);
  }

  // Holds up the whole world: one thread cannot do anything else meanwhile.
  void SleepFor(absl::Duration duration) override { queue_.Pass(duration); }

  // From now on this clock gains so many microseconds a second; may be negative.
  void set_rate_ppm(int64_t rate_ppm) {
    counted_ = MonotonicNanos();
    since_ = queue_.now_nanos();
    rate_ppm_ = rate_ppm;
  }

  void JumpWall(int64_t millis) { wall_millis_ += static_cast<uint64_t>(millis); }

 private:
  EventQueue& queue_;
  uint64_t since_;        // True time at which the rate was set,
  uint64_t counted_ = 0;  // and what had been counted until then.
  int64_t rate_ppm_ = 0;
  uint64_t wall_millis_;  // The date at count zero.
};

// Runs each task as an event of its own, a little later. Keeps the executor's promise, that tasks
// of one priority start in order, or, shuffled, the ManualExecutor's: any waiting task may be next.
class SimExecutor final : public Executor {
 public:
  struct Options {
    absl::Duration delay_max = absl::Microseconds(50);
    bool is_shuffled = false;
  };

  SimExecutor(EventQueue& queue, HostId host, const Options& options)
      : queue_(queue), host_(host), options_(options) {}

  void Submit(Priority priority, Task task) override {
    (priority == Priority::kHigh ? high_ : low_).push_back(std::move(task));
    queue_.After(host_, queue_.Between(absl::ZeroDuration(), options_.delay_max),
                 [this] { HelpOnce(); });
  }

  // Its event finds one task less, or none.
  bool HelpOnce() override {
    std::deque<Task>& tasks = high_.empty() ? low_ : high_;
    if (tasks.empty()) return false;
    const size_t pick = options_.is_shuffled ? queue_.random().Uniform(tasks.size()) : 0;
    const Task task = std::move(tasks[pick]);
    tasks.erase(tasks.begin() + static_cast<std::ptrdiff_t>(pick));
    task();
    return true;
  }

  size_t waiting() const { return high_.size() + low_.size(); }

 private:
  EventQueue& queue_;
  const HostId host_;
  const Options options_;
  std::deque<Task> high_;
  std::deque<Task> low_;
};

}  // namespace nokv::simulation
