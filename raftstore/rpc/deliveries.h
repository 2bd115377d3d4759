// Messages that are on their way to clients, so that those which are for too long can be given up.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/mutex.h"

#include <cstdint>
#include <functional>
#include <map>

namespace nokv::rpc {

class Deliveries {
 public:
  Deliveries() = default;
  Deliveries(const Deliveries&) = delete;
  Deliveries& operator=(const Deliveries&) = delete;

  // A message is about to leave. `cancel` ends the stream or call that it belongs to: it may be
  // called on any thread, once, and still shortly after End(). Returns what to end it by, never 0.
  uint64_t Begin(uint64_t now_nanos, std::function<void()> cancel);

  // The client has taken it, or is gone.
  void End(uint64_t delivery);

  // Cancels those that began at `nanos` or before.
  void CancelUpTo(uint64_t nanos);

 private:
  struct Delivery {
    uint64_t began_nanos = 0;
    std::function<void()> cancel;
  };

  Mutex mutex_;
  uint64_t last_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, Delivery> under_way_ ABSL_GUARDED_BY(mutex_);  // The oldest first.
};

}  // namespace nokv::rpc
