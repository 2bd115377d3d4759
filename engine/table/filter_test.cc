#include "engine/table/filter.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

namespace nokv::table {
namespace {

uint64_t HashOf(int number) { return HashKey(fmt::format("user{:019}", number)); }

Filter FilterOf(int keys, uint32_t bits_per_key) {
  std::vector<uint64_t> hashes;
  for (int i = 0; i < keys; ++i) hashes.push_back(HashOf(i));
  const auto filter = Filter::Decode(BuildFilter(hashes, bits_per_key));
  REQUIRE(filter.has_value());
  return *filter;
}

double FalsePositives(const Filter& filter, int keys) {
  constexpr int kAsked = 200'000;
  int passed = 0;
  for (int i = keys; i < keys + kAsked; ++i) passed += filter.MayContain(HashOf(i)) ? 1 : 0;
  return static_cast<double>(passed) / kAsked;
}

}  // namespace

TEST_CASE("a filter refuses no key that it holds", "[table][filter]") {
  for (const int keys : {1, 2, 50, 51, 52, 1000, 100'000}) {
    for (const uint32_t bits : {1u, 4u, 10u, 16u, 30u}) {
      const Filter filter = FilterOf(keys, bits);
      int refused = 0;
      for (int i = 0; i < keys; ++i) refused += filter.MayContain(HashOf(i)) ? 0 : 1;
      REQUIRE(refused == 0);
    }
  }
}

TEST_CASE("at ten bits a key about one absent key in a hundred passes", "[table][filter]") {
  for (const int keys : {1000, 30'000, 300'000}) {
    const double rate = FalsePositives(FilterOf(keys, 10), keys);
    CAPTURE(keys, rate);
    REQUIRE(rate < 0.013);
    REQUIRE(rate > 0.001);  // Else the measurement is broken.
  }
}

TEST_CASE("no bits a key is no filter", "[table][filter]") {
  REQUIRE(FalsePositives(FilterOf(100, 0), 100) == 1.0);
}

TEST_CASE("the filter of no keys refuses all", "[table][filter]") {
  REQUIRE(FalsePositives(FilterOf(0, 10), 0) == 0.0);
}

TEST_CASE("the hash of a key is part of the format", "[table][filter]") {
  REQUIRE(HashKey("") == 0x2d06800538d394c2);
  REQUIRE(HashKey("user0000000000000000001") == 0x876b8348678c6c9f);
}

}  // namespace nokv::table
