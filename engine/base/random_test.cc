#include "engine/base/random.h"

#include <catch2/catch.hpp>

#include <array>
#include <set>

namespace nokv {
namespace {

TEST_CASE("a seed gives the same numbers for ever", "[base][random]") {
  // Seeds are printed by failed runs and must mean the same tomorrow. The values follow from the
  // published definitions of splitmix64 and xoshiro256**.
  Random random(0);
  const std::array<uint64_t, 3> expected = {0x99ec5f36cb75f2b4, 0xbf6e1f784956452a,
                                            0x1a5f849d4933e6e0};
  for (const uint64_t number : expected) REQUIRE(random.Next() == number);
  REQUIRE(Random(1).Next() != Random(2).Next());
}

TEST_CASE("uniform numbers stay below their bound and reach all of it", "[base][random]") {
  Random random(7);
  for (const uint64_t bound : {uint64_t{1}, uint64_t{2}, uint64_t{10}}) {
    std::set<uint64_t> seen;
    for (int i = 0; i < 500; ++i) seen.insert(random.Uniform(bound));
    REQUIRE(seen.size() == bound);
    REQUIRE(*seen.rbegin() == bound - 1);
  }
  bool high = false;
  for (int i = 0; i < 100; ++i) high |= random.Uniform(UINT64_MAX) > UINT64_MAX / 2;
  REQUIRE(high);
}

TEST_CASE("draws are as likely as they say", "[base][random]") {
  Random random(11);
  int hits = 0;
  double sum = 0;
  for (int i = 0; i < 100'000; ++i) {
    hits += random.OneIn(10) ? 1 : 0;
    const double draw = random.NextDouble();
    REQUIRE((draw >= 0 && draw < 1));
    sum += draw;
  }
  REQUIRE((hits > 9'000 && hits < 11'000));
  REQUIRE((sum > 49'000 && sum < 51'000));
}

TEST_CASE("entropy differs from call to call", "[base][random]") {
  REQUIRE(EntropySeed() != EntropySeed());
}

}  // namespace
}  // namespace nokv
