#include "pd/tso/timestamp_allocator.h"

#include "pd/planted.h"

#include <algorithm>

namespace nokv::pd {

absl::Status TimestampAllocator::CheckClock(uint64_t physical_ms, uint64_t now_ms) const {
  if (std::max(physical_ms, now_ms) > kPhysicalMsMax) {
    return UnavailableError(
        "no timestamps: the clock reads {} ms and the next timestamp has {} ms, but at most {} fit",
        now_ms, physical_ms, kPhysicalMsMax);
  }
  if (physical_ms > now_ms + options_.lead_ms_max) {
    return UnavailableError(
        "no timestamps: the clock reads {} ms, which is {} ms behind the timestamps already given "
        "or reserved; at most {} ms are allowed, so correct the clock or wait for it",
        now_ms, physical_ms - now_ms, options_.lead_ms_max);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::variant<TimestampRange, CeilingNeeded>> TimestampAllocator::Take(
    uint64_t count, uint64_t now_ms) {
  if (count == 0 || count > kTimestampsPerMs) {
    return InvalidArgumentError("{} timestamps asked for at once; 1 to {} are given", count,
                                kTimestampsPerMs);
  }
  if (count > options_.small_count_max && LeadMs(now_ms) >= options_.small_lead_ms_max) {
    return UnavailableError(
        "{} timestamps asked for at once: while they are {} ms ahead of the clock, no more than {} "
        "are given",
        count, LeadMs(now_ms), options_.small_count_max);
  }
  uint64_t physical_ms = physical_ms_;
  uint64_t counter = counter_;
  if (now_ms > physical_ms || Planted(Bug::kClockFollowedBackwards)) {
    if (now_ms != physical_ms) counter = 0;
    physical_ms = now_ms;
  }
  if (counter + count > kTimestampsPerMs) {  // The rest of this millisecond is given up.
    ++physical_ms;
    counter = 0;
  }
  RETURN_IF_ERROR(CheckClock(physical_ms, now_ms));
  if (physical_ms >= ceiling_ms_) {
    return CeilingNeeded{CeilingFor(physical_ms, now_ms)};
  }
  physical_ms_ = physical_ms;
  counter_ = counter + count;
  return TimestampRange{MakeTimestamp(physical_ms, counter), count};
}

uint64_t TimestampAllocator::CeilingFor(uint64_t physical_ms, uint64_t now_ms) const {
  const uint64_t wanted_ms =
      std::max(now_ms + options_.window_ms, physical_ms + 1 + options_.reserve_ms);
  return std::min(wanted_ms, kPhysicalMsMax + 1);
}

void TimestampAllocator::CeilingSaved(uint64_t ceiling_ms) {
  ceiling_ms_ = std::max(ceiling_ms_, ceiling_ms);
}

uint64_t TimestampAllocator::NextCeiling(uint64_t now_ms) const {
  return CeilingFor(physical_ms_, now_ms);
}

bool TimestampAllocator::WantsCeiling(uint64_t now_ms) const {
  const uint64_t position_ms = std::max(now_ms, physical_ms_);
  const uint64_t ahead_ms = now_ms >= physical_ms_ ? options_.window_ms : options_.reserve_ms;
  return position_ms + ahead_ms / 2 >= ceiling_ms_;
}

}  // namespace nokv::pd
