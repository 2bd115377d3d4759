// The placement driver's time, as its timestamps tell it.
//
// Whether a value has expired is judged by one clock all over a cluster, the driver's; any other
// one differs from host to host. A timestamp says how late it was when it was drawn, and the
// monotonic clock carries that on until the next. So the time is behind the driver's by what an
// answer takes to come, of which late ones are believed only if there is nothing better, and ahead
// of it by no more than two clocks drift apart between two timestamps that are believed, or than
// the driver holds its time back after its own clock was set back.
//
// Invariant: it never goes back.
//
// Thread-safety: none.
#pragma once

#include "pd/timestamp.h"

#include <absl/time/time.h>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace nokv::pd {

class DriverClock {
 public:
  // A timestamp of the driver has come that was asked for at `asked_nanos`. One that is older than
  // others is no news.
  void Learn(uint64_t timestamp, uint64_t asked_nanos, uint64_t now_nanos) {
    if (timestamp <= last_timestamp_ || OnlyHoldsBack(timestamp, asked_nanos, now_nanos)) return;
    Advance(now_nanos);
    last_timestamp_ = timestamp;
    learned_nanos_ = now_nanos;
    Advance(now_nanos);
  }

  // Somebody was told what is the case at `timestamp`, which he may have drawn elsewhere: nobody
  // should be told of a time before it. What is further ahead than answers take is not believed.
  void Follow(uint64_t timestamp, uint64_t now_nanos) {
    constexpr uint64_t kAheadMillisMax = 100;
    if (last_timestamp_ == 0) return;
    const uint64_t carried_ms = Carried(now_nanos);
    shown_ms_ = std::max(shown_ms_, std::min(PhysicalMs(timestamp), carried_ms + kAheadMillisMax));
  }

  // Unix milliseconds. Nothing before the first timestamp.
  std::optional<uint64_t> Millis(uint64_t now_nanos) {
    if (last_timestamp_ == 0) return std::nullopt;
    Advance(now_nanos);
    return shown_ms_;
  }

  // Whether a timestamp has come within the last `age`.
  bool IsFresh(absl::Duration age, uint64_t now_nanos) const {
    return last_timestamp_ != 0 &&
           absl::Nanoseconds(static_cast<int64_t>(now_nanos - learned_nanos_)) <= age;
  }

 private:
  static constexpr absl::Duration kLate = absl::Milliseconds(50);
  static constexpr absl::Duration kCarriedMax = absl::Seconds(10);

  uint64_t Carried(uint64_t now_nanos) const {
    return PhysicalMs(last_timestamp_) + (now_nanos - learned_nanos_) / 1'000'000;
  }

  // An answer that was long on its way says of the driver's time only that it was reached. While
  // what is carried on is further and not old, it is the better one.
  bool OnlyHoldsBack(uint64_t timestamp, uint64_t asked_nanos, uint64_t now_nanos) const {
    const absl::Duration took = absl::Nanoseconds(static_cast<int64_t>(now_nanos - asked_nanos));
    return took > kLate && IsFresh(kCarriedMax, now_nanos) &&
           PhysicalMs(timestamp) <= Carried(now_nanos);
  }

  void Advance(uint64_t now_nanos) {
    if (last_timestamp_ != 0) shown_ms_ = std::max(shown_ms_, Carried(now_nanos));
  }

  uint64_t last_timestamp_ = 0;  // 0: none.
  uint64_t learned_nanos_ = 0;   // When it came.
  uint64_t shown_ms_ = 0;        // The latest time that was told.
};

}  // namespace nokv::pd
