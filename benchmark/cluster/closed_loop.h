// A number of clients, each of which asks for the next operation when it has the answer to the
// last.
//
// Every value that is read is compared with what the key must hold, so that speed is of answers and
// not of mistakes.
//
// Thread-safety: one run at a time; operations end on the target's threads.
#pragma once

#include "benchmark/cluster/target.h"
#include "benchmark/ycsb/histogram.h"
#include "engine/base/clock.h"

#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace nokv::bench {

struct Records {
  uint64_t count = 100'000;
  size_t value_bytes = 1000;
};

struct Load {
  bool is_put = false;  // Else it is a get.
  size_t clients = 1;
  absl::Duration warmup = absl::Seconds(1);
  absl::Duration measured = absl::Seconds(5);
  uint64_t seed = 1;
};

struct LoadResult {
  uint64_t operations = 0;
  uint64_t failures = 0;
  std::string first_failure = {};
  double seconds = 0;
  Histogram nanos = {};
};

std::string KeyOf(uint64_t record);

// Begins with the key, so that it can be told from any other's.
std::string ValueOf(uint64_t record, size_t bytes);

// Writes every record once, with so many clients. The first failure that a repetition does not
// mend ends it.
absl::Status Fill(Target& target, const Records& records, size_t clients);

// Records are chosen evenly at random. Calls `mark` when the measured time begins and when it ends.
LoadResult Run(Target& target, Clock& clock, const Records& records, const Load& load,
               const std::function<void()>& mark);

}  // namespace nokv::bench
