#include "benchmark/ycsb/histogram.h"

#include <algorithm>
#include <cmath>

namespace nokv::bench {

void Histogram::Merge(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

uint64_t Histogram::UpperBoundOf(size_t bucket) {
  if (bucket < kSubBuckets) return bucket;
  const uint64_t shift = bucket / kSubBuckets - 1;
  const uint64_t first = (kSubBuckets + bucket % kSubBuckets) << shift;
  return first + ((uint64_t{1} << shift) - 1);
}

uint64_t Histogram::Percentile(double fraction) const {
  const auto wanted = static_cast<uint64_t>(std::ceil(fraction * static_cast<double>(count_)));
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += counts_[i];
    if (seen > 0 && seen >= wanted) return std::min(UpperBoundOf(i), max_);
  }
  return max_;
}

}  // namespace nokv::bench
