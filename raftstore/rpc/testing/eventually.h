// Waiting for what other threads do, in tests over real sockets.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/clock.h"

#include <absl/time/time.h>

namespace nokv::rpc::testing {

// Whether `condition` comes true within a time that only a broken program needs.
template <typename Condition>
bool Eventually(const Condition& condition) {
  constexpr int kTries = 20'000;
  for (int i = 0; i < kTries; ++i) {
    if (condition()) return true;
    SystemClock().SleepFor(absl::Milliseconds(1));
  }
  return condition();
}

}  // namespace nokv::rpc::testing
