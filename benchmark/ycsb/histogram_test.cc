#include "benchmark/ycsb/histogram.h"

#include "engine/base/random.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <vector>

namespace nokv::bench {
namespace {

TEST_CASE("small values are counted exactly", "[bench]") {
  Histogram histogram;
  for (uint64_t value = 0; value < 64; ++value) histogram.Add(value);
  CHECK(histogram.Percentile(0.5) == 31);
  CHECK(histogram.Percentile(1.0) == 63);
  CHECK(histogram.max() == 63);
  CHECK(histogram.count() == 64);
}

TEST_CASE("an empty histogram answers zero", "[bench]") {
  CHECK(Histogram().Percentile(0.99) == 0);
}

TEST_CASE("a percentile is never below the truth and at most 1.6 % above it", "[bench]") {
  constexpr uint64_t kSeed = 7;
  INFO("seed " << kSeed);
  Random random(kSeed);
  std::vector<uint64_t> values;
  Histogram first;
  Histogram second;
  for (int i = 0; i < 20'000; ++i) {
    const uint64_t value = random.Next() >> random.Uniform(60);
    values.push_back(value);
    (i % 2 == 0 ? first : second).Add(value);
  }
  first.Merge(second);
  std::sort(values.begin(), values.end());
  for (const double fraction : {0.01, 0.5, 0.95, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<size_t>(fraction * static_cast<double>(values.size())) - 1;
    const uint64_t truth = values[rank];
    const uint64_t answer = first.Percentile(fraction);
    CHECK(answer >= truth);
    CHECK(answer - truth <= truth / 60);
  }
  CHECK(first.max() == values.back());
}

}  // namespace
}  // namespace nokv::bench
