#include "benchmark/ycsb/usage.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nokv::bench {
namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

// The number behind `label` in a file of "label: number" lines; 0 if it is not there.
uint64_t NumberAt(const char* path, std::string_view label) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, label.size(), label) != 0) continue;
    uint64_t number = 0;
    std::istringstream(line.substr(label.size())) >> number;
    return number;
  }
  return 0;
}

}  // namespace

double ProcessCpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
}

double MachineBusySeconds() {
  std::ifstream file("/proc/stat");
  std::string label;
  uint64_t user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
  file >> label >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> steal;
  return static_cast<double>(user + nice + system + irq + softirq + steal) /
         static_cast<double>(sysconf(_SC_CLK_TCK));
}

uint64_t ProcessDeviceBytesWritten() {
  const uint64_t written = NumberAt("/proc/self/io", "write_bytes:");
  const uint64_t cancelled = NumberAt("/proc/self/io", "cancelled_write_bytes:");
  return written > cancelled ? written - cancelled : 0;
}

uint64_t PeakResidentBytes() { return NumberAt("/proc/self/status", "VmHWM:") * 1024; }

void ResetPeakResidentBytes() { std::ofstream("/proc/self/clear_refs") << "5"; }

absl::Status SyncFileSystem(const std::string& directory) {
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, "open", directory);
  const int error = syncfs(fd) == 0 ? 0 : errno;
  close(fd);
  if (error != 0) return ErrnoStatus(error, "sync the file system of", directory);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> AllocatedBytes(const std::string& directory) {
  // Engines remove files at any time, so one that is gone by now simply does not count.
  uint64_t bytes = 0;
  std::error_code error;
  std::filesystem::recursive_directory_iterator entries(directory, error);
  while (!error && entries != std::filesystem::recursive_directory_iterator()) {
    struct stat status;
    if (lstat(entries->path().c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
      bytes += static_cast<uint64_t>(status.st_blocks) * 512;
    }
    entries.increment(error);
  }
  if (error) return ErrnoStatus(error.value(), "list", directory);
  return bytes;
}

}  // namespace nokv::bench
