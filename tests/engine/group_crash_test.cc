#include "tests/engine/group_explorer.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <cstdlib>

namespace nokv::tests {

TEST_CASE("a crash at any change of the disk leaves every group whole", "[groups][crash]") {
  const char* const only = std::getenv("NOKV_TEST_SEED");
  Findings all;
  for (uint64_t seed = 1; seed <= 6 * Scale(); ++seed) {
    if (only != nullptr && std::strtoull(only, nullptr, 10) != seed) continue;
    const Findings findings = ExploreGroups({.seed = seed});
    all.Add(findings);
    for (const std::string& violation : findings.violations) {
      UNSCOPED_INFO(violation);
      CHECK(violation.empty());
    }
  }
  fmt::print("{} crash points, {} recoveries\n", all.crash_points, all.recoveries);
  REQUIRE((only != nullptr || all.recoveries > 500));
}

}  // namespace nokv::tests
