// E1: what a durable append costs, by the state of the file it goes to.
//
// A file system journals the blocks that a write allocates, and turning a preallocated extent into
// a written one is a journal commit too. A file that is already written needs neither. This
// measures group commits of 1 to 64 KiB, appended one after the other.
#include "benchmark/experiments/experiment.h"

#include <fmt/format.h>

#include <cstring>
#include <fcntl.h>
#include <memory>
#include <sys/mman.h>
#include <unistd.h>

namespace nokv::bench {
namespace {

constexpr size_t kFileBytes = 8 << 20;
constexpr int kCommits = 100;
constexpr size_t kPageBytes = 4096;

enum class State {
  kGrowing,           // An empty file.
  kFallocated,        // Extents reserved, not written.
  kZeroWritten,       // Written by large writes, and synced.
  kRecycled,          // Written by commits like those measured, and synced.
  kMappedFallocated,  // Fallocated, mapped, populated, synced once; stores instead of writes.
  kDirectFallocated,  // O_DIRECT | O_DSYNC: the write is the sync.
  kDirectZeroWritten,
};

struct Case {
  State state;
  const char* name;
};

constexpr Case kCases[] = {
    {State::kGrowing, "growing file, pwrite"},
    {State::kFallocated, "fallocated, pwrite"},
    {State::kZeroWritten, "zero-written by 1-MiB writes, pwrite"},
    {State::kRecycled, "recycled, pwrite"},
    {State::kMappedFallocated, "fallocated and populated, mapped store"},
    {State::kDirectFallocated, "fallocated, O_DIRECT|O_DSYNC"},
    {State::kDirectZeroWritten, "zero-written, O_DIRECT|O_DSYNC"},
};

bool IsDirect(State state) {
  return state == State::kDirectFallocated || state == State::kDirectZeroWritten;
}

void WriteWhole(int fd, size_t step_bytes) {
  const std::string zeros(step_bytes, '\0');
  for (size_t offset = 0; offset < kFileBytes; offset += step_bytes) {
    const ssize_t written = pwrite(fd, zeros.data(), step_bytes, static_cast<off_t>(offset));
    Must(written == static_cast<ssize_t>(step_bytes), "write zeros");
  }
  Must(fdatasync(fd) == 0, "sync zeros");
}

void Prepare(int fd, State state) {
  switch (state) {
    case State::kGrowing:
      break;
    case State::kZeroWritten:
    case State::kDirectZeroWritten:
      WriteWhole(fd, 1 << 20);
      break;
    case State::kRecycled:
      WriteWhole(fd, kPageBytes);
      break;
    case State::kFallocated:
    case State::kMappedFallocated:
    case State::kDirectFallocated:
      Must(posix_fallocate(fd, 0, kFileBytes) == 0, "allocate");
      Must(fsync(fd) == 0, "sync the allocation");
      break;
  }
}

// The file, open and, if the case wants it, mapped.
class Target {
 public:
  Target(const std::string& path, State state) : state_(state) {
    fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    Must(fd_ >= 0, "create the file");
    Prepare(fd_, state);
    if (IsDirect(state)) {
      close(fd_);
      fd_ = open(path.c_str(), O_RDWR | O_DIRECT | O_DSYNC | O_CLOEXEC);
      Must(fd_ >= 0, "open the file for direct writes");
    }
    if (state != State::kMappedFallocated) return;
    void* memory = mmap(nullptr, kFileBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    Must(memory != MAP_FAILED, "map the file");
    map_ = static_cast<char*>(memory);
    Must(madvise(map_, kFileBytes, MADV_POPULATE_WRITE) == 0, "populate the mapping");
    Must(fdatasync(fd_) == 0, "sync the mapping");
  }

  ~Target() {
    if (map_ != nullptr) munmap(map_, kFileBytes);
    close(fd_);
  }

  Target(const Target&) = delete;

  void Commit(const char* bytes, size_t size_bytes, size_t offset) const {
    if (map_ != nullptr) {
      std::memcpy(map_ + offset, bytes, size_bytes);
    } else {
      const ssize_t written = pwrite(fd_, bytes, size_bytes, static_cast<off_t>(offset));
      Must(written == static_cast<ssize_t>(size_bytes), "append");
    }
    if (!IsDirect(state_)) Must(fdatasync(fd_) == 0, "sync");
  }

 private:
  const State state_;
  int fd_ = -1;
  char* map_ = nullptr;
};

void Measure(Experiment& experiment, const Case& what, size_t size_bytes, const char* bytes) {
  if (IsDirect(what.state) && size_bytes % kPageBytes != 0) return;
  const std::string path = experiment.FileInScratch("log");
  {
    const Target target(path, what.state);
    std::vector<double> micros;
    const uint64_t cpu_before = ThreadCpuNanos();
    for (int i = 0; i < kCommits; ++i) {
      const size_t offset = (static_cast<size_t>(i) * size_bytes) % kFileBytes;
      const uint64_t start = MonotonicNanos();
      target.Commit(bytes, size_bytes, offset);
      micros.push_back(static_cast<double>(MonotonicNanos() - start) * 1e-3);
    }
    const double cpu_micros = static_cast<double>(ThreadCpuNanos() - cpu_before) * 1e-3 / kCommits;
    const std::string name = fmt::format("{} KiB, {}", size_bytes >> 10, what.name);
    experiment.Record(name, "us p50", PercentileOf(micros, 0.5));
    experiment.Record(name, "us p99", PercentileOf(micros, 0.99));
    experiment.Record(name, "us cpu", cpu_micros);
  }
  Must(unlink(path.c_str()) == 0, "remove the file");
}

}  // namespace
}  // namespace nokv::bench

int main(int argc, char** argv) {
  using namespace nokv::bench;
  Experiment experiment("e1_fdatasync", "What does a durable append cost, by the file's state?");
  int exit_code = 0;
  if (!experiment.Parse(argc, argv, &exit_code)) return exit_code;

  // Aligned for O_DIRECT, and not compressible.
  const std::unique_ptr<char, decltype(&std::free)> bytes(
      static_cast<char*>(std::aligned_alloc(kPageBytes, 64 << 10)), &std::free);
  for (size_t i = 0; i < (64 << 10); ++i) bytes.get()[i] = static_cast<char>(i * 131 + (i >> 8));

  for (int round = 0; round < experiment.rounds(); ++round) {
    for (const size_t size_bytes : {size_t{1} << 10, size_t{16} << 10, size_t{64} << 10}) {
      for (const Case& what : kCases) Measure(experiment, what, size_bytes, bytes.get());
    }
  }
  return experiment.Finish();
}
