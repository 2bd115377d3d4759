// Runs one set of operation streams against an engine, one thread to a stream.
//
// Nothing is shared between the threads while they run but the engine. Each stops at its first
// error: a failure of the engine, a record that should be there and is not, or one read in a
// thousand that has a wrong length or the bytes of another record.
//
// Thread-safety: none.
#pragma once

#include "benchmark/ycsb/engine.h"
#include "benchmark/ycsb/histogram.h"
#include "benchmark/ycsb/operations.h"

#include <cstdint>

namespace nokv::bench {

struct ClientsResult {
  double seconds = 0;  // From the first operation's start to the last one's end.
  uint64_t operations = 0;
  uint64_t user_bytes_written = 0;  // Keys and values.
  Histogram latency_ticks;
  uint64_t errors = 0;
  absl::Status first_error;
};

ClientsResult RunClients(Engine& engine, const Streams& streams, uint32_t value_size,
                         uint64_t seed);

}  // namespace nokv::bench
