#include "pd/client/driver_clock.h"

#include <catch2/catch.hpp>

namespace nokv::pd {
namespace {

constexpr uint64_t kStartMs = 1'700'000'000'000;
constexpr uint64_t kSecondNanos = 1'000'000'000;

uint64_t At(uint64_t millis, uint64_t counter = 1) { return (millis << 18) + counter; }

}  // namespace

TEST_CASE("the driver's time is unknown before the first timestamp", "[pd][clock]") {
  DriverClock clock;
  REQUIRE_FALSE(clock.Millis(5).has_value());
  REQUIRE_FALSE(clock.IsFresh(absl::InfiniteDuration(), 5));
  clock.Follow(At(kStartMs), 5);
  REQUIRE_FALSE(clock.Millis(5).has_value());
}

TEST_CASE("the driver's time goes on between timestamps", "[pd][clock]") {
  DriverClock clock;
  clock.Learn(At(kStartMs), 7 * kSecondNanos, 7 * kSecondNanos);
  REQUIRE(clock.Millis(7 * kSecondNanos) == kStartMs);
  REQUIRE(clock.Millis(9 * kSecondNanos) == kStartMs + 2'000);
  REQUIRE(clock.IsFresh(absl::Seconds(2), 9 * kSecondNanos));
  REQUIRE_FALSE(clock.IsFresh(absl::Seconds(1), 9 * kSecondNanos));
  clock.Learn(At(kStartMs + 5'000), 10 * kSecondNanos, 10 * kSecondNanos);
  REQUIRE(clock.Millis(10 * kSecondNanos) == kStartMs + 5'000);
}

TEST_CASE("the driver's time never goes back, and follows a driver that is slower", "[pd][clock]") {
  DriverClock clock;
  clock.Learn(At(kStartMs), 0, 0);
  REQUIRE(clock.Millis(10 * kSecondNanos) == kStartMs + 10'000);
  // By the driver only 9 s have passed: the time stands until it is overtaken.
  clock.Learn(At(kStartMs + 9'000), 10 * kSecondNanos, 10 * kSecondNanos);
  REQUIRE(clock.Millis(10 * kSecondNanos) == kStartMs + 10'000);
  REQUIRE(clock.Millis(11 * kSecondNanos) == kStartMs + 10'000);
  REQUIRE(clock.Millis(12 * kSecondNanos) == kStartMs + 11'000);
  // An answer that was long on its way tells nothing.
  clock.Learn(At(kStartMs + 8'000), 12 * kSecondNanos, 12 * kSecondNanos);
  REQUIRE(clock.Millis(13 * kSecondNanos) == kStartMs + 12'000);
}

TEST_CASE("a late answer does not hold the time back, unless nothing better has come for long",
          "[pd][clock]") {
  constexpr uint64_t kLateNanos = kSecondNanos / 2;
  DriverClock clock;
  const auto learn_late = [&](uint64_t millis, uint64_t now_nanos) {
    clock.Learn(At(millis), now_nanos - kLateNanos, now_nanos);
  };
  // Whatever comes first is better than nothing.
  learn_late(kStartMs, kSecondNanos);
  REQUIRE(clock.Millis(kSecondNanos) == kStartMs);
  // Drawn at once, and read half a second later.
  clock.Learn(At(kStartMs + 1'500), 2 * kSecondNanos, 2 * kSecondNanos);
  learn_late(kStartMs + 2'500, 3 * kSecondNanos + kLateNanos);
  REQUIRE(clock.Millis(4 * kSecondNanos) == kStartMs + 3'500);
  REQUIRE_FALSE(clock.IsFresh(absl::Seconds(1), 4 * kSecondNanos));
  // Late, and still ahead of what was carried on: the driver's clock is faster.
  learn_late(kStartMs + 6'000, 5 * kSecondNanos);
  REQUIRE(clock.Millis(5 * kSecondNanos) == kStartMs + 6'000);
  // All are late: then the time is, too.
  learn_late(kStartMs + 16'000, 16 * kSecondNanos);
  REQUIRE(clock.Millis(17 * kSecondNanos) == kStartMs + 17'000);
}

TEST_CASE("what a reader was told at is not undone, and a reader from the future moves little",
          "[pd][clock]") {
  DriverClock clock;
  clock.Learn(At(kStartMs), 0, 0);
  clock.Follow(At(kStartMs + 3), 0);
  REQUIRE(clock.Millis(0) == kStartMs + 3);
  for (int i = 0; i < 10; ++i) clock.Follow(UINT64_MAX - 1, 0);
  REQUIRE(clock.Millis(0) == kStartMs + 100);
  REQUIRE(clock.Millis(kSecondNanos) == kStartMs + 1'000);
}

}  // namespace nokv::pd
