#include "engine/vfs/posix_segment_file.h"

#include "engine/base/check.h"
#include "engine/vfs/posix_io.h"
#include "engine/vfs/posix_mapping.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace nokv::vfs {
namespace {

class PosixSegmentFile final : public SegmentFile {
 public:
  PosixSegmentFile(std::string path, FileDescriptor file, uint64_t size, bool read_only,
                   std::unique_ptr<Mapping> mapping)
      : path_(std::move(path)),
        file_(std::move(file)),
        capacity_bytes_(size),
        read_only_(read_only),
        mapping_(std::move(mapping)),
        size_bytes_(size) {}

  uint64_t capacity_bytes() const override { return capacity_bytes_; }

  absl::Status Write(uint64_t offset, std::span<const std::string_view> pieces) override {
    NOKV_CHECK(!read_only_);
    uint64_t total = 0;
    for (const std::string_view piece : pieces) total += piece.size();
    const uint64_t size = size_bytes_.load(std::memory_order_relaxed);
    NOKV_CHECK(offset <= size && total <= size - offset);
    if (mapping_ == nullptr) return WriteAllAt(file_, offset, pieces, path_);

    char* to = mapping_->data() + offset;
    for (const std::string_view piece : pieces) {
      if (piece.empty()) continue;  // Its address may be null.
      std::memcpy(to, piece.data(), piece.size());
      to += piece.size();
    }
    return MappingStatus();
  }

  absl::Status Sync() override {
    // The kernel tells of a lost page once; we go on telling.
    if (sync_failed_.load()) return DataLossError("{}: an earlier sync has failed", path_);
    absl::Status status = SyncData(file_, path_);
    if (!status.ok()) sync_failed_.store(true);
    if (status.ok()) status = MappingStatus();
    return status;
  }

  void Prepare(uint64_t offset, uint64_t size) override {
    if (mapping_ == nullptr || read_only_) return;
    const uint64_t end = size_bytes_.load(std::memory_order_relaxed);
    if (offset < end) mapping_->Populate(offset, std::min(size, end - offset));
  }

  absl::StatusOr<std::string_view> Read(uint64_t offset, size_t size,
                                        std::string* scratch) const override {
    const uint64_t end = size_bytes_.load(std::memory_order_acquire);
    if (offset > end || size > end - offset) {
      return DataLossError("{}: {} bytes wanted at {}, but the file has {}", path_, size, offset,
                           end);
    }
    if (mapping_ != nullptr) return std::string_view(mapping_->data() + offset, size);
    scratch->resize(size);
    RETURN_IF_ERROR(ReadAllAt(file_, offset, size, scratch->data(), path_));
    return std::string_view(*scratch);
  }

  const char* data() const override { return mapping_ == nullptr ? nullptr : mapping_->data(); }

  absl::Status MappingStatus() const override {
    if (mapping_ == nullptr || !mapping_->damaged()) return absl::OkStatus();
    return DataLossError("{}: an access to its mapping of {} bytes met an I/O error", path_,
                         mapping_->size());
  }

  absl::Status Truncate(uint64_t size) override {
    NOKV_CHECK(!read_only_);
    if (size >= size_bytes_.load()) return absl::OkStatus();
    // Readers are turned away before the bytes go.
    size_bytes_.store(size, std::memory_order_release);
    while (::ftruncate(file_.get(), static_cast<off_t>(size)) != 0) {
      if (errno != EINTR) return ErrnoStatus(errno, fmt::format("truncate to {}", size), path_);
    }
    return absl::OkStatus();
  }

 private:
  const std::string path_;
  const FileDescriptor file_;
  const uint64_t capacity_bytes_;
  const bool read_only_;
  const std::unique_ptr<Mapping> mapping_;  // Null if the file is not mapped.
  std::atomic<uint64_t> size_bytes_;        // Of the file: at most capacity_bytes_.
  std::atomic<bool> sync_failed_{false};
};

// Gives the file real blocks up to `size`. False if the file system cannot: the file is then
// sparse, and a mapped store could meet a full disk.
absl::StatusOr<bool> Allocate(const FileDescriptor& file, uint64_t size, const std::string& path) {
  for (;;) {
    if (::fallocate(file.get(), 0, 0, static_cast<off_t>(size)) == 0) return true;
    if (errno == EINTR) continue;
    if (errno != EOPNOTSUPP) {
      return ErrnoStatus(errno, fmt::format("allocate {} bytes for", size), path);
    }
    if (::ftruncate(file.get(), static_cast<off_t>(size)) == 0) return false;
    if (errno != EINTR) return ErrnoStatus(errno, fmt::format("extend to {}", size), path);
  }
}

absl::StatusOr<std::unique_ptr<SegmentFile>> Finish(const std::string& path, FileDescriptor file,
                                                    uint64_t size, SegmentOptions options) {
  std::unique_ptr<Mapping> mapping;
  if (options.map && size > 0) {
    ASSIGN_OR_RETURN(
        mapping,
        Mapping::Map(file, size, {.writable = !options.read_only, .pages = options.pages}, path));
  }
  return std::make_unique<PosixSegmentFile>(path, std::move(file), size, options.read_only,
                                            std::move(mapping));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SegmentFile>> CreatePosixSegment(const std::string& path,
                                                                const SegmentOptions& options) {
  NOKV_CHECK(!options.read_only && options.capacity_bytes > 0);
  ASSIGN_OR_RETURN(FileDescriptor file, OpenDescriptor(path, O_RDWR | O_CREAT | O_EXCL));
  SegmentOptions chosen = options;
  const absl::StatusOr<bool> allocated = Allocate(file, options.capacity_bytes, path);
  absl::Status status = allocated.status();
  if (status.ok()) {
    chosen.map = options.map && *allocated;
    auto segment = Finish(path, std::move(file), options.capacity_bytes, chosen);
    if (segment.ok()) return segment;
    status = segment.status();
  }
  ::unlink(path.c_str());  // Half a segment is of no use to anyone.
  return status;
}

absl::StatusOr<std::unique_ptr<SegmentFile>> OpenPosixSegment(const std::string& path,
                                                              const SegmentOptions& options) {
  SegmentOptions chosen = options;
  ASSIGN_OR_RETURN(FileDescriptor file,
                   OpenDescriptor(path, options.read_only ? O_RDONLY : O_RDWR));
  ASSIGN_OR_RETURN(uint64_t size, DescriptorSize(file, path));
  if (!options.read_only) {
    const uint64_t old_size = size;
    size = std::max(size, options.capacity_bytes);
    const absl::StatusOr<bool> allocated =
        size > 0 ? Allocate(file, size, path) : absl::StatusOr<bool>(false);
    if (!allocated.ok()) {
      // Give back what a full disk did grant. The answer is the failure above either way.
      [[maybe_unused]] const int ignored = ::ftruncate(file.get(), static_cast<off_t>(old_size));
      return allocated.status();
    }
    chosen.map = options.map && *allocated;
  }
  return Finish(path, std::move(file), size, chosen);
}

}  // namespace nokv::vfs
