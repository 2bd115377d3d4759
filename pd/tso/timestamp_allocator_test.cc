#include "pd/tso/timestamp_allocator.h"

#include "engine/base/random.h"

#include <catch2/catch.hpp>

namespace nokv::pd {
namespace {

constexpr uint64_t kNow = 1'700'000'000'000;

// Saves every ceiling that is asked for.
TimestampRange TakeOrDie(TimestampAllocator& allocator, uint64_t count, uint64_t now_ms) {
  for (;;) {
    const auto answer = allocator.Take(count, now_ms);
    REQUIRE(answer.ok());
    if (const auto* range = std::get_if<TimestampRange>(&*answer)) return *range;
    allocator.CeilingSaved(std::get<CeilingNeeded>(*answer).ceiling_ms);
  }
}

TEST_CASE("a timestamp tells the clock and counts within a millisecond", "[pd][tso]") {
  TimestampAllocator allocator({}, 0);
  const TimestampRange first = TakeOrDie(allocator, 3, kNow);
  REQUIRE(PhysicalMs(first.first) == kNow);
  REQUIRE(CounterOf(first.first) == 0);
  REQUIRE(first.last() == first.first + 2);
  REQUIRE(TakeOrDie(allocator, 1, kNow).first == first.last() + 1);
  REQUIRE(TakeOrDie(allocator, 1, kNow + 1).first == MakeTimestamp(kNow + 1, 0));
}

TEST_CASE("no timestamp is given before its window is saved", "[pd][tso]") {
  TimestampAllocator allocator({}, 0);
  const auto answer = allocator.Take(1, kNow);
  REQUIRE(std::get<CeilingNeeded>(*answer).ceiling_ms == kNow + 3000);
  REQUIRE(std::holds_alternative<CeilingNeeded>(*allocator.Take(1, kNow)));
  allocator.CeilingSaved(kNow + 3000);
  REQUIRE(std::holds_alternative<TimestampRange>(*allocator.Take(1, kNow + 2999)));
  REQUIRE(std::holds_alternative<CeilingNeeded>(*allocator.Take(1, kNow + 3000)));
}

TEST_CASE("a full counter moves the milliseconds on", "[pd][tso]") {
  TimestampAllocator allocator({}, 0);
  REQUIRE(TakeOrDie(allocator, kTimestampsPerMs, kNow).first == MakeTimestamp(kNow, 0));
  REQUIRE(TakeOrDie(allocator, 1, kNow).first == MakeTimestamp(kNow + 1, 0));
  REQUIRE(TakeOrDie(allocator, kTimestampsPerMs, kNow).first == MakeTimestamp(kNow + 2, 0));
}

TEST_CASE("timestamps go on rising while the clock goes back", "[pd][tso]") {
  TimestampAllocator allocator({}, 0);
  const TimestampRange before = TakeOrDie(allocator, 1, kNow);
  const TimestampRange after = TakeOrDie(allocator, 1, kNow - 9000);
  REQUIRE(after.first == before.first + 1);
}

TEST_CASE("a clock too far behind is refused with the numbers, and may catch up", "[pd][tso]") {
  TimestampAllocator allocator({}, 0);
  const TimestampRange before = TakeOrDie(allocator, 1, kNow);
  const auto refused = allocator.Take(1, kNow - 10'001);
  REQUIRE(absl::IsUnavailable(refused.status()));
  REQUIRE(StdView(refused.status().message()).find("10001 ms behind") != std::string_view::npos);
  REQUIRE(TakeOrDie(allocator, 1, kNow - 10'000).first > before.last());
}

TEST_CASE("large calls do not use up what small ones need", "[pd][tso]") {
  TimestampAllocator allocator({}, 0);
  int given = 0;
  for (int i = 0; i < 50'000; ++i) {
    const auto answer = allocator.Take(kTimestampsPerMs, kNow);
    if (answer.ok() && std::holds_alternative<CeilingNeeded>(*answer)) {
      allocator.CeilingSaved(std::get<CeilingNeeded>(*answer).ceiling_ms);
    } else {
      given += answer.ok() ? 1 : 0;
      REQUIRE((answer.ok() || absl::IsUnavailable(answer.status())));
    }
  }
  REQUIRE(given >= 1'000);
  REQUIRE(allocator.LeadMs(kNow) <= 1'000);
  TakeOrDie(allocator, 16'384, kNow);
  REQUIRE(absl::IsUnavailable(allocator.Take(16'385, kNow).status()));
  TakeOrDie(allocator, 16'385, kNow + 1'000);  // The clock has caught up.
}

TEST_CASE("a restart goes on above the saved window, whatever the clock says", "[pd][tso]") {
  TimestampAllocator first({}, 0);
  const TimestampRange before = TakeOrDie(first, 1000, kNow);
  for (const uint64_t now_ms : {kNow, kNow - 5000, kNow + 1, kNow + 100'000}) {
    TimestampAllocator second({}, kNow + 3000);
    REQUIRE(TakeOrDie(second, 1, now_ms).first > before.last());
  }
}

TEST_CASE("restarting again and again does not run away from the clock", "[pd][tso]") {
  uint64_t ceiling = 0;
  uint64_t newest = 0;
  for (int life = 0; life < 50; ++life) {
    TimestampAllocator allocator({}, ceiling);
    const auto answer = allocator.Take(1, kNow);
    REQUIRE(answer.ok());
    if (const auto* needed = std::get_if<CeilingNeeded>(&*answer)) ceiling = needed->ceiling_ms;
    allocator.CeilingSaved(ceiling);
    const TimestampRange range = TakeOrDie(allocator, 1, kNow);
    REQUIRE(range.first > newest);
    newest = range.first;
  }
  REQUIRE(ceiling < kNow + 8100);
}

TEST_CASE("impossible counts and clocks are refused", "[pd][tso]") {
  TimestampAllocator allocator({}, 0);
  REQUIRE(absl::IsInvalidArgument(allocator.Take(0, kNow).status()));
  REQUIRE(absl::IsInvalidArgument(allocator.Take(kTimestampsPerMs + 1, kNow).status()));
  REQUIRE(absl::IsUnavailable(allocator.Take(1, kPhysicalMsMax + 1).status()));
  REQUIRE(absl::IsUnavailable(TimestampAllocator({}, kPhysicalMsMax + 1).Take(1, kNow).status()));
}

TEST_CASE("the next window is wanted when half of this one is used", "[pd][tso]") {
  TimestampAllocator allocator({}, 0);
  TakeOrDie(allocator, 1, kNow);
  REQUIRE_FALSE(allocator.WantsCeiling(kNow + 1499));
  REQUIRE(allocator.WantsCeiling(kNow + 1500));
  allocator.CeilingSaved(allocator.NextCeiling(kNow + 1500));
  REQUIRE_FALSE(allocator.WantsCeiling(kNow + 1500));
}

TEST_CASE("timestamps rise under any clock, count and restart", "[pd][tso]") {
  const uint64_t seed = GENERATE(1, 2, 3, 4, 5, 6, 7, 8);
  CAPTURE(seed);
  Random random(seed);
  uint64_t now_ms = kNow;
  uint64_t saved = 0;
  uint64_t newest = 0;
  TimestampAllocator allocator({}, 0);
  for (int i = 0; i < 5000; ++i) {
    if (random.OneIn(200)) allocator = TimestampAllocator({}, saved);
    now_ms += random.OneIn(10) ? random.Uniform(2000) : random.Uniform(3);
    if (random.OneIn(20)) now_ms -= random.Uniform(3000);
    const uint64_t count = 1 + random.Uniform(random.OneIn(4) ? kTimestampsPerMs : 10);
    const auto answer = allocator.Take(count, now_ms);
    if (!answer.ok()) continue;
    if (const auto* needed = std::get_if<CeilingNeeded>(&*answer)) {
      REQUIRE(needed->ceiling_ms > saved);
      saved = needed->ceiling_ms;
      allocator.CeilingSaved(saved);
      continue;
    }
    const TimestampRange range = std::get<TimestampRange>(*answer);
    REQUIRE(range.first > newest);
    REQUIRE(PhysicalMs(range.first) == PhysicalMs(range.last()));
    REQUIRE(PhysicalMs(range.last()) < saved);
    newest = range.last();
  }
}

}  // namespace
}  // namespace nokv::pd
