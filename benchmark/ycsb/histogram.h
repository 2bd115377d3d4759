// Counts durations in buckets whose width grows with the value: 64 to each power of two, so a
// percentile is at most 1.6 % above the truth and never below it. The maximum is exact.
//
// Thread-safety: none; one per thread, merged afterwards.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace nokv::bench {

class Histogram {
 public:
  void Add(uint64_t value) {
    counts_[BucketOf(value)] += 1;
    count_ += 1;
    if (value > max_) max_ = value;
  }

  void Merge(const Histogram& other);

  uint64_t count() const { return count_; }

  uint64_t max() const { return max_; }

  // The smallest bucket bound that at least `fraction` of the values do not exceed; 0 if empty.
  uint64_t Percentile(double fraction) const;

 private:
  static constexpr int kSubBits = 6;
  static constexpr uint64_t kSubBuckets = uint64_t{1} << kSubBits;
  static constexpr size_t kBuckets = (64 - kSubBits + 1) * kSubBuckets;

  // Values below 64 have a bucket each; above, the six bits after the leading one choose.
  static size_t BucketOf(uint64_t value) {
    if (value < kSubBuckets) return value;
    const int shift = 63 - std::countl_zero(value) - kSubBits;
    return (static_cast<size_t>(shift) + 1) * kSubBuckets + ((value >> shift) - kSubBuckets);
  }

  static uint64_t UpperBoundOf(size_t bucket);

  std::array<uint64_t, kBuckets> counts_ = {};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};

}  // namespace nokv::bench
