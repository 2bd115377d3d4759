#include "pd/id/id_allocator.h"

#include "pd/planted.h"

#include <algorithm>
#include <utility>

namespace nokv::pd {
namespace {

constexpr uint64_t kIdsEnd = uint64_t{1} << 62;

}  // namespace

IdAllocator::IdAllocator(uint64_t saved_ceiling, uint64_t start, Ceiling::Save save)
    : ceiling_(saved_ceiling, std::move(save)),
      next_(std::max({saved_ceiling, start, uint64_t{1}})) {}

absl::Status IdAllocator::EnsureSaved(uint64_t end) {
  if (Planted(Bug::kIdWindowNotSaved) || end <= ceiling_.saved()) return absl::OkStatus();
  return ceiling_.RaiseTo(end + kIdsPerWindow);
}

absl::StatusOr<uint64_t> IdAllocator::Take(uint64_t count) {
  if (count == 0 || count > kIdsPerCallMax) {
    return InvalidArgumentError("{} ids asked for at once; 1 to {} are given", count,
                                kIdsPerCallMax);
  }
  uint64_t first = 0;
  {
    MutexLock lock(mutex_);
    if (next_ > kIdsEnd - count) {
      return ResourceExhaustedError("the next id is {}; {} more would pass 2^62", next_, count);
    }
    first = next_;
    next_ += count;  // Lost if the save fails; nobody else gets them either.
  }
  RETURN_IF_ERROR(EnsureSaved(first + count));
  return first;
}

absl::Status IdAllocator::Observe(uint64_t id) {
  {
    MutexLock lock(mutex_);
    if (Planted(Bug::kSeenIdGivenAgain)) return absl::OkStatus();
    if (id >= next_ && id > kChosenIdMax) {
      return InvalidArgumentError("the id {} was never given, and at most {} may be chosen", id,
                                  kChosenIdMax);
    }
    next_ = std::max(next_, id + 1);
  }
  return EnsureSaved(id + 1);  // Also if it was seen before: that save may still be under way.
}

}  // namespace nokv::pd
