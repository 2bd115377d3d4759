#include "percolator/client/backoff.h"

#include <catch2/catch.hpp>

namespace nokv::client {
namespace {

TEST_CASE("waits grow from a base to a cap, at least half of it", "[client]") {
  Random random(1);
  Backoff backoff;
  absl::Duration full = absl::Milliseconds(2);
  for (int i = 0; i < 100; ++i) {
    const absl::Duration wait = backoff.Next(Wait::kMoved, random);
    REQUIRE(wait >= full / 2);
    REQUIRE(wait <= full);
    full = std::min(full * 2, absl::Milliseconds(200));
  }
}

TEST_CASE("the first hint is followed at once, the next ones are not", "[client]") {
  Random random(1);
  Backoff backoff;
  REQUIRE(backoff.Next(Wait::kHint, random) == absl::ZeroDuration());
  REQUIRE(backoff.Next(Wait::kHint, random) > absl::ZeroDuration());
}

TEST_CASE("each cause of waiting grows by itself, and begins anew after a reset", "[client]") {
  Random random(1);
  Backoff backoff;
  for (int i = 0; i < 30; ++i) backoff.Next(Wait::kMoved, random);
  REQUIRE(backoff.Next(Wait::kStale, random) <= absl::Milliseconds(2));
  REQUIRE(backoff.Next(Wait::kMoved, random) >= absl::Milliseconds(100));
  backoff.Reset();
  REQUIRE(backoff.Next(Wait::kMoved, random) <= absl::Milliseconds(2));
}

}  // namespace
}  // namespace nokv::client
