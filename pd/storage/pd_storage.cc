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

}  // namespace

absl::StatusOr<std::unique_ptr<PdStorage>> PdStorage::Open(const StorageOptions& options,
                                                           SavedState* found) {
  NOKV_CHECK(options.new_cluster_id != 0);
  ASSIGN_OR_RETURN(std::unique_ptr<DB> db, DB::Open(DatabaseOptions(options)));
  std::unique_ptr<PdStorage> storage(new PdStorage(std::move(db)));
  *found = {};
  RETURN_IF_ERROR(storage->Load(options, found));
  return storage;
}

absl::Status PdStorage::Load(const StorageOptions& options, SavedState* found) {
  ASSIGN_OR_RETURN(const std::optional<std::string> cluster, db_->Get(kClusterKey));
  if (cluster.has_value()) {
    ASSIGN_OR_RETURN(found->cluster_id, DecodeClusterId(*cluster));
    if (options.cluster_id != 0 && options.cluster_id != found->cluster_id) {
      return FailedPreconditionError(
          "{}: belongs to cluster {:016x}, but cluster {:016x} is wanted", options.directory,
          found->cluster_id, options.cluster_id);
    }
    return LoadRecords(found);
  }
  IteratorOptions keys_only;
  keys_only.keys_only = true;
  const std::unique_ptr<Iterator> any = db_->NewIterator(keys_only);
  any->SeekToFirst();
  RETURN_IF_ERROR(any->status());
  if (any->Valid() || db_->ListColumnFamilies().size() > 1) {
    return FailedPreconditionError(
        "{}: holds a NoKV database that is not a placement driver's; name another directory",
        options.directory);
  }
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

absl::Status PdStorage::Write(const WriteBatch& batch) { return db_->Write(batch); }

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
