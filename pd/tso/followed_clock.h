// The wall clock as timestamps follow it: not at once where it jumps ahead.
//
// Timestamps never go back. Were they to follow a clock that is a day ahead for a second, none
// could be given for a day. So a jump is not followed before the clock has kept to it for a while;
// until then time goes on from where it was, by the clock that never jumps. A machine that slept
// looks the same, and is behind for as long.
//
// Thread-safety: none.
#pragma once

#include <cstdint>
#include <optional>

namespace nokv::pd {

class FollowedClock {
 public:
  static constexpr int64_t kJumpMs = 10'000;
  static constexpr uint64_t kPatienceMs = 60'000;

  // The milliseconds to go by. The first reading is believed, whatever it is.
  uint64_t Read(uint64_t wall_ms, uint64_t monotonic_ms) {
    // Wraps where the wall clock is behind; the difference of two of these is right all the same.
    const uint64_t offset_ms = wall_ms - monotonic_ms;
    const auto ahead_ms = static_cast<int64_t>(offset_ms - offset_ms_.value_or(offset_ms));
    if (ahead_ms <= kJumpMs) {
      ahead_since_ms_.reset();
    } else if (!ahead_since_ms_.has_value()) {
      ahead_since_ms_ = monotonic_ms;
    }
    const bool is_believed =
        !ahead_since_ms_.has_value() || monotonic_ms - *ahead_since_ms_ >= kPatienceMs;
    if (!is_believed) {
      held_back_ms_ = static_cast<uint64_t>(ahead_ms);
      return monotonic_ms + *offset_ms_;
    }
    offset_ms_ = offset_ms;
    ahead_since_ms_.reset();
    held_back_ms_ = 0;
    return wall_ms;
  }

  // By how much the wall clock was ahead of what was read last.
  uint64_t held_back_ms() const { return held_back_ms_; }

 private:
  std::optional<uint64_t> offset_ms_;       // Of the wall clock, as far as it is believed.
  std::optional<uint64_t> ahead_since_ms_;  // Monotonic.
  uint64_t held_back_ms_ = 0;
};

}  // namespace nokv::pd
