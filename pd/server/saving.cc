// Saving what reports changed: in batches, one at a time, so that an older state of a record never
// follows a newer one.
#include "pd/server/placement_driver.h"

#include <utility>

namespace nokv::pd {
namespace {

constexpr size_t kRegionsPerSave = 1000;

}  // namespace

bool PlacementDriver::HasDirtyLocked() const {
  return !dirty_regions_.empty() || !dirty_stores_.empty();
}

void PlacementDriver::RequestSave() {
  tasks_.Submit(Priority::kLow, [this] { SaveInBackground(); });
}

// Takes a batch of what is dirty, writes it without the lock, and puts it back if that failed.
absl::Status PlacementDriver::SaveBatchLocked() {
  is_saving_ = true;
  std::set<RegionId> regions;
  while (!dirty_regions_.empty() && regions.size() < kRegionsPerSave) {
    regions.insert(dirty_regions_.extract(dirty_regions_.begin()));
  }
  saving_stores_ = std::exchange(dirty_stores_, {});
  StateChanges changes;
  for (const RegionId id : regions) {
    const KnownRegion* const known = cluster_.regions().Find(id);
    if (known != nullptr) {
      changes.regions.push_back(known->region);
    } else {
      changes.removed_regions.push_back(id);
    }
  }
  for (const StoreId id : saving_stores_) {
    changes.stores.push_back(cluster_.FindStore(id)->record);
  }

  mutex_.Unlock();
  absl::Status status = storage_->Save(changes);
  mutex_.Lock();
  is_saving_ = false;
  if (!status.ok()) {
    dirty_regions_.insert(regions.begin(), regions.end());
    dirty_stores_.merge(saving_stores_);
  }
  saving_stores_.clear();
  saved_.SignalAll();
  return status;
}

// Returns once everything that was dirty at the call is durable.
absl::Status PlacementDriver::SaveNow() {
  MutexLock lock(mutex_);
  for (;;) {
    while (is_saving_) saved_.Wait(mutex_);
    if (!HasDirtyLocked()) return absl::OkStatus();
    RETURN_IF_ERROR(SaveBatchLocked());
  }
}

// Returns once the store is durable as it was at the call, however much else there is to save:
// every batch takes all stores.
absl::Status PlacementDriver::SaveStore(StoreId id) {
  MutexLock lock(mutex_);
  while (dirty_stores_.contains(id) || saving_stores_.contains(id)) {
    if (is_saving_) {
      saved_.Wait(mutex_);
    } else {
      RETURN_IF_ERROR(SaveBatchLocked());
    }
  }
  return absl::OkStatus();
}

// One batch a step. Whoever is saving already asks for the next step himself.
void PlacementDriver::SaveInBackground() {
  bool has_more = false;
  {
    MutexLock lock(mutex_);
    if (is_saving_ || !HasDirtyLocked()) return;
    has_more = SaveBatchLocked().ok() && HasDirtyLocked();
  }
  if (has_more) RequestSave();
}

}  // namespace nokv::pd
