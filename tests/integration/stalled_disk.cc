// A disk that does not answer, for a process that was started with this library in LD_PRELOAD:
// while the file named by NOKV_STALLED_WHILE exists, its writes and syncs of files wait. Sockets,
// and the process's own log on standard output, go on. The first call that waits links the file to
// its name with ".felt" behind it, so that a test knows that its fault was one.
//
// Calls go to the kernel and not on to the C library: nothing has to be looked up, however early in
// the process's life they come.
#include <cstdlib>
#include <poll.h>
#include <string>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

constexpr int kLookAgainMillis = 5;

void WaitForDisk(int file) {
  static const char* const stalled_while = std::getenv("NOKV_STALLED_WHILE");
  if (stalled_while == nullptr || file <= STDERR_FILENO) return;
  if (::access(stalled_while, F_OK) != 0) return;
  struct stat status = {};
  if (::fstat(file, &status) != 0) return;
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return;
  [[maybe_unused]] const int ignored =
      ::link(stalled_while, (std::string(stalled_while) + ".felt").c_str());
  while (::access(stalled_while, F_OK) == 0) ::poll(nullptr, 0, kLookAgainMillis);
}

}  // namespace

extern "C" {

ssize_t write(int file, const void* bytes, size_t size) {
  WaitForDisk(file);
  return ::syscall(SYS_write, file, bytes, size);
}

ssize_t pwritev(int file, const struct iovec* vectors, int count, off_t offset) {
  WaitForDisk(file);
  // The kernel takes the offset in two halves; on 64 bits the first holds all of it.
  return ::syscall(SYS_pwritev, file, vectors, count, offset, 0);
}

int fsync(int file) {
  WaitForDisk(file);
  return static_cast<int>(::syscall(SYS_fsync, file));
}

int fdatasync(int file) {
  WaitForDisk(file);
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}

}  // extern "C"
