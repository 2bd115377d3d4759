// E6: copying a record and checksumming it, separately and in one pass.
//
// The source is in the cache, as a value that its maker has just made; the target is a log larger
// than the cache.
#include "benchmark/experiments/experiment.h"
#include "engine/base/crc32c.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <cstring>

#if defined(__SSE4_2__)
#include <nmmintrin.h>
#endif

namespace nokv::bench {
namespace {

constexpr size_t kLogBytes = 256 << 20;
constexpr size_t kChunkBytes = 256;
constexpr size_t kBytesPerMethod = 512 << 20;

using Method = uint64_t (*)(char* target, const char* source, size_t size);

uint64_t CopyOnly(char* target, const char* source, size_t size) {
  std::memcpy(target, source, size);
  return 0;
}

uint64_t CrcThenCopy(char* target, const char* source, size_t size) {
  const uint32_t crc = Crc32c({source, size});
  std::memcpy(target, source, size);
  return crc;
}

uint64_t CopyThenCrcOfTarget(char* target, const char* source, size_t size) {
  std::memcpy(target, source, size);
  return Crc32c({target, size});
}

// Each chunk is summed while the copy of it is still on its way.
uint64_t CrcAndCopyByChunks(char* target, const char* source, size_t size) {
  uint32_t crc = 0;
  for (size_t done = 0; done < size; done += kChunkBytes) {
    const size_t chunk = std::min(kChunkBytes, size - done);
    crc = ExtendCrc32c(crc, {source + done, chunk});
    std::memcpy(target + done, source + done, chunk);
  }
  return crc;
}

#if defined(__SSE4_2__)
// One load feeds both the store and the sum; the sum's latency bounds it.
uint64_t CrcAndCopyByWords(char* target, const char* source, size_t size) {
  uint64_t crc = 0xffffffff;
  size_t done = 0;
  for (; done + 8 <= size; done += 8) {
    uint64_t word;
    std::memcpy(&word, source + done, sizeof(word));
    crc = _mm_crc32_u64(crc, word);
    std::memcpy(target + done, &word, sizeof(word));
  }
  for (; done < size; ++done) {
    crc = _mm_crc32_u8(static_cast<uint32_t>(crc), static_cast<uint8_t>(source[done]));
    target[done] = source[done];
  }
  return crc ^ 0xffffffff;
}
#endif

uint64_t Xxh3ThenCopy(char* target, const char* source, size_t size) {
  const uint64_t hash = XXH3_64bits(source, size);
  std::memcpy(target, source, size);
  return hash;
}

uint64_t CrcOnly(char*, const char* source, size_t size) { return Crc32c({source, size}); }

uint64_t Xxh3Only(char*, const char* source, size_t size) { return XXH3_64bits(source, size); }

struct Case {
  const char* name;
  Method method;
};

constexpr Case kCases[] = {
    {"copy only", CopyOnly},
    {"crc32c only", CrcOnly},
    {"xxh3 only", Xxh3Only},
    {"crc32c of the source, then copy", CrcThenCopy},
    {"copy, then crc32c of the target", CopyThenCrcOfTarget},
    {"crc32c and copy in chunks of 256 B", CrcAndCopyByChunks},
#if defined(__SSE4_2__)
    {"crc32c and copy word by word", CrcAndCopyByWords},
#endif
    {"xxh3 of the source, then copy", Xxh3ThenCopy},
};

void Measure(Experiment& experiment, const Case& what, size_t size, std::string& log,
             const std::string& source) {
  const size_t records = kBytesPerMethod / size;
  const size_t step = (size + 63) / 64 * 64;
  size_t position = 0;
  uint64_t sum = 0;
  const uint64_t start = MonotonicNanos();
  for (size_t i = 0; i < records; ++i) {
    sum += what.method(log.data() + position, source.data() + i % 64 * 8, size);
    position += step;
    if (position + step > log.size()) position = 0;
  }
  const uint64_t nanos = MonotonicNanos() - start;
  KeepAlive(sum);
  experiment.Record(fmt::format("{} B: {}", size, what.name), "ns/record",
                    static_cast<double>(nanos) / static_cast<double>(records));
}

}  // namespace
}  // namespace nokv::bench

int main(int argc, char** argv) {
  using namespace nokv::bench;
  Experiment experiment("e6_checksum", "Is a fused copy and checksum worth it?");
  int exit_code = 0;
  if (!experiment.Parse(argc, argv, &exit_code)) return exit_code;
  std::string log(kLogBytes, '\0');
  std::string source(8192, '\0');
  for (size_t i = 0; i < source.size(); ++i) source[i] = static_cast<char>(i * 197 + (i >> 7));
  for (int round = 0; round < experiment.rounds(); ++round) {
    for (const size_t size : {size_t{128}, size_t{1000}, size_t{4096}}) {
      for (const Case& what : kCases) Measure(experiment, what, size, log, source);
    }
  }
  return experiment.Finish();
}
