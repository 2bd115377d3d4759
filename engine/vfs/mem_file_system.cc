#include "engine/vfs/mem_file_system.h"

#include "engine/base/check.h"
#include "engine/vfs/mem_disk.h"

#include <algorithm>
#include <utility>

namespace nokv::vfs {
namespace {

absl::StatusOr<MemPlace> FindFree(const MemTree& tree, const std::string& path) {
  ASSIGN_OR_RETURN(MemPlace place, tree.Find(path));
  if (place.directory->entries.count(place.name) > 0) {
    return AlreadyExistsError("{} exists", path);
  }
  return place;
}

std::shared_ptr<MemFile> NewFile(bool preallocated) {
  return std::make_shared<MemFile>(MemImage(preallocated));
}

}  // namespace

MemFileSystem::MemFileSystem() : disk_(std::make_shared<MemDisk>()) {}

void MemFileSystem::PowerCut(Random& random, PowerCutMode mode) {
  MutexLock lock(disk_->mutex);
  disk_->tree.PowerCut(random, mode);
  ++disk_->boot_id;
  disk_->BuryLocked();
}

void MemFileSystem::KillProcess() {
  MutexLock lock(disk_->mutex);
  disk_->BuryLocked();
}

std::unique_ptr<MemFileSystem> MemFileSystem::Clone() const {
  auto clone = std::make_unique<MemFileSystem>();
  MutexLock lock(disk_->mutex);
  MutexLock clone_lock(clone->disk_->mutex);
  clone->disk_->tree = disk_->tree.Clone();
  clone->disk_->capacity_bytes = disk_->capacity_bytes;
  clone->disk_->boot_id = disk_->boot_id;
  clone->disk_->BuryLocked();
  return clone;
}

void MemFileSystem::SetCapacityBytes(uint64_t capacity_bytes) {
  MutexLock lock(disk_->mutex);
  disk_->capacity_bytes = capacity_bytes;
}

uint64_t MemFileSystem::UsedBytes() const {
  MutexLock lock(disk_->mutex);
  return disk_->used_bytes;
}

absl::Status MemFileSystem::FlipBit(const std::string& path, uint64_t offset, int bit) {
  MutexLock lock(disk_->mutex);
  ASSIGN_OR_RETURN(const std::shared_ptr<MemFile> file, disk_->tree.GetFile(path));
  file->image.FlipBit(offset, bit);
  return absl::OkStatus();
}

absl::Status MemFileSystem::ZeroFrom(const std::string& path, uint64_t offset) {
  MutexLock lock(disk_->mutex);
  ASSIGN_OR_RETURN(const std::shared_ptr<MemFile> file, disk_->tree.GetFile(path));
  file->image.ZeroFrom(offset);
  return absl::OkStatus();
}

absl::Status MemFileSystem::CutAt(const std::string& path, uint64_t size) {
  MutexLock lock(disk_->mutex);
  ASSIGN_OR_RETURN(const std::shared_ptr<MemFile> file, disk_->tree.GetFile(path));
  file->image.CutAt(size);
  return disk_->ChargeLocked(*file, file->image.size(), path);
}

absl::Status MemFileSystem::DamageMapping(const std::string& path) {
  MutexLock lock(disk_->mutex);
  ASSIGN_OR_RETURN(const std::shared_ptr<MemFile> file, disk_->tree.GetFile(path));
  file->mapping_damaged = true;
  return absl::OkStatus();
}

std::string MemFileSystem::Dump() const {
  MutexLock lock(disk_->mutex);
  std::string text =
      fmt::format("{} of {} bytes used, boot {}, {} name changes not synced\n", disk_->used_bytes,
                  disk_->capacity_bytes, disk_->boot_id, disk_->tree.pending_count());
  disk_->tree.ForEachFile([&](const std::string& path, const std::shared_ptr<MemFile>& file) {
    text += fmt::format("{}: {} bytes, {} links, {} open{}\n", path, file->image.size(),
                        file->link_count, file->open_count,
                        file->image.is_durable() ? "" : ", not synced");
  });
  return text;
}

absl::StatusOr<std::unique_ptr<WritableFile>> MemFileSystem::Create(const std::string& path) {
  MutexLock lock(disk_->mutex);
  ASSIGN_OR_RETURN(const MemPlace place, FindFree(disk_->tree, path));
  const std::shared_ptr<MemFile> file = NewFile(false);
  disk_->tree.Set(place, {file, nullptr});
  return OpenMemWritableLocked(disk_, file, path);
}

absl::StatusOr<std::unique_ptr<WritableFile>> MemFileSystem::OpenAppend(const std::string& path) {
  MutexLock lock(disk_->mutex);
  ASSIGN_OR_RETURN(std::shared_ptr<MemFile> file, disk_->tree.GetFile(path));
  return OpenMemWritableLocked(disk_, std::move(file), path);
}

absl::StatusOr<std::unique_ptr<ReadableFile>> MemFileSystem::OpenRead(
    const std::string& path) const {
  MutexLock lock(disk_->mutex);
  ASSIGN_OR_RETURN(std::shared_ptr<MemFile> file, disk_->tree.GetFile(path));
  return OpenMemReadableLocked(disk_, std::move(file), path);
}

absl::StatusOr<std::unique_ptr<SegmentFile>> MemFileSystem::CreateSegment(
    const std::string& path, const SegmentOptions& options) {
  NOKV_CHECK(!options.read_only && options.capacity_bytes > 0);
  MutexLock lock(disk_->mutex);
  ASSIGN_OR_RETURN(const MemPlace place, FindFree(disk_->tree, path));
  const std::shared_ptr<MemFile> file = NewFile(true);
  RETURN_IF_ERROR(disk_->ChargeLocked(*file, options.capacity_bytes, path));
  file->image.Resize(options.capacity_bytes);
  disk_->tree.Set(place, {file, nullptr});
  return OpenMemSegmentLocked(disk_, file, path, options);
}

absl::StatusOr<std::unique_ptr<SegmentFile>> MemFileSystem::OpenSegment(
    const std::string& path, const SegmentOptions& options) {
  MutexLock lock(disk_->mutex);
  ASSIGN_OR_RETURN(std::shared_ptr<MemFile> file, disk_->tree.GetFile(path));
  if (!options.read_only && options.capacity_bytes > file->image.size()) {
    RETURN_IF_ERROR(disk_->ChargeLocked(*file, options.capacity_bytes, path));
    file->image.Resize(options.capacity_bytes);
  }
  return OpenMemSegmentLocked(disk_, std::move(file), path, options);
}

absl::Status MemFileSystem::Rename(const std::string& from, const std::string& to) {
  MutexLock lock(disk_->mutex);
  ASSIGN_OR_RETURN(const MemEntry moved, disk_->tree.Get(from));
  ASSIGN_OR_RETURN(const MemPlace source, disk_->tree.Find(from));
  ASSIGN_OR_RETURN(const MemPlace target, disk_->tree.Find(to));
  MemEntry replaced;
  if (const auto found = target.directory->entries.find(target.name);
      found != target.directory->entries.end()) {
    replaced = found->second;
    // Two names of one file: nothing happens, not even to the old name (POSIX).
    if (replaced.file == moved.file && replaced.directory == moved.directory) {
      return absl::OkStatus();
    }
    if (replaced.directory != nullptr || moved.directory != nullptr) {
      return InternalError("rename {} to {}: a directory is in the way", from, to);
    }
  }
  disk_->tree.Rename(source, target);
  if (replaced.file != nullptr) disk_->ReleaseLocked(*replaced.file);
  return absl::OkStatus();
}

absl::Status MemFileSystem::Remove(const std::string& path) {
  MutexLock lock(disk_->mutex);
  ASSIGN_OR_RETURN(const std::shared_ptr<MemFile> file, disk_->tree.GetFile(path));
  ASSIGN_OR_RETURN(const MemPlace place, disk_->tree.Find(path));
  disk_->tree.Set(place, {});
  disk_->ReleaseLocked(*file);
  return absl::OkStatus();
}

absl::Status MemFileSystem::Link(const std::string& from, const std::string& to) {
  MutexLock lock(disk_->mutex);
  ASSIGN_OR_RETURN(std::shared_ptr<MemFile> file, disk_->tree.GetFile(from));
  ASSIGN_OR_RETURN(const MemPlace place, FindFree(disk_->tree, to));
  disk_->tree.Set(place, {std::move(file), nullptr});
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> MemFileSystem::LinkCount(const std::string& path) const {
  MutexLock lock(disk_->mutex);
  ASSIGN_OR_RETURN(const std::shared_ptr<MemFile> file, disk_->tree.GetFile(path));
  return uint64_t{file->link_count};
}

absl::Status MemFileSystem::CreateDirectory(const std::string& path) {
  MutexLock lock(disk_->mutex);
  if (disk_->tree.FindDirectory(path).ok()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const MemPlace place, FindFree(disk_->tree, path));
  disk_->tree.Set(place, {nullptr, std::make_shared<MemDirectory>()});
  return absl::OkStatus();
}

absl::Status MemFileSystem::SyncDirectory(const std::string& path) {
  MutexLock lock(disk_->mutex);
  ASSIGN_OR_RETURN(const std::shared_ptr<MemDirectory> directory, disk_->tree.FindDirectory(path));
  disk_->tree.SyncDirectory(*directory);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> MemFileSystem::List(const std::string& path) const {
  MutexLock lock(disk_->mutex);
  ASSIGN_OR_RETURN(const std::shared_ptr<MemDirectory> directory, disk_->tree.FindDirectory(path));
  std::vector<std::string> names;
  for (const auto& [name, entry] : directory->entries) names.push_back(name);
  return names;
}

absl::StatusOr<uint64_t> MemFileSystem::FileSize(const std::string& path) const {
  MutexLock lock(disk_->mutex);
  ASSIGN_OR_RETURN(const std::shared_ptr<MemFile> file, disk_->tree.GetFile(path));
  return file->image.size();
}

bool MemFileSystem::Exists(const std::string& path) const {
  MutexLock lock(disk_->mutex);
  return disk_->tree.FindDirectory(path).ok() || disk_->tree.Get(path).ok();
}

absl::StatusOr<std::unique_ptr<DirectoryLock>> MemFileSystem::Lock(const std::string& path) {
  MutexLock lock(disk_->mutex);
  absl::StatusOr<std::shared_ptr<MemFile>> file = disk_->tree.GetFile(path);
  if (absl::IsNotFound(file.status())) {
    ASSIGN_OR_RETURN(const MemPlace place, FindFree(disk_->tree, path));
    file = NewFile(false);
    disk_->tree.Set(place, {*file, nullptr});
  }
  RETURN_IF_ERROR(file.status());
  if (disk_->locked.count(file->get()) > 0) {
    return FailedPreconditionError("{} is locked by this process", path);
  }
  return TakeMemLockLocked(disk_, *std::move(file), path);
}

absl::StatusOr<uint64_t> MemFileSystem::FreeBytes(const std::string& path) const {
  MutexLock lock(disk_->mutex);
  if (!disk_->tree.FindDirectory(path).ok()) RETURN_IF_ERROR(disk_->tree.Get(path).status());
  return disk_->capacity_bytes - std::min(disk_->capacity_bytes, disk_->used_bytes);
}

uint64_t MemFileSystem::BootId() const {
  MutexLock lock(disk_->mutex);
  return disk_->boot_id;
}

}  // namespace nokv::vfs
