// The one lock of a client, and how work gets in and out.
//
// All state of a client is touched by steps, one at a time, inside the gate. A step calls no code
// of the client's user: it leaves the call, which is made when the gate is free again. Once closed,
// nobody gets in any more, so what the steps refer to may be destroyed while their callbacks are
// still somewhere on their way.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/executor.h"
#include "engine/base/mutex.h"

#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace nokv::client {

class Gate : public std::enable_shared_from_this<Gate> {
 public:
  using Call = std::function<void()>;

  explicit Gate(Executor& executor) : executor_(executor) {}

  // Runs `step` inside, then makes the calls that were left. For callbacks of the seams.
  template <typename Step>
  void Enter(Step&& step) {
    for (const Call& call : Run(std::forward<Step>(step))) call();
  }

  // The same for the client's user, who must not be called inside his own call: what is left comes
  // on the executor.
  template <typename Step>
  void EnterFromUser(Step&& step) {
    for (Call& call : Run(std::forward<Step>(step))) {
      executor_.Submit(Priority::kHigh, [gate = shared_from_this(), call = std::move(call)] {
        gate->Enter([&] { gate->Leave(call); });
      });
    }
  }

  // Only in a step, that is with the lock held, which the compiler cannot see.
  void Leave(Call call) ABSL_NO_THREAD_SAFETY_ANALYSIS { left_.push_back(std::move(call)); }

  // A callback for a seam: `step` with its arguments, inside.
  template <typename... Arguments, typename Step>
  std::function<void(Arguments...)> Wrap(Step step) {
    return [gate = shared_from_this(), step = std::move(step)](Arguments... arguments) {
      gate->Enter([&] { step(std::move(arguments)...); });
    };
  }

  void Close() {
    MutexLock lock(mutex_);
    is_closed_ = true;
  }

 private:
  template <typename Step>
  std::vector<Call> Run(Step&& step) {
    std::vector<Call> left;
    MutexLock lock(mutex_);
    if (is_closed_) return left;
    step();
    left.swap(left_);
    return left;
  }

  Executor& executor_;
  Mutex mutex_;
  bool is_closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Call> left_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nokv::client
