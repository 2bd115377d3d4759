// The benchmark's command line.
//
// Invariant: what ParseCommandLine() lets through is complete and within bounds.
//
// Thread-safety: values.
#pragma once

#include "benchmark/ycsb/engine.h"
#include "benchmark/ycsb/operations.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nokv::bench {

// What the program tells the child process that measures one engine once.
struct ChildTask {
  std::string engine;
  int run = 0;
  std::string directory;
  int result_fd = -1;
};

struct Settings {
  std::vector<std::string> engines;
  std::vector<std::string> workloads;
  SyncLevel durability = SyncLevel::kProcess;
  Distribution distribution = Distribution::kZipfian;
  uint32_t threads = 16;
  uint64_t records = 1'000'000;
  uint64_t operations = 1'000'000;
  uint64_t scans = 0;  // Of workload E.
  uint64_t warmup = 100'000;
  uint32_t value_size = 1000;
  int runs = 3;
  uint64_t memory_bytes = 512ull << 20;
  uint32_t value_threshold_bytes = 0;
  uint64_t seed = 1;
  std::string directory = "nokv-ycsb-data";
  std::string json_file;
  bool keep = false;
  bool progress = false;

  std::optional<ChildTask> child;  // Set in a child process.
};

// The settings, or the code to exit with: after --help, or a message about what is wrong.
std::optional<Settings> ParseCommandLine(int argc, char** argv, int* exit_code);

const char* NameOf(SyncLevel durability);

}  // namespace nokv::bench
