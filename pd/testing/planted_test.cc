// Proves that the crash test sees: each bug is planted in turn, and it must object.
#include "pd/planted.h"

#include "pd/testing/crash_trial.h"
#include "tests/support/child.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <string_view>
#include <vector>

namespace nokv::pd::testing {
namespace {

constexpr uint64_t kSeeds = 20;

struct Planting {
  Bug bug;
  std::string_view name;
};

const std::vector<Planting>& Plantings() {
  static const std::vector<Planting> all = {
      {Bug::kTimestampWindowNotSaved, "TimestampWindowNotSaved"},
      {Bug::kIdWindowNotSaved, "IdWindowNotSaved"},
      {Bug::kWindowSavedWithoutSync, "WindowSavedWithoutSync"},
      {Bug::kClockFollowedBackwards, "ClockFollowedBackwards"},
      {Bug::kRestartTrustsClock, "RestartTrustsClock"},
      {Bug::kSeenIdGivenAgain, "SeenIdGivenAgain"},
      {Bug::kClusterIdToldBeforeSaved, "ClusterIdToldBeforeSaved"},
  };
  return all;
}

// Explores until something is wrong.
bool Hunt(const Planting& planting) {
  planted_bug = planting.bug;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Findings findings = ExploreCrashes({.seed = seed});
    if (findings.violations.empty()) continue;
    fmt::print("{}: found by {}\n", planting.name, findings.violations.front());
    return true;
  }
  return false;
}

TEST_CASE("every planted mistake of the placement driver is found", "[pd][crash][planted]") {
  REQUIRE(Plantings().size() == static_cast<size_t>(Bug::kCount) - 1);
  for (const Planting& planting : Plantings()) {
    INFO(planting.name);
    CHECK(tests::IsFoundInChild(planting.name, [&planting] { return Hunt(planting); }));
  }
}

TEST_CASE("the same driver without a planted mistake is clean", "[pd][crash][planted]") {
  planted_bug = Bug::kNone;
  const Findings findings = ExploreCrashes({.seed = 1, .points_max = 20});
  for (const std::string& violation : findings.violations) UNSCOPED_INFO(violation);
  REQUIRE(findings.violations.empty());
}

}  // namespace
}  // namespace nokv::pd::testing
