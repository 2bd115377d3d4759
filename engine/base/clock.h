// Time, passed in to whoever needs it.
//
// Thread-safety: implementations are safe.
#pragma once

#include <absl/time/time.h>

#include <cstdint>

namespace nokv {

class Clock {
 public:
  virtual ~Clock() = default;

  // Milliseconds since the Unix epoch. May step backwards: only expiry and file dates use it.
  virtual uint64_t WallMillis() = 0;

  // Nanoseconds since some fixed point; never steps backwards.
  virtual uint64_t MonotonicNanos() = 0;

  // Blocks the caller. Only the embedded API may wait like this.
  virtual void SleepFor(absl::Duration duration) = 0;
};

// The machine's clock. Lives for the whole process.
Clock& SystemClock();

// A clock that moves only when told to, or when somebody sleeps on it.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(uint64_t wall_millis = 1'700'000'000'000) : wall_millis_(wall_millis) {}

  uint64_t WallMillis() override { return wall_millis_ + monotonic_nanos_ / 1'000'000; }

  uint64_t MonotonicNanos() override { return monotonic_nanos_; }

  void SleepFor(absl::Duration duration) override { Advance(duration); }

  void Advance(absl::Duration duration) {
    monotonic_nanos_ += static_cast<uint64_t>(absl::ToInt64Nanoseconds(duration));
  }

 private:
  uint64_t wall_millis_;
  uint64_t monotonic_nanos_ = 0;  // Used from one thread: simulations have only one.
};

}  // namespace nokv
