// Whole clusters from seeds; cluster_simulation.h says what happens in one.
#include "tests/simulation/cluster/cluster_simulation.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

namespace nokv::simulation {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// NOKV_CLUSTER_SEEDS: how many; NOKV_CLUSTER_FIRST_SEED: where to begin, to repeat one that failed.
uint64_t Seeds() {
  const char* const scale = std::getenv("NOKV_TEST_SCALE");
  const bool is_long = scale != nullptr && std::string_view(scale) == "long";
  return FromEnvironment("NOKV_CLUSTER_SEEDS", is_long ? 2'000 : 200);
}

}  // namespace

TEST_CASE("a cluster that nobody harms serves everybody", "[simulation][cluster]") {
  ClusterOptions cluster = DrawCluster(1);
  cluster.stores = 3;
  cluster.regions = 1;
  cluster.store.commands_max = 1024;
  const SimulationResult result =
      Simulate({.seed = 1, .seconds = 20, .cluster = cluster, .harm = Harm{}});
  INFO(result.violation << "; " << ToString(result));
  REQUIRE(result.violation.empty());
  REQUIRE(result.operations > 100);
  REQUIRE(result.unknown == 0);
  REQUIRE(result.terms == 1);
  REQUIRE(result.replicas_compared > 0);
}

TEST_CASE("clusters stay correct under harm and recover when it ends", "[simulation][cluster]") {
  const uint64_t first = FromEnvironment("NOKV_CLUSTER_FIRST_SEED", 1);
  const uint64_t seeds = Seeds();
  SimulationResult total;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    const SimulationResult result = Simulate({.seed = seed});
    INFO("seed " << seed << ": " << result.violation << "\n"
                 << result.setting << "; " << ToString(result));
    REQUIRE(result.violation.empty());
    total.Add(result);
  }
  fmt::print("{} seeds of 60 s: {}\n", seeds, ToString(total));
  CHECK(total.operations > 100 * seeds);
  CHECK(total.terms > 2 * seeds);
  CHECK(total.replicas_compared > 10 * seeds);
}

TEST_CASE("the same seed gives the same history of a cluster", "[simulation][cluster]") {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const SimulationResult once = Simulate({.seed = seed, .seconds = 15});
    const SimulationResult again = Simulate({.seed = seed, .seconds = 15});
    INFO("seed " << seed);
    REQUIRE(once.events == again.events);
    REQUIRE(once.trace == again.trace);
    REQUIRE(once.trace != Simulate({.seed = seed + 1000, .seconds = 15}).trace);
  }
}

}  // namespace nokv::simulation
