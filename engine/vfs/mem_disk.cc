#include "engine/vfs/mem_disk.h"

#include "engine/base/check.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace nokv::vfs {
namespace {

constexpr uint64_t kBlockBytes = MemImage::kPageBytes;

uint64_t BlocksOf(uint64_t size) { return (size + kBlockBytes - 1) / kBlockBytes * kBlockBytes; }

class MemWritableFile final : public WritableFile {
 public:
  MemWritableFile(const std::shared_ptr<MemDisk>& disk, std::shared_ptr<MemFile> file,
                  const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(disk->mutex)
      : handle_(disk, std::move(file), path) {}

  absl::Status Append(std::string_view bytes) override {
    MutexLock lock(handle_.disk().mutex);
    RETURN_IF_ERROR(handle_.CheckAliveLocked());
    MemFile& file = handle_.file();
    const uint64_t size = file.image.size();
    absl::Status status = handle_.disk().ChargeLocked(file, size + bytes.size(), handle_.path());
    // A disk that fills up takes what still fits into the last block.
    if (!status.ok()) bytes = bytes.substr(0, file.charged_bytes - size);
    file.image.Write(size, bytes);
    return status;
  }

  absl::Status Sync() override {
    MutexLock lock(handle_.disk().mutex);
    RETURN_IF_ERROR(handle_.CheckAliveLocked());
    handle_.file().image.MarkDurable();
    return absl::OkStatus();
  }

 private:
  const MemHandle handle_;
};

class MemReadableFile final : public ReadableFile {
 public:
  MemReadableFile(const std::shared_ptr<MemDisk>& disk, std::shared_ptr<MemFile> file,
                  const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(disk->mutex)
      : handle_(disk, std::move(file), path), size_bytes_(handle_.file().image.size()) {}

  absl::Status Read(uint64_t offset, size_t size, char* buffer) const override {
    MutexLock lock(handle_.disk().mutex);
    RETURN_IF_ERROR(handle_.CheckAliveLocked());
    const MemImage& image = handle_.file().image;
    if (offset > image.size() || size > image.size() - offset) {
      return DataLossError("{}: ends at {}, inside {} bytes wanted at {}", handle_.path(),
                           image.size(), size, offset);
    }
    if (size > 0) std::memcpy(buffer, image.View(offset, size).data(), size);
    return absl::OkStatus();
  }

  uint64_t size_bytes() const override { return size_bytes_; }

 private:
  const MemHandle handle_;
  const uint64_t size_bytes_;
};

class MemSegmentFile final : public SegmentFile {
 public:
  MemSegmentFile(const std::shared_ptr<MemDisk>& disk, std::shared_ptr<MemFile> file,
                 const std::string& path, const SegmentOptions& options)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(disk->mutex)
      : handle_(disk, std::move(file), path),
        capacity_bytes_(handle_.file().image.size()),
        read_only_(options.read_only),
        mapping_(options.map ? handle_.file().image.memory() : nullptr) {}

  uint64_t capacity_bytes() const override { return capacity_bytes_; }

  absl::Status Write(uint64_t offset, std::span<const std::string_view> pieces) override {
    NOKV_CHECK(!read_only_);
    MutexLock lock(handle_.disk().mutex);
    RETURN_IF_ERROR(handle_.CheckAliveLocked());
    MemImage& image = handle_.file().image;
    for (const std::string_view piece : pieces) {
      NOKV_CHECK(offset <= image.size() && piece.size() <= image.size() - offset);
      image.Write(offset, piece);
      offset += piece.size();
    }
    return MappingStatusLocked();
  }

  absl::Status Sync() override {
    MutexLock lock(handle_.disk().mutex);
    RETURN_IF_ERROR(handle_.CheckAliveLocked());
    handle_.file().image.MarkDurable();
    return MappingStatusLocked();
  }

  void Prepare(uint64_t offset, uint64_t size) override {
    (void)offset;  // Memory is always resident.
    (void)size;
  }

  absl::StatusOr<std::string_view> Read(uint64_t offset, size_t size,
                                        std::string* scratch) const override {
    MutexLock lock(handle_.disk().mutex);
    RETURN_IF_ERROR(handle_.CheckAliveLocked());
    const MemImage& image = handle_.file().image;
    if (offset > image.size() || size > image.size() - offset) {
      return DataLossError("{}: {} bytes wanted at {}, but the file has {}", handle_.path(), size,
                           offset, image.size());
    }
    if (mapping_ != nullptr && offset + size <= mapping_->size()) {
      return std::string_view(mapping_->bytes() + offset, size);
    }
    scratch->assign(image.View(offset, size));
    return std::string_view(*scratch);
  }

  const char* data() const override { return mapping_ == nullptr ? nullptr : mapping_->bytes(); }

  absl::Status MappingStatus() const override {
    MutexLock lock(handle_.disk().mutex);
    return MappingStatusLocked();
  }

  absl::Status Truncate(uint64_t size) override {
    NOKV_CHECK(!read_only_);
    MutexLock lock(handle_.disk().mutex);
    RETURN_IF_ERROR(handle_.CheckAliveLocked());
    MemFile& file = handle_.file();
    if (size >= file.image.size()) return absl::OkStatus();
    file.image.Resize(size);
    return handle_.disk().ChargeLocked(file, size, handle_.path());
  }

 private:
  absl::Status MappingStatusLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(handle_.disk().mutex) {
    if (mapping_ == nullptr || !handle_.file().mapping_damaged) return absl::OkStatus();
    return DataLossError("{}: an access to its mapping of {} bytes met an I/O error",
                         handle_.path(), capacity_bytes_);
  }

  const MemHandle handle_;
  const uint64_t capacity_bytes_;
  const bool read_only_;
  const std::shared_ptr<MemMemory> mapping_;  // Null if the file is not mapped, or empty.
};

class MemLock final : public DirectoryLock {
 public:
  MemLock(const std::shared_ptr<MemDisk>& disk, std::shared_ptr<MemFile> file,
          const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(disk->mutex)
      : handle_(disk, std::move(file), path) {
    disk->locked.insert(&handle_.file());
  }

  ~MemLock() override {
    MutexLock lock(handle_.disk().mutex);
    if (handle_.CheckAliveLocked().ok()) handle_.disk().locked.erase(&handle_.file());
  }

 private:
  const MemHandle handle_;
};

}  // namespace

absl::Status MemDisk::ChargeLocked(MemFile& file, uint64_t size, const std::string& path) {
  const uint64_t wanted = BlocksOf(size);
  if (wanted > file.charged_bytes) {
    const uint64_t more = wanted - file.charged_bytes;
    if (used_bytes > capacity_bytes || more > capacity_bytes - used_bytes) {
      return ResourceExhaustedError("{}: {} bytes more do not fit, {} of {} are in use", path, more,
                                    used_bytes, capacity_bytes);
    }
  }
  used_bytes = used_bytes - file.charged_bytes + wanted;
  file.charged_bytes = wanted;
  return absl::OkStatus();
}

void MemDisk::ReleaseLocked(MemFile& file) {
  if (file.link_count > 0 || file.open_count > 0) return;
  used_bytes -= file.charged_bytes;
  file.charged_bytes = 0;
}

void MemDisk::BuryLocked() {
  ++generation;
  locked.clear();
  used_bytes = 0;
  std::set<const MemFile*> seen;
  tree.ForEachFile([&](const std::string& path, const std::shared_ptr<MemFile>& file)
                       ABSL_NO_THREAD_SAFETY_ANALYSIS {
                         (void)path;
                         if (!seen.insert(file.get()).second) return;  // A second link.
                         file->open_count = 0;
                         file->charged_bytes = BlocksOf(file->image.size());
                         used_bytes += file->charged_bytes;
                       });
}

MemHandle::MemHandle(std::shared_ptr<MemDisk> disk, std::shared_ptr<MemFile> file, std::string path)
    : disk_(std::move(disk)),
      file_(std::move(file)),
      path_(std::move(path)),
      generation_(disk_->generation) {
  ++file_->open_count;
}

MemHandle::~MemHandle() {
  MutexLock lock(disk().mutex);
  if (generation_ != disk().generation) return;
  --file_->open_count;
  disk().ReleaseLocked(*file_);
}

absl::Status MemHandle::CheckAliveLocked() const {
  if (generation_ == disk().generation) return absl::OkStatus();
  return InternalError("{}: opened by a process that has died", path_);
}

std::unique_ptr<WritableFile> OpenMemWritableLocked(const std::shared_ptr<MemDisk>& disk,
                                                    std::shared_ptr<MemFile> file,
                                                    const std::string& path) {
  return std::make_unique<MemWritableFile>(disk, std::move(file), path);
}

std::unique_ptr<ReadableFile> OpenMemReadableLocked(const std::shared_ptr<MemDisk>& disk,
                                                    std::shared_ptr<MemFile> file,
                                                    const std::string& path) {
  return std::make_unique<MemReadableFile>(disk, std::move(file), path);
}

std::unique_ptr<SegmentFile> OpenMemSegmentLocked(const std::shared_ptr<MemDisk>& disk,
                                                  std::shared_ptr<MemFile> file,
                                                  const std::string& path,
                                                  const SegmentOptions& options) {
  return std::make_unique<MemSegmentFile>(disk, std::move(file), path, options);
}

std::unique_ptr<DirectoryLock> TakeMemLockLocked(const std::shared_ptr<MemDisk>& disk,
                                                 std::shared_ptr<MemFile> file,
                                                 const std::string& path) {
  return std::make_unique<MemLock>(disk, std::move(file), path);
}

}  // namespace nokv::vfs
