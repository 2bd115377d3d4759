// E2: what it costs to hand a 1-KiB record to the kernel without a sync, by method and threads.
//
// All threads append to one log of 64-MiB segments through one shared tail.
#include "benchmark/experiments/experiment.h"

#include <fmt/format.h>

#include <atomic>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

namespace nokv::bench {
namespace {

constexpr size_t kSegmentBytes = 64 << 20;
constexpr int kSegments = 3;
constexpr size_t kRecordBytes = 1024;
constexpr size_t kRecordsPerWritev = 64;
constexpr size_t kLogBytes = kSegmentBytes * kSegments;

enum class Method { kPwrite, kWritev, kMappedCold, kMappedPopulated, kMappedRecycled };

struct Case {
  Method method;
  const char* name;
};

constexpr Case kCases[] = {
    {Method::kPwrite, "pwrite a record"},
    {Method::kWritev, "pwritev of 64 records"},
    {Method::kMappedCold, "mapped store, faults on first touch"},
    {Method::kMappedPopulated, "mapped store, populated before"},
    {Method::kMappedRecycled, "mapped store, recycled: pages cached, populated before"},
};

bool IsMapped(Method method) { return method >= Method::kMappedCold; }

// One log file of the size of all segments stands for them: the boundary costs nothing here.
class Log {
 public:
  Log(const std::string& path, Method method) : path_(path) {
    fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    Must(fd_ >= 0, "create the log");
    Must(posix_fallocate(fd_, 0, kLogBytes) == 0, "allocate the log");
    if (!IsMapped(method)) return;
    if (method == Method::kMappedRecycled) {
      Map();
      Populate();
      Must(fdatasync(fd_) == 0, "sync the log");
      munmap(map_, kLogBytes);
    }
    Map();
    const uint64_t start = MonotonicNanos();
    if (method != Method::kMappedCold) Populate();
    populate_nanos_ = MonotonicNanos() - start;
  }

  ~Log() {
    if (map_ != nullptr) munmap(map_, kLogBytes);
    close(fd_);
    unlink(path_.c_str());
  }

  Log(const Log&) = delete;

  int fd() const { return fd_; }

  char* map() const { return map_; }

  uint64_t populate_nanos() const { return populate_nanos_; }

 private:
  void Map() {
    void* memory = mmap(nullptr, kLogBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    Must(memory != MAP_FAILED, "map the log");
    map_ = static_cast<char*>(memory);
  }

  void Populate() { Must(madvise(map_, kLogBytes, MADV_POPULATE_WRITE) == 0, "populate"); }

  const std::string path_;
  int fd_ = -1;
  char* map_ = nullptr;
  uint64_t populate_nanos_ = 0;
};

// Appends records until the log is full.
void Fill(const Log& log, Method method, std::atomic<uint64_t>& tail) {
  const std::string record(kRecordBytes, 'r');
  const size_t step = method == Method::kWritev ? kRecordBytes * kRecordsPerWritev : kRecordBytes;
  std::vector<iovec> parts(kRecordsPerWritev, {const_cast<char*>(record.data()), record.size()});
  while (true) {
    const uint64_t position = tail.fetch_add(step, std::memory_order_relaxed);
    if (position + step > kLogBytes) return;
    ssize_t written = static_cast<ssize_t>(step);
    if (method == Method::kPwrite) {
      written = pwrite(log.fd(), record.data(), step, static_cast<off_t>(position));
    } else if (method == Method::kWritev) {
      written = pwritev(log.fd(), parts.data(), static_cast<int>(parts.size()),
                        static_cast<off_t>(position));
    } else {
      std::memcpy(log.map() + position, record.data(), step);
    }
    Must(written == static_cast<ssize_t>(step), "append");
  }
}

void Measure(Experiment& experiment, const Case& what, int threads) {
  const Log log(experiment.FileInScratch("log"), what.method);
  constexpr double kRecords = static_cast<double>(kLogBytes / kRecordBytes);
  std::atomic<uint64_t> tail{0};
  const uint64_t cpu_before = ProcessCpuNanos();
  const uint64_t nanos = TimeThreads(threads, [&](int) { Fill(log, what.method, tail); });
  const uint64_t cpu = ProcessCpuNanos() - cpu_before;
  const std::string name =
      fmt::format("{} thread{}, {}", threads, threads == 1 ? "" : "s", what.name);
  experiment.Record(name, "us/record", static_cast<double>(nanos) * 1e-3 / kRecords);
  experiment.Record(name, "us cpu/record", static_cast<double>(cpu) * 1e-3 / kRecords);
  if (log.populate_nanos() > 10'000'000 && threads == 1) {
    experiment.Record(fmt::format("populating itself, {}", what.name), "us/record",
                      static_cast<double>(log.populate_nanos()) * 1e-3 / kRecords);
  }
}

}  // namespace
}  // namespace nokv::bench

int main(int argc, char** argv) {
  using namespace nokv::bench;
  Experiment experiment("e2_append", "What does it cost to append a record of 1 KiB, unsynced?");
  int exit_code = 0;
  if (!experiment.Parse(argc, argv, &exit_code)) return exit_code;
  for (int round = 0; round < experiment.rounds(); ++round) {
    for (const int threads : {1, 2, 16}) {
      for (const Case& what : kCases) Measure(experiment, what, threads);
    }
  }
  return experiment.Finish();
}
