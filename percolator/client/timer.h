// Waiting without sleeping: the seam through which the client library comes back later.
//
// `task` runs on the executor that the implementation was given, never inside the call. What waits
// when an implementation is destroyed is forgotten.
//
// Thread-safety: implementations are safe.
#pragma once

#include <absl/time/time.h>

#include <functional>

namespace nokv::client {

class Timer {
 public:
  using Task = std::function<void()>;

  virtual ~Timer() = default;

  // Runs `task` once, not before `delay` has passed.
  virtual void After(absl::Duration delay, Task task) = 0;
};

}  // namespace nokv::client
