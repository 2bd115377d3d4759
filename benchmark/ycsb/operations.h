// What each client thread will do, decided before the clock starts.
//
// The workloads are those of YCSB's core package. Record numbers are dense: a stream inserts the
// records that follow those which were there when it was made, and reads only records that were
// there then or that its own thread inserted before, so that no read may miss.
//
// Thread-safety: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace nokv::bench {

enum class OperationKind : uint8_t { kRead, kUpdate, kInsert, kScan, kReadModifyWrite };

inline constexpr size_t kKeyBytes = 23;  // "user" and 19 digits.
inline constexpr uint32_t kScanRowsMax = 100;

// Half a cache line, read in order: the loop that runs these adds next to nothing of its own.
struct Operation {
  char key_bytes[kKeyBytes];
  OperationKind kind;
  uint32_t record;
  uint32_t rows;  // Of a scan.

  std::string_view key() const { return {key_bytes, kKeyBytes}; }
};

static_assert(sizeof(Operation) == 32);

enum class Distribution { kZipfian, kUniform };

struct Workload {
  char name;  // 'A' to 'F', or 'L' for the load.
  int read_percent = 0;
  int update_percent = 0;
  int insert_percent = 0;
  int scan_percent = 0;
  int read_modify_write_percent = 0;
  bool reads_latest = false;  // Popularity by age, the newest record first, not by number.
};

// The named workload, or null. The name of the load is "load".
const Workload* FindWorkload(std::string_view name);

// The key of a record: in an order that has nothing to do with the record's number.
void FormatKey(uint64_t record, std::span<char, kKeyBytes> key);

struct StreamOptions {
  const Workload* workload = nullptr;
  Distribution distribution = Distribution::kZipfian;
  uint64_t records = 0;  // There already.
  uint64_t operations = 0;
  uint32_t threads = 1;
  uint64_t seed = 0;
};

struct Streams {
  std::vector<std::vector<Operation>> threads;
  uint64_t records_after = 0;  // Once all of it has run.
};

Streams MakeStreams(const StreamOptions& options);

}  // namespace nokv::bench
