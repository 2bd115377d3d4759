// What every part of a client has at hand: the seams, the gate, and which cluster it talks to.
//
// Thread-safety: none; only inside the gate.
#pragma once

#include "engine/base/random.h"
#include "pd/client/driver_clock.h"
#include "percolator/client/client.h"
#include "percolator/client/gate.h"

#include <absl/time/time.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

namespace nokv::client {

struct Environment {
  const Seams seams;
  const ClientOptions options;
  const std::shared_ptr<Gate> gate;
  Random random;
  uint64_t cluster_id = 0;  // Adopted from the placement driver's first answer.
  pd::DriverClock driver_clock = {};

  uint64_t now_nanos() const { return seams.clock.MonotonicNanos(); }

  uint64_t DeadlineAfter(absl::Duration timeout) const {
    const absl::Duration bounded = std::min(timeout, absl::Hours(24));
    return now_nanos() +
           static_cast<uint64_t>(std::max<int64_t>(absl::ToInt64Nanoseconds(bounded), 0));
  }

  template <typename Step>
  void After(absl::Duration delay, Step step) {
    seams.timer.After(delay, gate->Wrap(std::move(step)));
  }
};

}  // namespace nokv::client
