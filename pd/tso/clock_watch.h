// Notices that the wall clock went back, by the clock that never does.
//
// Thread-safety: none.
#pragma once

#include <cstdint>
#include <optional>

namespace nokv::pd {

class ClockWatch {
 public:
  // By how much the wall clock went back since the reading before; 0 if that is no more than
  // correcting a clock smoothly does.
  uint64_t Observe(uint64_t wall_ms, uint64_t monotonic_ms) {
    // Wraps where the wall clock is behind; the difference of two of these is right all the same.
    const uint64_t offset_ms = wall_ms - monotonic_ms;
    const uint64_t before_ms = last_offset_ms_.value_or(offset_ms);
    last_offset_ms_ = offset_ms;
    const auto back_ms = static_cast<int64_t>(before_ms - offset_ms);
    return back_ms > kToleratedMs ? static_cast<uint64_t>(back_ms) : 0;
  }

 private:
  static constexpr int64_t kToleratedMs = 150;

  std::optional<uint64_t> last_offset_ms_;
};

}  // namespace nokv::pd
