#include "benchmark/ycsb/progress.h"

#include "benchmark/ycsb/ticks.h"

#include <fmt/format.h>

#include <cstdio>

namespace nokv::bench {
namespace {

std::string MinutesAndSeconds(uint64_t nanos) {
  const uint64_t seconds = nanos / 1'000'000'000;
  return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
}

}  // namespace

Progress::Progress(bool enabled, uint64_t steps)
    : enabled_(enabled), steps_(steps), start_nanos_(MonotonicNanos()) {}

void Progress::Show(const std::string& what) {
  what_ = what;
  Tick();
}

void Progress::Tick() {
  if (!enabled_) return;
  const uint64_t elapsed = MonotonicNanos() - start_nanos_;
  const std::string left = done_ == 0 ? "?" : MinutesAndSeconds(elapsed / done_ * (steps_ - done_));
  fmt::print(stderr, "\r\033[K[{}/{}] {}  elapsed {}  left {}", done_, steps_, what_,
             MinutesAndSeconds(elapsed), left);
  std::fflush(stderr);
}

void Progress::Clear() {
  if (!enabled_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
}

}  // namespace nokv::bench
