// Counters that many threads add to: each thread has a shard of its own cache line.
//
// Thread-safety: safe; a sum is not a moment's.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace nokv {

enum class Counter : size_t {
  kWrites,
  kWriteBytes,
  kReads,
  kReadsFound,
  kIterators,
  kLogBytes,
  kTableBytes,
  kCollectedBytes,
  kFlushes,
  kCompactions,
  kCollections,
  kThrottledWrites,
  kThrottleNanos,
  kCount,
};

class Counters {
 public:
  void Add(Counter counter, uint64_t amount = 1) {
    Shard& shard = shards_[ThreadShard()];
    shard.values[static_cast<size_t>(counter)].fetch_add(amount, std::memory_order_relaxed);
  }

  uint64_t Sum(Counter counter) const {
    uint64_t sum = 0;
    for (const Shard& shard : shards_) {
      sum += shard.values[static_cast<size_t>(counter)].load(std::memory_order_relaxed);
    }
    return sum;
  }

 private:
  static constexpr size_t kShards = 32;

  struct alignas(64) Shard {
    std::array<std::atomic<uint64_t>, static_cast<size_t>(Counter::kCount)> values{};
  };

  static size_t ThreadShard() {
    static std::atomic<size_t> next{0};
    thread_local const size_t shard = next.fetch_add(1, std::memory_order_relaxed) % kShards;
    return shard;
  }

  std::array<Shard, kShards> shards_;
};

}  // namespace nokv
