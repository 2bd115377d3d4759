#include "pd/tso/timestamp_oracle.h"

#include "pd/planted.h"

#include <utility>

namespace nokv::pd {

TimestampOracle::TimestampOracle(const TimestampOptions& options, uint64_t saved_ceiling_ms,
                                 Ceiling::Save save, Clock& clock)
    : clock_(clock),
      ceiling_(saved_ceiling_ms, std::move(save)),
      allocator_(options, Planted(Bug::kRestartTrustsClock) ? 0 : saved_ceiling_ms) {}

uint64_t TimestampOracle::NowMsLocked() {
  return followed_.Read(clock_.WallMillis(), clock_.MonotonicNanos() / 1'000'000);
}

absl::StatusOr<TimestampOracle::Answer> TimestampOracle::Next(uint64_t count) {
  MutexLock lock(mutex_);
  // The clock is read under the lock: a reading from before somebody else's turn is old.
  return allocator_.Take(count, NowMsLocked());
}

absl::StatusOr<TimestampRange> TimestampOracle::Take(uint64_t count) {
  // Once more after each save: others may have used the new window up meanwhile.
  for (;;) {
    ASSIGN_OR_RETURN(const Answer answer, Next(count));
    if (const auto* range = std::get_if<TimestampRange>(&answer)) return *range;
    RETURN_IF_ERROR(SaveCeiling(std::get<CeilingNeeded>(answer).ceiling_ms));
  }
}

absl::StatusOr<std::optional<TimestampRange>> TimestampOracle::TryTake(uint64_t count) {
  ASSIGN_OR_RETURN(const Answer answer, Next(count));
  const auto* const range = std::get_if<TimestampRange>(&answer);
  return range == nullptr ? std::nullopt : std::optional(*range);
}

uint64_t TimestampOracle::LeadMs() {
  MutexLock lock(mutex_);
  return allocator_.LeadMs(NowMsLocked());
}

uint64_t TimestampOracle::HeldBackMs() {
  MutexLock lock(mutex_);
  NowMsLocked();
  return followed_.held_back_ms();
}

absl::Status TimestampOracle::SaveCeiling(uint64_t ceiling_ms) {
  if (!Planted(Bug::kTimestampWindowNotSaved)) RETURN_IF_ERROR(ceiling_.RaiseTo(ceiling_ms));
  MutexLock lock(mutex_);
  allocator_.CeilingSaved(ceiling_ms);
  is_extend_requested_ = false;
  return absl::OkStatus();
}

bool TimestampOracle::TakeExtendRequest() {
  MutexLock lock(mutex_);
  if (is_extend_requested_ || !allocator_.WantsCeiling(NowMsLocked())) return false;
  is_extend_requested_ = true;
  return true;
}

void TimestampOracle::Extend() {
  uint64_t ceiling_ms = 0;
  {
    MutexLock lock(mutex_);
    ceiling_ms = allocator_.NextCeiling(NowMsLocked());
  }
  // Take() needs the window too, and reports what goes wrong.
  SaveCeiling(ceiling_ms).IgnoreError();
}

}  // namespace nokv::pd
