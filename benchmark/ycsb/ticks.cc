#include "benchmark/ycsb/ticks.h"

#include <ctime>
#include <fstream>
#include <string>

namespace nokv::bench {
namespace {

constexpr uint64_t kCalibrationNanos = 50'000'000;

// Whether the counter runs at one rate in every power state, as the kernel reports it.
bool CounterIsConstant() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (line.rfind("flags", 0) != 0) continue;
    return line.find(" constant_tsc") != std::string::npos &&
           line.find(" nonstop_tsc") != std::string::npos;
  }
  return false;
}

TickRate Calibrate() {
  TickRate rate;
#if defined(__x86_64__)
  if (!CounterIsConstant()) return rate;
  const uint64_t start_nanos = MonotonicNanos();
  const uint64_t start_ticks = __rdtsc();
  uint64_t nanos = 0;
  while (nanos < kCalibrationNanos) nanos = MonotonicNanos() - start_nanos;
  const uint64_t ticks = __rdtsc() - start_ticks;
  if (ticks == 0) return rate;
  rate.from_counter = true;
  rate.nanos_per_tick = static_cast<double>(nanos) / static_cast<double>(ticks);
#endif
  return rate;
}

}  // namespace

uint64_t MonotonicNanos() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
}

const TickRate& MachineTickRate() {
  static const TickRate rate = Calibrate();
  return rate;
}

}  // namespace nokv::bench
