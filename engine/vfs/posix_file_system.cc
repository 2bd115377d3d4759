#include "engine/base/random.h"
#include "engine/vfs/file_system.h"
#include "engine/vfs/posix_io.h"
#include "engine/vfs/posix_lock.h"
#include "engine/vfs/posix_segment_file.h"

#include <algorithm>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <utility>

namespace nokv::vfs {
namespace {

class PosixWritableFile final : public WritableFile {
 public:
  PosixWritableFile(std::string path, FileDescriptor file)
      : path_(std::move(path)), file_(std::move(file)) {}

  absl::Status Append(std::string_view bytes) override { return WriteAll(file_, bytes, path_); }

  absl::Status Sync() override {
    // The kernel tells of a lost page once; we go on telling.
    if (sync_failed_) return DataLossError("{}: an earlier sync has failed", path_);
    absl::Status status = SyncData(file_, path_);
    sync_failed_ = !status.ok();
    return status;
  }

 private:
  const std::string path_;
  const FileDescriptor file_;
  bool sync_failed_ = false;
};

class PosixReadableFile final : public ReadableFile {
 public:
  PosixReadableFile(std::string path, FileDescriptor file, uint64_t size_bytes)
      : path_(std::move(path)), file_(std::move(file)), size_bytes_(size_bytes) {}

  absl::Status Read(uint64_t offset, size_t size, char* buffer) const override {
    return ReadAllAt(file_, offset, size, buffer, path_);
  }

  uint64_t size_bytes() const override { return size_bytes_; }

 private:
  const std::string path_;
  const FileDescriptor file_;
  const uint64_t size_bytes_;
};

absl::StatusOr<struct stat> Stat(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, "stat", path);
  return info;
}

// FNV-1a of the kernel's boot id. Where there is none, a number nobody has seen: the safe answer,
// because it claims less about what is on disk.
uint64_t ReadBootId() {
  const absl::StatusOr<FileDescriptor> file =
      OpenDescriptor("/proc/sys/kernel/random/boot_id", O_RDONLY);
  char text[64];
  const ssize_t size = file.ok() ? ::read(file->get(), text, sizeof(text)) : 0;
  if (size <= 0) return EntropySeed();
  uint64_t hash = 0xcbf29ce484222325ull;
  for (ssize_t i = 0; i < size; ++i) {
    hash = (hash ^ static_cast<unsigned char>(text[i])) * 0x100000001b3ull;
  }
  return hash;
}

class MachineFileSystem final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<WritableFile>> Create(const std::string& path) override {
    ASSIGN_OR_RETURN(FileDescriptor file, OpenDescriptor(path, O_WRONLY | O_CREAT | O_EXCL));
    return std::make_unique<PosixWritableFile>(path, std::move(file));
  }

  absl::StatusOr<std::unique_ptr<WritableFile>> OpenAppend(const std::string& path) override {
    ASSIGN_OR_RETURN(FileDescriptor file, OpenDescriptor(path, O_WRONLY | O_APPEND));
    return std::make_unique<PosixWritableFile>(path, std::move(file));
  }

  absl::StatusOr<std::unique_ptr<ReadableFile>> OpenRead(const std::string& path) const override {
    ASSIGN_OR_RETURN(FileDescriptor file, OpenDescriptor(path, O_RDONLY));
    ASSIGN_OR_RETURN(const uint64_t size, DescriptorSize(file, path));
    ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_RANDOM);  // Only a hint.
    return std::make_unique<PosixReadableFile>(path, std::move(file), size);
  }

  absl::StatusOr<std::unique_ptr<SegmentFile>> CreateSegment(
      const std::string& path, const SegmentOptions& options) override {
    return CreatePosixSegment(path, options);
  }

  absl::StatusOr<std::unique_ptr<SegmentFile>> OpenSegment(const std::string& path,
                                                           const SegmentOptions& options) override {
    return OpenPosixSegment(path, options);
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, "rename", fmt::format("{} to {}", from, to));
  }

  absl::Status Remove(const std::string& path) override {
    if (::unlink(path.c_str()) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, "remove", path);
  }

  absl::Status Link(const std::string& from, const std::string& to) override {
    if (::link(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, "link", fmt::format("{} to {}", from, to));
  }

  absl::StatusOr<uint64_t> LinkCount(const std::string& path) const override {
    ASSIGN_OR_RETURN(const struct stat info, Stat(path));
    return static_cast<uint64_t>(info.st_nlink);
  }

  absl::Status CreateDirectory(const std::string& path) override {
    if (::mkdir(path.c_str(), 0755) == 0) return absl::OkStatus();
    const int error = errno;
    if (error == EEXIST) {
      ASSIGN_OR_RETURN(const struct stat info, Stat(path));
      if (S_ISDIR(info.st_mode)) return absl::OkStatus();
    }
    return ErrnoStatus(error, "create directory", path);
  }

  absl::Status SyncDirectory(const std::string& path) override {
    ASSIGN_OR_RETURN(const FileDescriptor file, OpenDescriptor(path, O_RDONLY | O_DIRECTORY));
    if (::fsync(file.get()) != 0) return ErrnoStatus(errno, "sync directory", path);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& path) const override {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
    if (directory == nullptr) return ErrnoStatus(errno, "list", path);
    std::vector<std::string> names;
    for (;;) {
      errno = 0;  // The end and an error both read as null.
      const dirent* const entry = ::readdir(directory.get());
      if (entry == nullptr) break;
      std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(std::move(name));
    }
    if (errno != 0) return ErrnoStatus(errno, "list", path);
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::StatusOr<uint64_t> FileSize(const std::string& path) const override {
    ASSIGN_OR_RETURN(const struct stat info, Stat(path));
    return static_cast<uint64_t>(info.st_size);
  }

  bool Exists(const std::string& path) const override { return ::access(path.c_str(), F_OK) == 0; }

  absl::StatusOr<std::unique_ptr<DirectoryLock>> Lock(const std::string& path) override {
    return TakePosixLock(path);
  }

  absl::StatusOr<uint64_t> FreeBytes(const std::string& path) const override {
    struct statvfs info;
    if (::statvfs(path.c_str(), &info) != 0) return ErrnoStatus(errno, "free space of", path);
    return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  }

  uint64_t BootId() const override {
    static const uint64_t boot_id = ReadBootId();
    return boot_id;
  }
};

}  // namespace

FileSystem& PosixFileSystem() {
  static MachineFileSystem* const files =
      new MachineFileSystem;  // Never destroyed: threads may outlive main.
  return *files;
}

}  // namespace nokv::vfs
