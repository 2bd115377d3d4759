#include "pd/tso/clock_watch.h"

#include <catch2/catch.hpp>

namespace nokv::pd {
namespace {

TEST_CASE("a clock that goes back is noticed once, and by how much", "[pd][tso]") {
  ClockWatch watch;
  REQUIRE(watch.Observe(1'000'000, 50) == 0);
  REQUIRE(watch.Observe(1'001'000, 1050) == 0);
  REQUIRE(watch.Observe(999'000, 2050) == 3000);
  REQUIRE(watch.Observe(1'000'000, 3050) == 0);
}

TEST_CASE("a clock that goes ahead, drifts, or is set to its beginning is told apart",
          "[pd][tso]") {
  ClockWatch watch;
  REQUIRE(watch.Observe(1'000'000, 5'000) == 0);
  REQUIRE(watch.Observe(9'000'000, 6'000) == 0);
  REQUIRE(watch.Observe(9'000'900, 7'000) == 0);         // 100 ms behind.
  REQUIRE(watch.Observe(0, 8'000) == 9'000'900 + 1000);  // Behind even the other clock.
}

}  // namespace
}  // namespace nokv::pd
