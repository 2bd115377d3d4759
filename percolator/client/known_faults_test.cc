// Faults that clients are known for elsewhere, and the tests that would find them here;
// docs/faults.md lists them all.
#include "percolator/client/client.h"
#include "percolator/client/test_fixture.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace nokv::client {

TEST_CASE("a client begins while stores are down, and needs only those that it asks",
          "[client][faults]") {
  Fixture f({"m"});
  f.world.is_down[1] = f.world.is_down[3] = true;
  for (TestWorld::Region& region : f.world.regions) region.leader_store = 2;
  f.Put("a", "1");
  f.Put("z", "2");
  REQUIRE(f.Get("a") == "1");
  REQUIRE(f.Get("z") == "2");
}

TEST_CASE("a client begins while nothing answers at all, and works when it does",
          "[client][faults]") {
  Fixture f;
  f.world.is_pd_down = true;
  for (const uint64_t store : {1, 2, 3}) f.world.is_down[store] = true;
  f.world.time.After(absl::Seconds(1), [&] { f.world.is_pd_down = false; });
  f.world.time.After(absl::Seconds(2), [&] { f.world.is_down.clear(); });
  REQUIRE(f.Get("k", absl::Seconds(10)) == "(absent)");
  f.Put("k", "v");
  REQUIRE(f.Get("k") == "v");
}

TEST_CASE("a store that breaks off is followed by another, for reads and for writes",
          "[client][faults]") {
  Fixture f;
  f.Put("k", "before");
  for (const uint64_t dead : {1, 2}) {
    f.world.is_down[dead] = true;
    f.world.RegionOf("k").leader_store = dead + 1;
    REQUIRE(f.Get("k") == (dead == 1 ? "before" : "after 1"));
    f.Put("k", "after " + std::to_string(dead));
    REQUIRE(f.Get("k") == "after " + std::to_string(dead));
  }
}

TEST_CASE("while a region has no leader, a client asks ever more rarely", "[client][faults]") {
  Fixture f;
  f.Put("k", "v");
  f.world.RegionOf("k").leader_store = 0;
  std::vector<int> by_second(8);
  const uint64_t begin = f.world.time.MonotonicNanos();
  f.world.fate = [&](const std::string&, const kv::v1::Command&) {
    const uint64_t second = (f.world.time.MonotonicNanos() - begin) / 1'000'000'000;
    if (second < by_second.size()) ++by_second[second];
    return TestWorld::Fate::kArrives;
  };
  f.Get("k", absl::Seconds(8));
  CAPTURE(by_second);
  REQUIRE(by_second.front() > 0);
  REQUIRE(by_second.front() < 60);
  REQUIRE(by_second.back() > 0);  // It does not give up before its time.
  REQUIRE(2 * by_second.back() < by_second.front());
}

}  // namespace nokv::client
