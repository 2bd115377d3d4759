#include "pd/tso/timestamp_oracle.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace nokv::pd {
namespace {

TEST_CASE("concurrent callers get different timestamps, and a restart none of them again",
          "[pd][tso]") {
  // A counter that is read outside its lock saves an older value over a newer one.
  ManualClock clock;
  std::atomic<uint64_t> disk{0};
  const auto save = [&disk](uint64_t value) {
    disk = value;
    return absl::OkStatus();
  };
  // A window of a millisecond: saving happens all the time.
  const TimestampOptions options{.window_ms = 1, .reserve_ms = 1};
  std::vector<std::vector<uint64_t>> taken(4);
  {
    TimestampOracle oracle(options, 0, save, clock);
    std::vector<std::thread> threads;
    for (auto& mine : taken) {
      threads.emplace_back([&oracle, &mine] {
        for (int i = 0; i < 2000; ++i) {
          const TimestampRange range = *oracle.Take(1000);
          mine.push_back(range.first);
          if (oracle.TakeExtendRequest()) oracle.Extend();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  std::vector<uint64_t> all;
  for (const auto& mine : taken) {
    REQUIRE(std::is_sorted(mine.begin(), mine.end()));
    all.insert(all.end(), mine.begin(), mine.end());
  }
  std::sort(all.begin(), all.end());
  for (size_t i = 1; i < all.size(); ++i) REQUIRE(all[i] >= all[i - 1] + 1000);

  TimestampOracle restarted(options, disk, save, clock);
  REQUIRE(restarted.Take(1)->first > all.back() + 999);
}

TEST_CASE("a window that could not be saved gives no timestamps", "[pd][tso]") {
  ManualClock clock;
  bool is_broken = true;
  const auto save = [&](uint64_t) {
    return is_broken ? absl::UnavailableError("no disk") : absl::OkStatus();
  };
  TimestampOracle oracle({}, 0, save, clock);
  REQUIRE(absl::IsUnavailable(oracle.Take(1).status()));
  is_broken = false;
  REQUIRE(oracle.Take(1).ok());
}

TEST_CASE("who must not wait gets nothing when a window has to be saved", "[pd][tso]") {
  ManualClock clock;
  int saves = 0;
  const auto save = [&](uint64_t) {
    ++saves;
    return absl::OkStatus();
  };
  TimestampOracle oracle({}, 0, save, clock);
  REQUIRE_FALSE(oracle.TryTake(1)->has_value());
  REQUIRE(saves == 0);
  const uint64_t first = oracle.Take(1)->first;
  REQUIRE((*oracle.TryTake(5))->first == first + 1);
  REQUIRE(absl::IsInvalidArgument(oracle.TryTake(0).status()));
  clock.Advance(absl::Seconds(10));
  REQUIRE_FALSE(oracle.TryTake(1)->has_value());
  REQUIRE(saves == 1);
}

// A wall clock that somebody sets.
class SetClock final : public Clock {
 public:
  uint64_t WallMillis() override { return wall_ms; }

  uint64_t MonotonicNanos() override { return monotonic_ms * 1'000'000; }

  void SleepFor(absl::Duration) override {}

  uint64_t wall_ms = 1'700'000'000'000;
  uint64_t monotonic_ms = 0;
};

TEST_CASE("a clock that is a day ahead for a second stops nobody", "[pd][tso]") {
  SetClock clock;
  uint64_t saved = 0;
  const auto save = [&saved](uint64_t ceiling_ms) {
    saved = ceiling_ms;
    return absl::OkStatus();
  };
  TimestampOracle oracle({}, 0, save, clock);
  const auto pass = [&clock](uint64_t milliseconds) {
    clock.wall_ms += milliseconds;
    clock.monotonic_ms += milliseconds;
  };
  const uint64_t first = oracle.Take(1)->first;
  clock.wall_ms += 86'400'000;
  REQUIRE(oracle.HeldBackMs() == 86'400'000);
  pass(1'000);
  REQUIRE(PhysicalMs(oracle.Take(1)->first) == PhysicalMs(first) + 1'000);
  oracle.Extend();
  clock.wall_ms -= 86'400'000;
  REQUIRE(oracle.HeldBackMs() == 0);
  pass(1'000);
  REQUIRE(PhysicalMs(oracle.Take(1)->first) == PhysicalMs(first) + 2'000);
  REQUIRE(saved < clock.wall_ms + 10'000);
}

TEST_CASE("callers do not wait for the disk when windows are extended in time", "[pd][tso]") {
  ManualClock clock;
  bool is_extending = true;  // The first window is waited for.
  int waits = 0;
  const auto save = [&](uint64_t) {
    if (!is_extending) ++waits;
    return absl::OkStatus();
  };
  TimestampOracle oracle({}, 0, save, clock);
  REQUIRE(oracle.Take(1).ok());
  is_extending = false;
  for (int i = 0; i < 1000; ++i) {
    clock.Advance(absl::Milliseconds(100));
    REQUIRE(oracle.Take(1).ok());
    if (oracle.TakeExtendRequest()) {
      is_extending = true;
      oracle.Extend();
      is_extending = false;
    }
  }
  REQUIRE(waits == 0);
}

}  // namespace
}  // namespace nokv::pd
