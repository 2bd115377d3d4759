// Where work runs that its caller does not wait for. The only maker of threads in the engine.
//
// Code above never starts a thread: it submits bounded steps, and a long job submits itself again.
// With a ManualExecutor the same code runs on one thread in an order that a seed decides.
#pragma once

#include "engine/base/mutex.h"
#include "engine/base/random.h"

#include <deque>
#include <functional>
#include <memory>

namespace nokv {

enum class Priority { kHigh, kLow };  // High: what a writer may be waiting for (flush, sync).

// Thread-safety: safe.
class Executor {
 public:
  using Task = std::function<void()>;

  virtual ~Executor() = default;

  // Runs `task` later, never inside Submit. Tasks of one priority start in order.
  virtual void Submit(Priority priority, Task task) = 0;

  // For a caller about to block until some task has run. True if it ran a task itself and the
  // condition is worth another look; false if other threads do the work and blocking is right.
  virtual bool HelpOnce() { return false; }
};

// A fixed number of threads. The destructor runs what was submitted, then joins.
std::unique_ptr<Executor> NewThreadPool(int thread_count);

// Runs tasks when told to. With a random source, picks any waiting task instead of the oldest.
// Thread-safety: none.
class ManualExecutor final : public Executor {
 public:
  explicit ManualExecutor(Random* random = nullptr) : random_(random) {}

  void Submit(Priority priority, Task task) override;

  bool HelpOnce() override { return RunOne(); }

  // False if nothing was waiting.
  bool RunOne();

  void RunUntilIdle() {
    while (RunOne()) {
    }
  }

  // Forgets everything that waits, as a killed process does.
  void Clear();

 private:
  Random* const random_;
  std::deque<Task> tasks_;
};

}  // namespace nokv
