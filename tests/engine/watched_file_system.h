// Calls an observer before each change that goes to another file system.
//
// The observer sees the disk as it is before the change, and what the change is about to be: it
// may copy the disk, and so keep every state in which a crash could leave it.
//
// Thread-safety: none; simulations have one thread.
#pragma once

#include "engine/vfs/file_system.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace nokv::tests {

enum class Action : uint8_t {
  kCreate,
  kAppend,
  kSync,
  kCreateSegment,
  kOpenSegment,
  kWriteSegment,
  kSyncSegment,
  kTruncateSegment,
  kRename,
  kRemove,
  kLink,
  kCreateDirectory,
  kSyncDirectory,
};

std::string_view Name(Action action);

struct FileChange {
  Action action;
  const std::string& path;
  uint64_t offset = 0;          // kWriteSegment only.
  std::string_view bytes = {};  // kWriteSegment and kAppend.
};

class WatchedFileSystem final : public vfs::FileSystem {
 public:
  using Observer = std::function<void(const FileChange&)>;

  explicit WatchedFileSystem(vfs::FileSystem& files) : files_(files) {}

  // Null for none.
  void Observe(Observer observer) { observer_ = std::move(observer); }

  uint64_t change_count() const { return change_count_; }

  absl::StatusOr<std::unique_ptr<vfs::WritableFile>> Create(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<vfs::WritableFile>> OpenAppend(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<vfs::ReadableFile>> OpenRead(
      const std::string& path) const override;
  absl::StatusOr<std::unique_ptr<vfs::SegmentFile>> CreateSegment(
      const std::string& path, const vfs::SegmentOptions& options) override;
  absl::StatusOr<std::unique_ptr<vfs::SegmentFile>> OpenSegment(
      const std::string& path, const vfs::SegmentOptions& options) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status Link(const std::string& from, const std::string& to) override;
  absl::StatusOr<uint64_t> LinkCount(const std::string& path) const override;
  absl::Status CreateDirectory(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) const override;
  absl::StatusOr<uint64_t> FileSize(const std::string& path) const override;
  bool Exists(const std::string& path) const override;
  absl::StatusOr<std::unique_ptr<vfs::DirectoryLock>> Lock(const std::string& path) override;
  absl::StatusOr<uint64_t> FreeBytes(const std::string& path) const override;
  uint64_t BootId() const override;

  // For the files opened through this one.
  void Announce(const FileChange& change);

 private:
  vfs::FileSystem& files_;
  Observer observer_;
  uint64_t change_count_ = 0;
};

}  // namespace nokv::tests
