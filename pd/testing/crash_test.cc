#include "pd/testing/crash_trial.h"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <string_view>

namespace nokv::pd::testing {
namespace {

uint64_t Seeds() {
  const char* const scale = std::getenv("NOKV_TEST_SCALE");
  return scale != nullptr && std::string_view(scale) == "long" ? 100 : 4;
}

TEST_CASE("no timestamp and no id is ever given twice, wherever the driver dies", "[pd][crash]") {
  for (uint64_t seed = 1; seed <= Seeds(); ++seed) {
    const Findings findings = ExploreCrashes({.seed = seed});
    for (const std::string& violation : findings.violations) UNSCOPED_INFO(violation);
    REQUIRE(findings.violations.empty());
    REQUIRE(findings.changes > 20);
    REQUIRE(findings.timestamps > findings.lives);
  }
}

}  // namespace
}  // namespace nokv::pd::testing
