// Gives out timestamps that rise for all callers together, across restarts and power cuts.
//
// Almost every call only counts. A call waits for the disk when the saved window is used up, which
// Extend(), called in time, prevents.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/mutex.h"
#include "engine/base/status.h"
#include "pd/id/ceiling.h"
#include "pd/tso/followed_clock.h"
#include "pd/tso/timestamp_allocator.h"

#include <cstdint>
#include <optional>
#include <variant>

namespace nokv::pd {

class TimestampOracle {
 public:
  // `saved_ceiling_ms` is what `save` saved last, 0 if nothing. The clock outlives the oracle.
  TimestampOracle(const TimestampOptions& options, uint64_t saved_ceiling_ms, Ceiling::Save save,
                  Clock& clock);

  // As TimestampAllocator::Take, or the failure to save a window.
  absl::StatusOr<TimestampRange> Take(uint64_t count);

  // As Take(), but nothing where Take() would wait for the disk.
  absl::StatusOr<std::optional<TimestampRange>> TryTake(uint64_t count);

  // By how much the newest timestamp is ahead of the clock; 0 if it is behind.
  uint64_t LeadMs();

  // By how much the wall clock has jumped ahead of what timestamps go by; 0 if it has not.
  uint64_t HeldBackMs();

  // True once for each window, when it is half used: then somebody should call Extend().
  bool TakeExtendRequest();

  // Saves the next window. A failure shows again in Take().
  void Extend();

 private:
  using Answer = std::variant<TimestampRange, CeilingNeeded>;

  uint64_t NowMsLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Answer> Next(uint64_t count);
  absl::Status SaveCeiling(uint64_t ceiling_ms);

  Clock& clock_;
  Ceiling ceiling_;

  Mutex mutex_;
  FollowedClock followed_ ABSL_GUARDED_BY(mutex_);
  TimestampAllocator allocator_ ABSL_GUARDED_BY(mutex_);
  bool is_extend_requested_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace nokv::pd
