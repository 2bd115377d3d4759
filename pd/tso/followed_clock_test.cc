#include "pd/tso/followed_clock.h"

#include <catch2/catch.hpp>

namespace nokv::pd {
namespace {

constexpr uint64_t kNow = 1'700'000'000'000;
constexpr uint64_t kDayMs = 86'400'000;

TEST_CASE("a clock that goes on, drifts or goes back is followed", "[pd][tso]") {
  FollowedClock clock;
  REQUIRE(clock.Read(kNow, 50) == kNow);
  REQUIRE(clock.Read(kNow + 1'000, 1'050) == kNow + 1'000);
  REQUIRE(clock.Read(kNow + 12'000, 2'050) == kNow + 12'000);  // 10 s ahead.
  REQUIRE(clock.Read(kNow - kDayMs, 3'050) == kNow - kDayMs);
  REQUIRE(clock.held_back_ms() == 0);
}

TEST_CASE("a jump ahead that is taken back is never followed", "[pd][tso]") {
  FollowedClock clock;
  clock.Read(kNow, 50);
  REQUIRE(clock.Read(kNow + kDayMs, 50) == kNow);
  REQUIRE(clock.held_back_ms() == kDayMs);
  REQUIRE(clock.Read(kNow + kDayMs + 59'000, 59'050) == kNow + 59'000);
  REQUIRE(clock.Read(kNow + 59'900, 59'950) == kNow + 59'900);
  REQUIRE(clock.held_back_ms() == 0);
  // The next one is a jump of its own.
  REQUIRE(clock.Read(kNow + kDayMs, 61'000) == kNow + 60'950);
}

TEST_CASE("a jump ahead that lasts is followed after a minute", "[pd][tso]") {
  FollowedClock clock;
  clock.Read(kNow, 0);
  REQUIRE(clock.Read(kNow + kDayMs, 0) == kNow);
  REQUIRE(clock.Read(kNow + kDayMs + 60'000, 60'000) == kNow + kDayMs + 60'000);
  REQUIRE(clock.held_back_ms() == 0);
  REQUIRE(clock.Read(kNow + kDayMs + 61'000, 61'000) == kNow + kDayMs + 61'000);
}

}  // namespace
}  // namespace nokv::pd
