#include "engine/db/throttle.h"

#include <catch2/catch.hpp>

namespace nokv {
namespace {

constexpr Debts kNoDebts{.immutable_memtables = 0,
                         .immutable_memtables_max = 4,
                         .level0_tables = 0,
                         .level0_tables_slow = 8,
                         .disk_bytes = 0,
                         .disk_bytes_target = 1000};

}  // namespace

TEST_CASE("without debts nobody waits", "[throttle]") {
  REQUIRE(ThrottleDelay({}, 1 << 20) == absl::ZeroDuration());
  REQUIRE(ThrottleDelay(kNoDebts, 1 << 20) == absl::ZeroDuration());
}

TEST_CASE("each debt alone makes writers wait, from its bound on and never less for more",
          "[throttle]") {
  const auto rises = [](auto set, uint64_t free_up_to, uint64_t full) {
    absl::Duration before = absl::ZeroDuration();
    for (uint64_t debt = 0; debt <= full; ++debt) {
      Debts debts = kNoDebts;
      set(debts, debt);
      const absl::Duration delay = ThrottleDelay(debts, 1024);
      INFO("debt " << debt << ": " << absl::FormatDuration(delay));
      REQUIRE((delay > absl::ZeroDuration()) == (debt > free_up_to));
      REQUIRE(delay >= before);
      before = delay;
    }
    Debts debts = kNoDebts;
    set(debts, 100 * full);
    REQUIRE(ThrottleDelay(debts, 1024) == before);  // There is a longest wait.
  };
  rises([](Debts& debts, uint64_t debt) { debts.immutable_memtables = debt; }, 2, 4);
  rises([](Debts& debts, uint64_t debt) { debts.level0_tables = debt; }, 8, 24);
  rises([](Debts& debts, uint64_t debt) { debts.disk_bytes = debt; }, 1000, 1100);
}

TEST_CASE("the first waits are much shorter than the last", "[throttle]") {
  Debts first = kNoDebts;
  first.disk_bytes = 1010;
  Debts last = kNoDebts;
  last.disk_bytes = 1100;
  REQUIRE(ThrottleDelay(first, 1024) * 50 < ThrottleDelay(last, 1024));
}

TEST_CASE("the worst debt decides, and larger writes wait longer", "[throttle]") {
  Debts disk = kNoDebts;
  disk.disk_bytes = 1080;
  Debts both = disk;
  both.level0_tables = 9;
  REQUIRE(ThrottleDelay(both, 1024) == ThrottleDelay(disk, 1024));
  REQUIRE(ThrottleDelay(disk, 4096) > ThrottleDelay(disk, 1024));
  REQUIRE(ThrottleDelay(disk, 0) > absl::ZeroDuration());
}

TEST_CASE("writers wait before the space target is reached, and small databases later",
          "[throttle]") {
  REQUIRE(DiskTarget(1.6, 1'000'000, 1000) < 1'600'000);
  REQUIRE(DiskTarget(1.6, 1'000'000, 1000) > 1'300'000);
  REQUIRE(DiskTarget(1.6, 1000, 50'000) == 51'000);
}

TEST_CASE("bytes that newer ones replace are not taken for live", "[throttle]") {
  const ValueSpace space{.live_bytes = 1000, .replaced_bytes = 300, .unflushed_bytes = 200};
  REQUIRE(LikelyLiveBytes(space) == 900);
  ValueSpace overwriting = space;
  overwriting.unflushed_share = 1;
  REQUIRE(LikelyLiveBytes(overwriting) == 700);
  overwriting.replaced_bytes = 2000;  // Estimates may contradict each other.
  REQUIRE(LikelyLiveBytes(overwriting) == 0);
}

TEST_CASE("what a space target allows is divided and never spent twice", "[throttle]") {
  for (const double target : {1.3, 1.5, 2.0, 4.0}) {
    const SpaceBudget budget = DivideSpace(target);
    REQUIRE(budget.dead_share_known > 0);
    REQUIRE(budget.upper_share_max > 0);
    REQUIRE(budget.log_share > 0);
    REQUIRE(budget.dead_share_known + budget.upper_share_max + budget.log_share < target - 1.0);
  }
}

}  // namespace nokv
