// The placement driver's state in its own database: one key for each region and store.
//
// Every write is one atomic batch, durable (L2: it survives a power cut) when it returns. One that
// failed is Unavailable: whoever asked may ask again, of a driver that was restarted.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/mutex.h"
#include "engine/base/status.h"
#include "engine/db.h"
#include "pd/model/store.h"
#include "pd/model/types.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace nokv::pd {

struct StorageOptions {
  std::string directory = {};
  // Of the cluster that the directory must belong to; 0 for whatever it belongs to.
  uint64_t cluster_id = 0;
  // The cluster id that a new directory gets. Not 0.
  uint64_t new_cluster_id = 0;
  Environment environment = {};
};

// What was found at opening.
struct SavedState {
  uint64_t cluster_id = 0;
  uint64_t id_ceiling = 0;
  uint64_t time_ceiling_ms = 0;
  std::vector<StoreRecord> stores;
  std::vector<Region> regions;  // In order of id; they may overlap after a crash.
};

// What is written together.
struct StateChanges {
  std::vector<Region> regions = {};
  std::vector<RegionId> removed_regions = {};
  std::vector<StoreRecord> stores = {};
};

class PdStorage {
 public:
  // Opens the directory, or makes it one of a new cluster: `found->cluster_id` is durable on
  // return. FailedPrecondition if the directory holds anything but a placement driver's database,
  // if it is another cluster's, or in use; otherwise as DB::Open. What is not ours is only looked
  // at: it stays as it is.
  static absl::StatusOr<std::unique_ptr<PdStorage>> Open(const StorageOptions& options,
                                                         SavedState* found);

  absl::Status SaveIdCeiling(uint64_t ceiling);

  absl::Status SaveTimeCeiling(uint64_t ceiling_ms);

  absl::Status Save(const StateChanges& changes);

  // The first failure to write. A full disk is none: it may have room again.
  absl::Status health();

 private:
  explicit PdStorage(std::unique_ptr<DB> db) : db_(std::move(db)) {}

  absl::Status Write(const WriteBatch& batch);
  absl::Status WriteCeiling(std::string_view key, uint64_t ceiling);
  absl::Status Load(const StorageOptions& options, SavedState* found);
  absl::Status LoadRecords(SavedState* found);

  const std::unique_ptr<DB> db_;

  Mutex mutex_;
  absl::Status health_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nokv::pd
