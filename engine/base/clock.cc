#include "engine/base/clock.h"

#include <chrono>
#include <thread>

namespace nokv {
namespace {

class MachineClock final : public Clock {
 public:
  uint64_t WallMillis() override {
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                     std::chrono::system_clock::now().time_since_epoch())
                                     .count());
  }

  uint64_t MonotonicNanos() override {
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                     std::chrono::steady_clock::now().time_since_epoch())
                                     .count());
  }

  void SleepFor(absl::Duration duration) override {
    std::this_thread::sleep_for(absl::ToChronoNanoseconds(duration));
  }
};

}  // namespace

Clock& SystemClock() {
  static MachineClock* const clock =
      new MachineClock;  // Never destroyed: threads may outlive main.
  return *clock;
}

}  // namespace nokv
