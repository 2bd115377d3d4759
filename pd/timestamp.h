// Timestamps: 46 bits of milliseconds since the Unix epoch, then an 18-bit counter.
//
// Compared as numbers they are the order of transactions. The upper part is close to wall time, so
// that the age of a lock can be read off its timestamp; nothing relies on more than that.
//
// Thread-safety: values.
#pragma once

#include <cstdint>

namespace nokv::pd {

inline constexpr int kCounterBits = 18;
inline constexpr uint64_t kTimestampsPerMs = uint64_t{1} << kCounterBits;
// Calls for more are large: a driver whose timestamps are far ahead of its clock refuses them, so
// nobody makes one of many small ones.
inline constexpr uint64_t kSmallCallMax = 16'384;

inline constexpr uint64_t kPhysicalMsMax = (uint64_t{1} << 46) - 1;

constexpr uint64_t MakeTimestamp(uint64_t physical_ms, uint64_t counter) {
  return (physical_ms << kCounterBits) | counter;
}

constexpr uint64_t PhysicalMs(uint64_t timestamp) { return timestamp >> kCounterBits; }

constexpr uint64_t CounterOf(uint64_t timestamp) { return timestamp & (kTimestampsPerMs - 1); }

// Timestamps in a row, all of one millisecond.
struct TimestampRange {
  uint64_t first = 0;
  uint64_t count = 0;

  uint64_t last() const { return first + count - 1; }
};

}  // namespace nokv::pd
