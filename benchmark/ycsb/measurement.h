// What one workload did on one engine in one run.
//
// Thread-safety: values.
#pragma once

#include <cstdint>
#include <string>

namespace nokv::bench {

struct Measurement {
  std::string engine;
  std::string workload;
  int run = 0;
  uint32_t threads = 0;
  std::string durability;
  double ops_per_s = 0;
  double p50_us = 0;
  double p95_us = 0;
  double p99_us = 0;
  double p999_us = 0;
  double max_us = 0;
  double cpu_us_per_op = 0;               // All threads of the process, background work too.
  double device_bytes_per_user_byte = 0;  // 0 if the workload writes nothing.
  uint64_t space_bytes = 0;               // Allocated on disk when the workload ended.
  uint64_t peak_rss_bytes = 0;            // Since the workload began.
  uint64_t errors = 0;
  uint64_t records = 0;  // When the workload ended.
  uint32_t value_size = 0;

  // Processors that everything else on the machine kept busy meanwhile, on average. Shown in the
  // tables, because it spoils the others, but not a figure about the engine.
  double others_processors = 0;
};

}  // namespace nokv::bench
