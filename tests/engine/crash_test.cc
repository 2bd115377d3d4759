#include "tests/engine/crash_explorer.h"

#include <catch2/catch.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace nokv::tests {
namespace {

TEST_CASE("a crash at any change of the disk loses nothing that was promised", "[engine][crash]") {
  Findings all;
  const char* const only = std::getenv("NOKV_TEST_SCENARIO");
  for (const Scenario& scenario : Scenarios()) {
    if (only != nullptr && scenario.name != only) continue;
    for (uint64_t seed = 1; seed <= Scale(); ++seed) {
      const Findings findings = Explore(scenario, {.seed = seed, .points_max = 40 * Scale()});
      fmt::print("{:38} seed {:2}: {:5} changes, {:6} crash points, {:6} recoveries\n",
                 scenario.name, seed, findings.changes, findings.crash_points, findings.recoveries);
      std::fflush(stdout);
      all.Add(findings);
      for (const std::string& violation : findings.violations) {
        UNSCOPED_INFO(violation);
        CHECK(violation.empty());
      }
    }
  }
  fmt::print("{} crash points, {} recoveries\n", all.crash_points, all.recoveries);
  REQUIRE(all.crash_points > 100);
}

}  // namespace
}  // namespace nokv::tests
