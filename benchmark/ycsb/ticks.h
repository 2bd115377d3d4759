// Time for the measuring loop: the processor's counter, calibrated once against the clock.
//
// Invariant: ticks never go backwards on a machine whose kernel calls the counter constant and
// nonstop; on any other machine a tick is a nanosecond of the monotonic clock.
//
// Thread-safety: all functions are safe.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace nokv::bench {

uint64_t MonotonicNanos();

// The counter's properties, found on first use; that takes some 50 ms.
struct TickRate {
  bool from_counter = false;
  double nanos_per_tick = 1;
};

const TickRate& MachineTickRate();

// `from_counter` is TickRate::from_counter, kept by the caller in a register.
inline uint64_t Ticks(bool from_counter) {
#if defined(__x86_64__)
  if (from_counter) return __rdtsc();
#endif
  (void)from_counter;
  return MonotonicNanos();
}

}  // namespace nokv::bench
