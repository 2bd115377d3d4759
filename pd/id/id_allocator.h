// Gives out ids that nobody has ever had: of regions, peers and stores.
//
// Ids come from windows saved ahead of use, so a restart skips the rest of a window. Ids that
// others chose (the topology file) are never given once they were seen.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/mutex.h"
#include "engine/base/status.h"
#include "pd/id/ceiling.h"

#include <cstdint>

namespace nokv::pd {

inline constexpr uint64_t kIdsPerWindow = 1000;
inline constexpr uint64_t kIdsPerCallMax = 100'000;

// The largest id that somebody else may choose, 2^53 - 1 as in topology files. Far below the end of
// all ids, so that one mistaken report can't use them up.
inline constexpr uint64_t kChosenIdMax = (uint64_t{1} << 53) - 1;

class IdAllocator {
 public:
  // `saved_ceiling` is what `save` saved last, 0 if nothing; `start` is the lowest id to give.
  IdAllocator(uint64_t saved_ceiling, uint64_t start, Ceiling::Save save);

  // The first of `count` ids in a row. InvalidArgument for none or more than kIdsPerCallMax,
  // ResourceExhausted when all ids are used up, or the failure to save.
  absl::StatusOr<uint64_t> Take(uint64_t count);

  // Somebody else has this id; on return it is never given, not even after a crash.
  // InvalidArgument if it was never given and is more than kChosenIdMax.
  absl::Status Observe(uint64_t id);

 private:
  absl::Status EnsureSaved(uint64_t end);

  Ceiling ceiling_;

  Mutex mutex_;
  uint64_t next_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nokv::pd
