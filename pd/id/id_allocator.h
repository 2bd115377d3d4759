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

class IdAllocator {
 public:
  // `saved_ceiling` is what `save` saved last, 0 if nothing; `start` is the lowest id to give.
  IdAllocator(uint64_t saved_ceiling, uint64_t start, Ceiling::Save save);

  // The first of `count` ids in a row. InvalidArgument for none or more than kIdsPerCallMax,
  // ResourceExhausted when all ids are used up, or the failure to save.
  absl::StatusOr<uint64_t> Take(uint64_t count);

  // Somebody else has this id (at most kIdMax); on return it is never given, not even after a
  // crash.
  absl::Status Observe(uint64_t id);

 private:
  absl::Status EnsureSaved(uint64_t end);

  Ceiling ceiling_;

  Mutex mutex_;
  uint64_t next_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nokv::pd
