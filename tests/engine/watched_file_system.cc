#include "tests/engine/watched_file_system.h"

#include <utility>

namespace nokv::tests {
namespace {

class WatchedWritableFile final : public vfs::WritableFile {
 public:
  WatchedWritableFile(WatchedFileSystem& watch, std::string path,
                      std::unique_ptr<vfs::WritableFile> file)
      : watch_(watch), path_(std::move(path)), file_(std::move(file)) {}

  absl::Status Append(std::string_view bytes) override {
    watch_.Announce({.action = Action::kAppend, .path = path_, .bytes = bytes});
    return file_->Append(bytes);
  }

  absl::Status Sync() override {
    watch_.Announce({.action = Action::kSync, .path = path_});
    return file_->Sync();
  }

 private:
  WatchedFileSystem& watch_;
  const std::string path_;
  const std::unique_ptr<vfs::WritableFile> file_;
};

class WatchedSegmentFile final : public vfs::SegmentFile {
 public:
  WatchedSegmentFile(WatchedFileSystem& watch, std::string path,
                     std::unique_ptr<vfs::SegmentFile> file)
      : watch_(watch), path_(std::move(path)), file_(std::move(file)) {}

  uint64_t capacity_bytes() const override { return file_->capacity_bytes(); }

  absl::Status Write(uint64_t offset, std::span<const std::string_view> pieces) override {
    std::string bytes;
    for (const std::string_view piece : pieces) bytes += piece;
    watch_.Announce(
        {.action = Action::kWriteSegment, .path = path_, .offset = offset, .bytes = bytes});
    return file_->Write(offset, pieces);
  }

  absl::Status Sync() override {
    watch_.Announce({.action = Action::kSyncSegment, .path = path_});
    return file_->Sync();
  }

  void Prepare(uint64_t offset, uint64_t size) override { file_->Prepare(offset, size); }

  absl::StatusOr<std::string_view> Read(uint64_t offset, size_t size,
                                        std::string* scratch) const override {
    return file_->Read(offset, size, scratch);
  }

  const char* data() const override { return file_->data(); }

  absl::Status MappingStatus() const override { return file_->MappingStatus(); }

  absl::Status Truncate(uint64_t size) override {
    watch_.Announce({.action = Action::kTruncateSegment, .path = path_, .offset = size});
    return file_->Truncate(size);
  }

 private:
  WatchedFileSystem& watch_;
  const std::string path_;
  const std::unique_ptr<vfs::SegmentFile> file_;
};

}  // namespace

std::string_view Name(Action action) {
  switch (action) {
    case Action::kCreate:
      return "create";
    case Action::kAppend:
      return "append";
    case Action::kSync:
      return "sync";
    case Action::kCreateSegment:
      return "create segment";
    case Action::kOpenSegment:
      return "open segment";
    case Action::kWriteSegment:
      return "write segment";
    case Action::kSyncSegment:
      return "sync segment";
    case Action::kTruncateSegment:
      return "truncate segment";
    case Action::kRename:
      return "rename";
    case Action::kRemove:
      return "remove";
    case Action::kLink:
      return "link";
    case Action::kCreateDirectory:
      return "create directory";
    case Action::kSyncDirectory:
      return "sync directory";
  }
  return "?";
}

void WatchedFileSystem::Announce(const FileChange& change) {
  ++change_count_;
  if (observer_) observer_(change);
}

absl::StatusOr<std::unique_ptr<vfs::WritableFile>> WatchedFileSystem::Create(
    const std::string& path) {
  Announce({.action = Action::kCreate, .path = path});
  ASSIGN_OR_RETURN(std::unique_ptr<vfs::WritableFile> file, files_.Create(path));
  return std::make_unique<WatchedWritableFile>(*this, path, std::move(file));
}

absl::StatusOr<std::unique_ptr<vfs::WritableFile>> WatchedFileSystem::OpenAppend(
    const std::string& path) {
  ASSIGN_OR_RETURN(std::unique_ptr<vfs::WritableFile> file, files_.OpenAppend(path));
  return std::make_unique<WatchedWritableFile>(*this, path, std::move(file));
}

absl::StatusOr<std::unique_ptr<vfs::ReadableFile>> WatchedFileSystem::OpenRead(
    const std::string& path) const {
  return files_.OpenRead(path);
}

absl::StatusOr<std::unique_ptr<vfs::SegmentFile>> WatchedFileSystem::CreateSegment(
    const std::string& path, const vfs::SegmentOptions& options) {
  Announce({.action = Action::kCreateSegment, .path = path});
  ASSIGN_OR_RETURN(std::unique_ptr<vfs::SegmentFile> file, files_.CreateSegment(path, options));
  return std::make_unique<WatchedSegmentFile>(*this, path, std::move(file));
}

absl::StatusOr<std::unique_ptr<vfs::SegmentFile>> WatchedFileSystem::OpenSegment(
    const std::string& path, const vfs::SegmentOptions& options) {
  if (!options.read_only) Announce({.action = Action::kOpenSegment, .path = path});
  ASSIGN_OR_RETURN(std::unique_ptr<vfs::SegmentFile> file, files_.OpenSegment(path, options));
  return std::make_unique<WatchedSegmentFile>(*this, path, std::move(file));
}

absl::Status WatchedFileSystem::Rename(const std::string& from, const std::string& to) {
  Announce({.action = Action::kRename, .path = to});
  return files_.Rename(from, to);
}

absl::Status WatchedFileSystem::Remove(const std::string& path) {
  Announce({.action = Action::kRemove, .path = path});
  return files_.Remove(path);
}

absl::Status WatchedFileSystem::Link(const std::string& from, const std::string& to) {
  Announce({.action = Action::kLink, .path = to});
  return files_.Link(from, to);
}

absl::StatusOr<uint64_t> WatchedFileSystem::LinkCount(const std::string& path) const {
  return files_.LinkCount(path);
}

absl::Status WatchedFileSystem::CreateDirectory(const std::string& path) {
  Announce({.action = Action::kCreateDirectory, .path = path});
  return files_.CreateDirectory(path);
}

absl::Status WatchedFileSystem::SyncDirectory(const std::string& path) {
  Announce({.action = Action::kSyncDirectory, .path = path});
  return files_.SyncDirectory(path);
}

absl::StatusOr<std::vector<std::string>> WatchedFileSystem::List(const std::string& path) const {
  return files_.List(path);
}

absl::StatusOr<uint64_t> WatchedFileSystem::FileSize(const std::string& path) const {
  return files_.FileSize(path);
}

bool WatchedFileSystem::Exists(const std::string& path) const { return files_.Exists(path); }

absl::StatusOr<std::unique_ptr<vfs::DirectoryLock>> WatchedFileSystem::Lock(
    const std::string& path) {
  return files_.Lock(path);
}

absl::StatusOr<uint64_t> WatchedFileSystem::FreeBytes(const std::string& path) const {
  return files_.FreeBytes(path);
}

uint64_t WatchedFileSystem::BootId() const { return files_.BootId(); }

}  // namespace nokv::tests
