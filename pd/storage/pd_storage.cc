#include "pd/storage/pd_storage.h"

#include "engine/base/check.h"
#include "pd/planted.h"
#include "pd/storage/records.h"

#include <optional>
#include <utility>

namespace nokv::pd {
namespace {

constexpr uint64_t kMemoryBytes = 64 << 20;

Options DatabaseOptions(const StorageOptions& options) {
  Options database;
  database.directory = options.directory;
  database.durability =
      Planted(Bug::kWindowSavedWithoutSync) ? Durability::kProcess : Durability::kPower;
  database.memory_bytes = kMemoryBytes;
  database.environment = options.environment;
  return database;
}

// Whose database it is: 0 if it is nobody's yet, because nothing is in it.
absl::StatusOr<uint64_t> ClusterOf(DB& db, const StorageOptions& options) {
  ASSIGN_OR_RETURN(const std::optional<std::string> cluster, db.Get(kClusterKey));
  if (cluster.has_value()) {
    ASSIGN_OR_RETURN(const uint64_t cluster_id, DecodeClusterId(*cluster));
    if (options.cluster_id == 0 || options.cluster_id == cluster_id) return cluster_id;
    return FailedPreconditionError("{}: belongs to cluster {:016x}, but cluster {:016x} is wanted",
                                   options.directory, cluster_id, options.cluster_id);
  }
  IteratorOptions keys_only;
  keys_only.keys_only = true;
  const std::unique_ptr<Iterator> any = db.NewIterator(keys_only);
  any->SeekToFirst();
  RETURN_IF_ERROR(any->status());
  if (!any->Valid() && db.ListColumnFamilies().size() == 1) return 0;
  return FailedPreconditionError(
      "{}: holds a NoKV database that is not a placement driver's; name another directory",
      options.directory);
}

// Opening for writing already writes, and works in the background: what is not ours is looked at
// first.
absl::Status CheckOwner(const StorageOptions& options) {
  Options look = DatabaseOptions(options);
  look.create_if_missing = false;
  look.read_only = true;
  look.background_work = false;
  const absl::StatusOr<std::unique_ptr<DB>> db = DB::Open(look);
  if (absl::IsNotFound(db.status())) return absl::OkStatus();  // It will be made.
  RETURN_IF_ERROR(db.status());
  return ClusterOf(**db, options).status();
}

}  // namespace

absl::StatusOr<std::unique_ptr<PdStorage>> PdStorage::Open(const StorageOptions& options,
                                                           SavedState* found) {
  NOKV_CHECK(options.new_cluster_id != 0);
  RETURN_IF_ERROR(CheckOwner(options));
  ASSIGN_OR_RETURN(std::unique_ptr<DB> db, DB::Open(DatabaseOptions(options)));
  std::unique_ptr<PdStorage> storage(new PdStorage(std::move(db)));
  *found = {};
  RETURN_IF_ERROR(storage->Load(options, found));
  return storage;
}

absl::Status PdStorage::Load(const StorageOptions& options, SavedState* found) {
  ASSIGN_OR_RETURN(found->cluster_id, ClusterOf(*db_, options));
  if (found->cluster_id != 0) return LoadRecords(found);
  found->cluster_id = options.cluster_id != 0 ? options.cluster_id : options.new_cluster_id;
  if (Planted(Bug::kClusterIdToldBeforeSaved)) return absl::OkStatus();
  WriteBatch batch;
  batch.Set(kClusterKey, EncodeClusterId(found->cluster_id));
  return Write(batch);
}

absl::Status PdStorage::LoadRecords(SavedState* found) {
  const std::unique_ptr<Iterator> it = db_->NewIterator();
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const std::string_view key = it->key();
    const std::string_view value = it->value();
    RETURN_IF_ERROR(it->status());
    if (key == kClusterKey) continue;
    if (key == kIdCeilingKey) {
      ASSIGN_OR_RETURN(found->id_ceiling, DecodeCeiling(key, value));
    } else if (key == kTimeCeilingKey) {
      ASSIGN_OR_RETURN(found->time_ceiling_ms, DecodeCeiling(key, value));
    } else if (key.front() == kRegionPrefix) {
      ASSIGN_OR_RETURN(Region region, DecodeRegion(key, value));
      found->regions.push_back(std::move(region));
    } else if (key.front() == kStorePrefix) {
      ASSIGN_OR_RETURN(StoreRecord store, DecodeStore(key, value));
      found->stores.push_back(std::move(store));
    } else {
      return UnimplementedError("a placement record of an unknown kind '{}'", key.front());
    }
  }
  return it->status();
}

absl::Status PdStorage::Write(const WriteBatch& batch) {
  const absl::Status status = db_->Write(batch);
  if (status.ok()) return status;
  if (!absl::IsResourceExhausted(status)) {
    MutexLock lock(mutex_);
    health_.Update(status);
  }
  return UnavailableError("the placement driver can't save: {}", StdView(status.message()));
}

absl::Status PdStorage::health() {
  MutexLock lock(mutex_);
  return health_;
}

absl::Status PdStorage::WriteCeiling(std::string_view key, uint64_t ceiling) {
  WriteBatch batch;
  batch.Set(key, EncodeCeiling(ceiling));
  return Write(batch);
}

absl::Status PdStorage::SaveIdCeiling(uint64_t ceiling) {
  return WriteCeiling(kIdCeilingKey, ceiling);
}

absl::Status PdStorage::SaveTimeCeiling(uint64_t ceiling_ms) {
  return WriteCeiling(kTimeCeilingKey, ceiling_ms);
}

absl::Status PdStorage::Save(const StateChanges& changes) {
  WriteBatch batch;
  for (const RegionId id : changes.removed_regions) batch.Delete(KeyOf(id));
  for (const Region& region : changes.regions) batch.Set(KeyOf(region.id), EncodeRegion(region));
  for (const StoreRecord& store : changes.stores) batch.Set(KeyOf(store.id), EncodeStore(store));
  return batch.empty() ? absl::OkStatus() : Write(batch);
}

}  // namespace nokv::pd
