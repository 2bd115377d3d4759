// Installing: how an edit becomes durable, and then what readers see.
#include "engine/base/check.h"
#include "engine/db/db_impl.h"

#include <algorithm>
#include <set>
#include <utility>

namespace nokv {
namespace {

constexpr uint64_t kManifestBytesMin = 1 << 20;

bool HasSuperseded(const lsm::Version& version) {
  for (const auto& [id, family] : version.families()) {
    for (const lsm::TableList& level : family.levels) {
      for (const lsm::TableRef& table : level) {
        if (table->summary.superseded > 0) return true;
      }
    }
  }
  return false;
}

}  // namespace

lsm::ManifestIdentity DBImpl::ManifestIdentityOf(uint64_t number) const {
  return {number, database_id_, files_.BootId(),
          has_groups_ ? lsm::kManifestVersion : lsm::kManifestWithoutGroups};
}

absl::Status DBImpl::StartManifest(const lsm::Version& state) {
  const uint64_t number = live_files_->NextNumber();
  lsm::VersionEdit edit = state.ToEdit();
  edit.boot_id = files_.BootId();
  edit.next_file_number = live_files_->next_number();
  auto started =
      lsm::ManifestWriter::Start(files_, options_.directory, ManifestIdentityOf(number), edit);
  if (!started.ok()) {
    // Not retired if CURRENT might name it already; then it is an orphan or in force.
    return std::move(started).status();
  }
  manifest_ = *std::move(started);
  manifest_number_ = number;
  return absl::OkStatus();
}

absl::Status DBImpl::AppendToManifest(const lsm::VersionEdit& edit, const lsm::Version& before,
                                      const lsm::Version& after) {
  if (manifest_ == nullptr) {
    // The last append met a full disk and left half a record: start afresh from what is in force.
    const uint64_t old = manifest_number_;
    RETURN_IF_ERROR(StartManifest(before));
    live_files_->RetireManifest(old);
  }
  if (manifest_->size_bytes() > std::max(kManifestBytesMin, 4 * manifest_->state_bytes())) {
    const uint64_t old = manifest_number_;
    RETURN_IF_ERROR(StartManifest(after));
    live_files_->RetireManifest(old);
    return absl::OkStatus();
  }
  const absl::Status status = manifest_->Append(edit);
  if (absl::IsResourceExhausted(status)) manifest_.reset();
  return status;
}

absl::Status DBImpl::Install(const lsm::VersionEdit& edit, const Generation* flushed) {
  MutexLock install(install_mutex_);
  std::shared_ptr<const lsm::Version> before;
  {
    MutexLock lock(mutex_);
    if (!poison_.ok()) return poison_;
    before = version_;
  }
  // The names of new files are durable before the edit that uses them.
  if (const absl::Status named = files_.SyncDirectory(options_.directory); !named.ok()) {
    // A later sync may succeed without the names that this one has lost: no edit may use them.
    const absl::Status failure = vfs::SyncFailure(options_.directory, named);
    Poison(failure);
    return failure;
  }
  lsm::VersionEdit full = edit;
  full.next_file_number = live_files_->next_number();
  ASSIGN_OR_RETURN(const std::shared_ptr<const lsm::Version> after,
                   before->Apply(full, *live_files_));
  const absl::Status status = AppendToManifest(full, *before, *after);
  if (!status.ok()) {
    // Whether the edit is durable is unknown unless the disk was full: nobody may go on.
    if (!absl::IsResourceExhausted(status)) Poison(status);
    return status;
  }
  {
    MutexLock lock(mutex_);
    version_ = after;
    if (flushed != nullptr) {
      NOKV_CHECK(generations_.back().get() == flushed);
      generations_.pop_back();
      may_rotate_.SignalAll();
    }
    live_bytes_.store(after->live_value_bytes() + after->table_bytes());
    has_superseded_ = HasSuperseded(*after);
    compaction_idle_ = false;
    collection_idle_ = false;
    PublishState();
    ScheduleLocked();
    changed_.SignalAll();
  }
  RetireAfter(full, *before, *after);
  return absl::OkStatus();
}

void DBImpl::RetireAfter(const lsm::VersionEdit& edit, const lsm::Version& before,
                         const lsm::Version& after) {
  std::set<uint64_t> moved;
  for (const lsm::NewTable& table : edit.new_tables) {
    if (after.family(table.column_family) == nullptr) {
      live_files_->RetireTable(table.number);  // Its column family was dropped meanwhile.
    } else {
      moved.insert(table.number);
    }
  }
  for (const lsm::DeletedTable& table : edit.deleted_tables) {
    if (!moved.contains(table.number)) live_files_->RetireTable(table.number);
  }
  for (const uint16_t id : edit.dropped_families) {
    for (const lsm::TableList& level : before.family(id)->levels) {
      for (const lsm::TableRef& table : level) live_files_->RetireTable(table->number);
    }
  }
  std::set<uint32_t> released;  // By values or by groups: the others may need the file still.
  for (const lsm::NewSegment& segment : edit.segments) {
    if (before.NeedsSegmentFile(segment.number)) released.insert(segment.number);
  }
  for (const uint32_t number : edit.freed_segments) {
    if (before.NeedsSegmentFile(number)) released.insert(number);
  }
  for (const lsm::HeldSegment& segment : edit.held_segments) released.insert(segment.number);
  for (const auto& [number, size] : before.held_segments()) released.insert(number);
  for (const uint32_t number : released) {
    if (!after.NeedsSegmentFile(number)) live_files_->RetireSegment(number);
  }
  for (const uint32_t number : edit.deleted_value_files) live_files_->RetireValueFile(number);
}

}  // namespace nokv
