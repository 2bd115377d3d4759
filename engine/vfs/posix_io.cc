#include "engine/vfs/posix_io.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace nokv::vfs {
namespace {

constexpr size_t kPiecesPerCall = 16;  // A record has a handful; more go in several calls.

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (number_ >= 0) ::close(number_);
}

absl::StatusOr<FileDescriptor> OpenDescriptor(const std::string& path, int flags) {
  for (;;) {
    const int number = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
    if (number >= 0) return FileDescriptor(number);
    if (errno != EINTR) return ErrnoStatus(errno, "open", path);
  }
}

absl::StatusOr<uint64_t> DescriptorSize(const FileDescriptor& file, std::string_view path) {
  struct stat info;
  if (::fstat(file.get(), &info) != 0) return ErrnoStatus(errno, "stat", path);
  return static_cast<uint64_t>(info.st_size);
}

absl::Status WriteAll(const FileDescriptor& file, std::string_view bytes, std::string_view path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, "append to", path);
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status WriteAllAt(const FileDescriptor& file, uint64_t offset,
                        std::span<const std::string_view> pieces, std::string_view path) {
  size_t skip = 0;  // Bytes of pieces.front() that are written already.
  while (!pieces.empty()) {
    std::array<iovec, kPiecesPerCall> vectors;
    const size_t count = std::min(pieces.size(), vectors.size());
    for (size_t i = 0; i < count; ++i) {
      const std::string_view rest = pieces[i].substr(i == 0 ? skip : 0);
      vectors[i] = {const_cast<char*>(rest.data()), rest.size()};
    }
    const ssize_t result =
        ::pwritev(file.get(), vectors.data(), static_cast<int>(count), static_cast<off_t>(offset));
    if (result < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, fmt::format("write at {} of", offset), path);
    }
    offset += static_cast<uint64_t>(result);
    skip += static_cast<size_t>(result);
    while (!pieces.empty() && skip >= pieces.front().size()) {
      skip -= pieces.front().size();
      pieces = pieces.subspan(1);
    }
  }
  return absl::OkStatus();
}

absl::Status ReadAllAt(const FileDescriptor& file, uint64_t offset, size_t size, char* buffer,
                       std::string_view path) {
  size_t done = 0;
  while (done < size) {
    const ssize_t result =
        ::pread(file.get(), buffer + done, size - done, static_cast<off_t>(offset + done));
    if (result < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, fmt::format("read {} bytes at {} of", size, offset), path);
    }
    if (result == 0) {
      return DataLossError("{}: ends at {}, inside {} bytes wanted at {}", path, offset + done,
                           size, offset);
    }
    done += static_cast<size_t>(result);
  }
  return absl::OkStatus();
}

absl::Status SyncData(const FileDescriptor& file, std::string_view path) {
  // Not repeated after EINTR: the kernel may already have dropped the pages it could not write.
  if (::fdatasync(file.get()) != 0) return ErrnoStatus(errno, "sync", path);
  return absl::OkStatus();
}

}  // namespace nokv::vfs
