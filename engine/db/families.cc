// Column families: created and dropped, each with one edit.
//
// A family takes writes only while the manifest knows it, or replay would meet records of none. Its
// memtable is made before the edit of its creation and outlives a failed edit of its end, closed to
// writers both times: what follows the edit can't fail any more.
#include "engine/db/db_impl.h"

#include <algorithm>

namespace nokv {

bool DBImpl::TakesWrites(uint16_t family) const {
  return active_->table(family) != nullptr &&
         (closed_families_.empty() || !closed_families_.contains(family));
}

std::vector<uint16_t> DBImpl::FamilyIds() const {
  std::vector<uint16_t> ids;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, family] : version_->families()) ids.push_back(id);
  }
  if (creating_family_.has_value() &&
      std::find(ids.begin(), ids.end(), *creating_family_) == ids.end()) {
    ids.push_back(*creating_family_);
  }
  return ids;
}

absl::StatusOr<ColumnFamilyHandle> DBImpl::CreateColumnFamily(std::string_view name) {
  RETURN_IF_ERROR(CheckWritable());
  if (name.empty() || name.size() > 255) {
    return InvalidArgumentError("a column family name of {} bytes; 1 to 255 are allowed",
                                name.size());
  }
  MutexLock manual(manual_mutex_);
  uint32_t next = 0;
  {
    MutexLock lock(mutex_);
    for (const auto& [other, family] : version_->families()) {
      if (family.name == name) return AlreadyExistsError("column family '{}' is there", name);
      next = std::max<uint32_t>(next, other + 1u);
    }
  }
  if (next > UINT16_MAX) return ResourceExhaustedError("no column family number is left");
  const auto id = static_cast<uint16_t>(next);
  absl::Status status;
  {
    MutexLock lock(write_mutex_);
    creating_family_ = id;
    closed_families_.insert(id);
    status = RotateGeneration();
  }
  if (status.ok()) {
    lsm::VersionEdit edit;
    edit.new_families.push_back({id, std::string(name)});
    status = Install(edit, nullptr);
  }
  MutexLock lock(write_mutex_);
  creating_family_.reset();
  RETURN_IF_ERROR(status);  // Its memtable, if there is one, stays closed.
  closed_families_.erase(id);
  return ColumnFamilyHandle{id};
}

absl::Status DBImpl::DropColumnFamily(ColumnFamilyHandle column_family) {
  RETURN_IF_ERROR(CheckWritable());
  if (column_family == kDefaultColumnFamily) {
    return InvalidArgumentError("the default column family can't be dropped");
  }
  MutexLock manual(manual_mutex_);
  {
    MutexLock lock(mutex_);
    if (version_->family(column_family.id) == nullptr) {
      return NotFoundError("no column family {}", column_family.id);
    }
  }
  // It takes no writes any more, and none of its records is above the log boundary when the edit is
  // made: a later family may get the same number.
  absl::Status status;
  {
    MutexLock lock(write_mutex_);
    closed_families_.insert(column_family.id);
    status = RotateGeneration();
  }
  if (status.ok()) status = Flush();
  if (status.ok()) {
    PauseBackground();
    lsm::VersionEdit edit;
    edit.dropped_families.push_back(column_family.id);
    status = Install(edit, nullptr);
    ResumeBackground();
  }
  if (!status.ok()) {
    MutexLock lock(write_mutex_);
    closed_families_.erase(column_family.id);
    return status;
  }
  MutexLock lock(mutex_);
  SubmitPurge();
  return absl::OkStatus();
}

absl::StatusOr<ColumnFamilyHandle> DBImpl::FindColumnFamily(std::string_view name) {
  MutexLock lock(mutex_);
  for (const auto& [id, family] : version_->families()) {
    if (family.name == name) return ColumnFamilyHandle{id};
  }
  return NotFoundError("no column family '{}'", name);
}

std::vector<std::pair<std::string, ColumnFamilyHandle>> DBImpl::ListColumnFamilies() {
  std::vector<std::pair<std::string, ColumnFamilyHandle>> families;
  MutexLock lock(mutex_);
  for (const auto& [id, family] : version_->families()) {
    families.emplace_back(family.name, ColumnFamilyHandle{id});
  }
  return families;
}

}  // namespace nokv
