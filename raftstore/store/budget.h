// How much of a round commands may take, in time and in bytes. The rest of them waits for the next
// round, so that messages, heartbeats and syncs of all regions get their turn in between.
//
// Thread-safety: the loop only.
#pragma once

#include "engine/base/clock.h"

#include <absl/time/time.h>

#include <algorithm>
#include <cstdint>

namespace nokv::store {

class Budget {
 public:
  Budget(Clock& clock, absl::Duration time, uint64_t bytes)
      : clock_(clock),
        time_nanos_(static_cast<uint64_t>(absl::ToInt64Nanoseconds(time))),
        bytes_max_(bytes) {}

  // All of it is there again.
  void Begin() {
    end_nanos_ = clock_.MonotonicNanos() + time_nanos_;
    bytes_left_ = bytes_max_;
  }

  // The last one that is begun may take more than is left.
  void Spend(uint64_t bytes) { bytes_left_ -= std::min(bytes, bytes_left_); }

  bool is_spent() const { return bytes_left_ == 0 || clock_.MonotonicNanos() >= end_nanos_; }

 private:
  Clock& clock_;
  const uint64_t time_nanos_;
  const uint64_t bytes_max_;
  uint64_t end_nanos_ = 0;
  uint64_t bytes_left_ = 0;
};

}  // namespace nokv::store
