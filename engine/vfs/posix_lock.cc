#include "engine/vfs/posix_lock.h"

#include "engine/vfs/posix_io.h"

#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <optional>
#include <unistd.h>
#include <utility>

namespace nokv::vfs {
namespace {

class PosixLock final : public DirectoryLock {
 public:
  // The file stays behind: removing it would let two processes lock two files of one name.
  explicit PosixLock(FileDescriptor file) : file_(std::move(file)) {}

 private:
  const FileDescriptor file_;  // Closing it gives up the lock.
};

std::optional<int> HolderOf(const FileDescriptor& file) {
  char text[32];
  const ssize_t size = ::pread(file.get(), text, sizeof(text), 0);
  int holder = 0;
  if (size <= 0 || std::from_chars(text, text + size, holder).ec != std::errc()) {
    return std::nullopt;
  }
  return holder;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DirectoryLock>> TakePosixLock(const std::string& path) {
  ASSIGN_OR_RETURN(FileDescriptor file, OpenDescriptor(path, O_RDWR | O_CREAT));

  struct flock whole_file {};

  whole_file.l_type = F_WRLCK;
  whole_file.l_whence = SEEK_SET;
  if (::fcntl(file.get(), F_OFD_SETLK, &whole_file) != 0) {
    if (errno != EAGAIN && errno != EACCES) return ErrnoStatus(errno, "lock", path);
    const std::optional<int> holder = HolderOf(file);
    if (!holder.has_value()) return FailedPreconditionError("{} is locked", path);
    return FailedPreconditionError("{} is locked by {} {}", path,
                                   *holder == ::getpid() ? "this process," : "process", *holder);
  }
  // The process id only makes the message of the next one better, so a full disk is no obstacle.
  if (::ftruncate(file.get(), 0) == 0) {
    WriteAll(file, fmt::format("{}\n", ::getpid()), path).IgnoreError();
  }
  return std::make_unique<PosixLock>(std::move(file));
}

}  // namespace nokv::vfs
