// Counters of the gateway, written by the event loop's thread and read by any.
//
// A counter has one writer, so counting is a plain load and store, not a locked instruction.
// Thread-safety: as said; a Histogram is read a little torn, which no reader of metrics minds.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace nokv::command {

class Counter {
 public:
  void Add(uint64_t count = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }

  void Subtract(uint64_t count = 1) { Add(0 - count); }

  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// Buckets double: the first ends at `first_bound`, the last is open.
template <size_t kBuckets>
class Histogram {
 public:
  explicit Histogram(uint64_t first_bound) : first_bound_(first_bound) {}

  void Observe(uint64_t value) {
    size_t bucket = 0;
    while (bucket + 1 < kBuckets && value > bound(bucket)) ++bucket;
    counts_[bucket].Add();
    sum_.Add(value);
  }

  // Meaningless for the last bucket.
  uint64_t bound(size_t bucket) const { return first_bound_ << bucket; }

  uint64_t count(size_t bucket) const { return counts_[bucket].value(); }

  uint64_t sum() const { return sum_.value(); }

  static constexpr size_t size() { return kBuckets; }

 private:
  const uint64_t first_bound_;
  std::array<Counter, kBuckets> counts_;
  Counter sum_;
};

struct Statistics {
  struct PerCommand {
    Counter calls;
    Counter errors;
  };

  explicit Statistics(size_t table_size) : per_command(table_size) {}

  Counter connections;  // Open now.
  Counter connections_accepted;
  Counter connections_rejected;
  Counter connections_dropped;  // By a limit or a protocol error.
  Counter commands;
  Counter unknown_commands;
  Counter error_replies;
  Counter bytes_received;
  Counter bytes_sent;
  Counter keyspace_hits;
  Counter keyspace_misses;
  std::vector<PerCommand> per_command;  // In the order of the command table.

  Histogram<14> round_commands{1};
  Histogram<21> round_nanos{16'000};
};

}  // namespace nokv::command
