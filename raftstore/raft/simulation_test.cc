// Seeded simulation of whole groups; testing/simulation.h says what happens in one.
#include "raftstore/raft/testing/simulation.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <string_view>

namespace nokv::raft::testing {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// NOKV_RAFT_SEEDS: how many; NOKV_RAFT_FIRST_SEED: where to begin, to repeat one that failed.
uint64_t Seeds() {
  const char* const scale = std::getenv("NOKV_TEST_SCALE");
  const bool is_long = scale != nullptr && std::string_view(scale) == "long";
#ifdef __SANITIZE_ADDRESS__
  return FromEnvironment("NOKV_RAFT_SEEDS", is_long ? 1'000 : 60);
#else
  return FromEnvironment("NOKV_RAFT_SEEDS", is_long ? 20'000 : 1'500);
#endif
}

TEST_CASE("groups stay correct under faults and recover when faults stop", "[raft][simulation]") {
  const uint64_t first = FromEnvironment("NOKV_RAFT_FIRST_SEED", 1);
  const uint64_t seeds = Seeds();
  SimulationResult total;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    const SimulationResult result = Simulate({.seed = seed});
    INFO("seed " << seed << ": " << result.violation << "; " << ToString(result));
    REQUIRE(result.violation.empty());
    total.Add(result);
  }
  fmt::print("{} seeds of 300 s: {}\n", seeds, ToString(total));
  CHECK(total.elections > seeds);
  CHECK(total.writes > 100 * seeds);
  CHECK(total.reads > 100 * seeds);
}

TEST_CASE("the same seed gives the same trace", "[raft][simulation]") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const SimulationResult once = Simulate({.seed = seed, .seconds = 60});
    const SimulationResult again = Simulate({.seed = seed, .seconds = 60});
    INFO("seed " << seed);
    REQUIRE(once.events == again.events);
    REQUIRE(once.trace == again.trace);
    REQUIRE(once.trace != Simulate({.seed = seed + 1000, .seconds = 60}).trace);
  }
}

}  // namespace
}  // namespace nokv::raft::testing
