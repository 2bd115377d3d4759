// Refusals that mislead, and writes that share what is theirs alone.
#include "percolator/client/test_fixture.h"
#include "percolator/client/used_starts.h"

#include <catch2/catch.hpp>

namespace nokv::client {
namespace {

using errors::v1::RegionError;

TEST_CASE("a store that is busy for ever hides no new leader", "[client]") {
  Fixture f;
  f.Put("k", "v");
  f.world.RegionOf("k").leader_store = 3;
  f.world.refuse = [](uint64_t store, const kv::v1::Command&) -> std::optional<RegionError> {
    if (store != 1) return std::nullopt;
    RegionError error;
    error.mutable_server_is_busy()->set_wait_ms(20);
    return error;
  };
  const uint64_t before = f.world.time.MonotonicNanos();
  REQUIRE(f.Get("k") == "v");
  REQUIRE(f.world.time.MonotonicNanos() - before < 500'000'000);
}

TEST_CASE("a snapshot that was used for one write is refused for another", "[client]") {
  Fixture f;
  const mvcc::Timestamp snapshot = f.Now();
  const auto write = [&](const std::string& key, const std::string& value) {
    return f.blocking.Write({.key = key, .value = value, .snapshot = snapshot}).status();
  };
  REQUIRE(write("k", "v").ok());
  REQUIRE(absl::IsInvalidArgument(write("k", "w")));
  REQUIRE(absl::IsInvalidArgument(write("l", "v")));
  REQUIRE(f.Get("k") == "v");
  REQUIRE(write("k", "v").ok());  // The same: it is done.
  REQUIRE(f.world.data.versions["k"].size() == 1);
}

TEST_CASE("starts are remembered up to a number", "[client]") {
  UsedStarts starts;
  for (uint64_t i = 1; i <= UsedStarts::kStartsMax + 1; ++i) {
    REQUIRE(starts.Take(mvcc::Timestamp(i), 1));
  }
  REQUIRE_FALSE(starts.Take(mvcc::Timestamp(2), 2));
  REQUIRE(starts.Take(mvcc::Timestamp(1), 2));
}

}  // namespace
}  // namespace nokv::client
