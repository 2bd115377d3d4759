// Faults that placement drivers are known for elsewhere, and the tests that would find them here;
// docs/faults.md lists them all.
#include "pd/model/cluster.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace nokv::pd {
namespace {

Region MakeRegion(uint64_t id, uint64_t start, uint64_t end, Epoch epoch = {1, 1}) {
  return {.id = RegionId{id},
          .start_key = fmt::format("{:06}", start),
          .end_key = fmt::format("{:06}", end),
          .epoch = epoch,
          .peers = {{PeerId{id * 10 + 1}, StoreId{1}}, {PeerId{id * 10 + 2}, StoreId{2}}}};
}

RegionReport ReportOf(const Region& region) {
  return {.region = region, .leader = region.peers.front().id, .term = 5};
}

// Where each region stands in memory.
std::map<RegionId, const KnownRegion*> Places(const Cluster& cluster) {
  std::map<RegionId, const KnownRegion*> places;
  for (const KnownRegion* const known : cluster.regions().Scan("", "", 10'000)) {
    places[known->region.id] = known;
  }
  return places;
}

}  // namespace

TEST_CASE("a heartbeat touches its region, and all others stay where they are", "[pd][faults]") {
  constexpr uint64_t kRegions = 2'000;
  Cluster cluster({});
  for (uint64_t id = 1; id <= kRegions; ++id) {
    cluster.Apply(ReportOf(MakeRegion(id, 2 * id, 2 * id + 2)));
  }
  std::map<RegionId, const KnownRegion*> before = Places(cluster);
  REQUIRE(before.size() == kRegions);

  // Region 1,000 has moved a peer, and 500 was split: nobody else's place in the index is made
  // anew.
  Region moved = MakeRegion(1'000, 2'000, 2'002, {1, 2});
  moved.peers[1].store = StoreId{3};
  const RegionOutcome outcome = cluster.Apply(ReportOf(moved));
  REQUIRE(std::get<Applied>(outcome).dirty == std::vector{RegionId{1'000}});
  cluster.Apply(ReportOf(MakeRegion(5'000, 1'001, 1'002, {2, 1})));
  cluster.Apply(ReportOf(MakeRegion(500, 1'000, 1'001, {2, 1})));
  std::map<RegionId, const KnownRegion*> after = Places(cluster);
  REQUIRE(after.size() == kRegions + 1);
  REQUIRE(after.at(RegionId{1'000})->region == moved);
  for (const uint64_t changed : {500, 1'000, 5'000}) {
    before.erase(RegionId{changed});
    after.erase(RegionId{changed});
  }
  REQUIRE((after == before));
}

TEST_CASE("the halves of a split are taken in any order, and lead to the same", "[pd][faults]") {
  std::vector<Region> halves = {MakeRegion(1, 0, 10, {3, 1}), MakeRegion(2, 10, 20, {3, 1}),
                                MakeRegion(3, 20, 40, {3, 1})};
  std::vector<uint64_t> order = {0, 1, 2};
  do {
    Cluster cluster({});
    cluster.Apply(ReportOf(MakeRegion(1, 0, 40, {2, 1})));
    for (const uint64_t next : order) {
      CAPTURE(order, next);
      REQUIRE(std::holds_alternative<Applied>(cluster.Apply(ReportOf(halves[next]))));
      REQUIRE(cluster.regions().Find(halves[next].id)->region == halves[next]);
    }
    const std::vector<const KnownRegion*> all = cluster.regions().Scan("", "", 10);
    REQUIRE(all.size() == 3);
    for (size_t at = 0; at < 3; ++at) REQUIRE(all[at]->region == halves[at]);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("nobody takes keys over from a region that is as new", "[pd][faults]") {
  // A merge that only one side knows: the target is wider, and its version is not newer than that
  // of the region whose keys it has taken.
  for (const uint64_t version : {2, 3}) {
    Cluster cluster({});
    const Region target = MakeRegion(1, 0, 10, {2, 1});
    const Region source = MakeRegion(2, 10, 20, {3, 1});
    cluster.Apply(ReportOf(target));
    cluster.Apply(ReportOf(source));
    CAPTURE(version);
    REQUIRE_FALSE(std::holds_alternative<Applied>(
        cluster.Apply(ReportOf(MakeRegion(1, 0, 20, {version, 1})))));
    REQUIRE(cluster.regions().FindByKey("000015")->region == source);
    REQUIRE(cluster.regions().FindByKey("000005")->region == target);

    // Newer than both, as it is once the target has everything of the source.
    REQUIRE(std::holds_alternative<Applied>(cluster.Apply(ReportOf(MakeRegion(1, 0, 20, {4, 1})))));
    REQUIRE(cluster.regions().size() == 1);
  }
}

}  // namespace nokv::pd
