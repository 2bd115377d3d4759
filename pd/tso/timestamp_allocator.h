// Decides which timestamps to give next, as a pure function of the clock's reading and of a ceiling
// that somebody else makes durable.
//
// Invariants: every range is above all earlier ones, and its milliseconds are below the ceiling. An
// allocator that starts at the ceiling saved last is therefore above everything given before it,
// whatever its clock says.
//
// Thread-safety: none.
#pragma once

#include "engine/base/status.h"
#include "pd/timestamp.h"

#include <cstdint>
#include <variant>

namespace nokv::pd {

struct TimestampOptions {
  // A ceiling is saved this far ahead of the clock.
  uint64_t window_ms = 3000;

  // And at least so far ahead of the newest timestamp, where the clock has not caught up with it.
  // Small, so that a driver that restarts again and again does not run away from its clock.
  uint64_t reserve_ms = 100;

  // Timestamps run ahead of a clock that went back by at most this much.
  uint64_t lead_ms_max = 10'000;

  // A large call gives up what is left of a millisecond, so many of them drive timestamps ahead of
  // the clock. They are for as long as the lead is small: others must not be kept out by them.
  uint64_t small_count_max = kSmallCallMax;
  uint64_t small_lead_ms_max = 1'000;
};

// No timestamp can be given before this ceiling, in milliseconds, is durable.
struct CeilingNeeded {
  uint64_t ceiling_ms = 0;
};

class TimestampAllocator {
 public:
  // `saved_ceiling_ms`: milliseconds from this on were never given. 0 for a new cluster.
  TimestampAllocator(const TimestampOptions& options, uint64_t saved_ceiling_ms)
      : options_(options), physical_ms_(saved_ceiling_ms), ceiling_ms_(saved_ceiling_ms) {}

  // `count` timestamps in a row, 1 to kTimestampsPerMs (InvalidArgument otherwise). Unavailable if
  // the clock is more than lead_ms_max behind the newest timestamp, or small_lead_ms_max for more
  // than small_count_max of them, or beyond what fits 46 bits.
  absl::StatusOr<std::variant<TimestampRange, CeilingNeeded>> Take(uint64_t count, uint64_t now_ms);

  // The ceiling is durable now.
  void CeilingSaved(uint64_t ceiling_ms);

  // Whether half of the window is used up, so that the next should be saved while nobody waits.
  bool WantsCeiling(uint64_t now_ms) const;

  // By how much the newest timestamp is ahead of the clock; 0 if it is behind.
  uint64_t LeadMs(uint64_t now_ms) const {
    return physical_ms_ > now_ms ? physical_ms_ - now_ms : 0;
  }

  // The ceiling that should be saved next.
  uint64_t NextCeiling(uint64_t now_ms) const;

 private:
  absl::Status CheckClock(uint64_t physical_ms, uint64_t now_ms) const;
  uint64_t CeilingFor(uint64_t physical_ms, uint64_t now_ms) const;

  TimestampOptions options_;
  uint64_t physical_ms_;  // Of the newest timestamp, or the first that may be given.
  uint64_t counter_ = 0;  // The next of that millisecond; may be kTimestampsPerMs.
  uint64_t ceiling_ms_;
};

}  // namespace nokv::pd
