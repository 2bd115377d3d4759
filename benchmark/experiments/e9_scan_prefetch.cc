// E9: how far ahead a scan should ask for the values it will copy.
//
// The keys are sorted and their values lie where they were written, all over a log much larger
// than the cache: each row of a scan begins with a miss that a prefetch can hide.
#include "benchmark/experiments/experiment.h"
#include "engine/base/random.h"

#include <fmt/format.h>

#include <cstring>
#include <numeric>
#include <sys/mman.h>

namespace nokv::bench {
namespace {

constexpr uint32_t kRecords = 1'000'000;
constexpr size_t kValueBytes = 1000;
constexpr size_t kRecordBytes = 1048;  // With a header and the key.
constexpr uint32_t kScans = 20'000;
constexpr uint32_t kRows = 50;
constexpr size_t kLineBytes = 64;

struct Log {
  char* bytes = nullptr;
  std::vector<uint64_t> by_key;  // The value's offset, in the order of the keys.
};

Log MakeLog(bool huge_pages) {
  Log log;
  constexpr size_t kBytes = size_t{kRecords} * kRecordBytes;
  void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  Must(memory != MAP_FAILED, "get memory");
  madvise(memory, kBytes, huge_pages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  log.bytes = static_cast<char*>(memory);
  std::memset(log.bytes, 'v', kBytes);
  log.by_key.resize(kRecords);
  std::iota(log.by_key.begin(), log.by_key.end(), 0);
  Random random(3);
  for (uint32_t i = kRecords - 1; i > 0; --i) {
    std::swap(log.by_key[i], log.by_key[random.Uniform(i + uint64_t{1})]);
  }
  for (uint64_t& offset : log.by_key) offset = offset * kRecordBytes + 48;
  return log;
}

inline void Prefetch(const char* value, size_t lines) {
  for (size_t line = 0; line < lines; ++line) __builtin_prefetch(value + line * kLineBytes);
}

// Copies the rows from `first` on, prefetching `lines` cache lines of the value `distance` rows
// ahead.
void Scan(const Log& log, uint32_t first, uint32_t distance, size_t lines, char* out) {
  for (uint32_t ahead = 0; ahead < std::min(distance, kRows); ++ahead) {
    Prefetch(log.bytes + log.by_key[first + ahead], lines);
  }
  for (uint32_t row = 0; row < kRows; ++row) {
    if (distance > 0 && row + distance < kRows) {
      Prefetch(log.bytes + log.by_key[first + row + distance], lines);
    }
    std::memcpy(out + row * kValueBytes, log.bytes + log.by_key[first + row], kValueBytes);
  }
}

void Measure(Experiment& experiment, const Log& log, const char* pages, int threads,
             uint32_t distance, size_t lines) {
  const uint64_t nanos = TimeThreads(threads, [&](int thread) {
    Random random(static_cast<uint64_t>(thread) + 10);
    std::string out(kRows * kValueBytes, '\0');
    for (uint32_t i = 0; i < kScans; ++i) {
      const auto first = static_cast<uint32_t>(random.Uniform(kRecords - kRows));
      Scan(log, first, distance, lines, out.data());
      KeepAlive(out[0]);
    }
  });
  const double rows = static_cast<double>(kScans) * kRows * threads;
  experiment.Record(fmt::format("{} pages, {} thread(s), {} rows ahead, {} lines", pages, threads,
                                distance, distance == 0 ? 0 : lines),
                    "Mrows/s", rows * 1e3 / static_cast<double>(nanos));
}

}  // namespace
}  // namespace nokv::bench

int main(int argc, char** argv) {
  using namespace nokv::bench;
  Experiment experiment("e9_scan_prefetch", "How far ahead should a scan prefetch its values?");
  int exit_code = 0;
  if (!experiment.Parse(argc, argv, &exit_code)) return exit_code;
  const Log small = MakeLog(/*huge_pages=*/false);
  for (int round = 0; round < experiment.rounds(); ++round) {
    for (const int threads : {1, 2}) {
      for (const uint32_t distance : {0u, 1u, 2u, 4u, 8u, 16u, 32u}) {
        Measure(experiment, small, "4-KiB", threads, distance, 16);
      }
      for (const size_t lines : {size_t{1}, size_t{2}, size_t{4}, size_t{8}}) {
        Measure(experiment, small, "4-KiB", threads, 4, lines);
      }
    }
  }
  return experiment.Finish();
}
