// What other processes have used, as /proc tells it.
//
// Thread-safety: pure functions of the files under /proc.
#pragma once

#include "engine/base/status.h"

#include <cstdint>

namespace nokv::bench {

struct ProcessUsage {
  double cpu_seconds = 0;       // User and system time of all threads.
  uint64_t written_bytes = 0;   // To the device, or about to be.
  uint64_t resident_bytes = 0;  // Now.
};

// NotFound if there is no such process, or none of ours.
absl::StatusOr<ProcessUsage> UsageOf(int process_id);

}  // namespace nokv::bench
