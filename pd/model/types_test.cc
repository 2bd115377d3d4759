#include "pd/model/types.h"

#include <catch2/catch.hpp>

namespace nokv::pd {
namespace {

Region Good() {
  return {.id = RegionId{1},
          .start_key = "a",
          .end_key = "m",
          .epoch = {1, 1},
          .peers = {{PeerId{11}, StoreId{1}}, {PeerId{12}, StoreId{2}}}};
}

TEST_CASE("a region holds the keys from its start to before its end", "[pd][model]") {
  Region region = Good();
  REQUIRE(Contains(region, "a"));
  REQUIRE(Contains(region, "lzzz"));
  REQUIRE_FALSE(Contains(region, "m"));
  REQUIRE_FALSE(Contains(region, ""));
  region.end_key.clear();
  REQUIRE(Contains(region, "\xff\xff"));
}

TEST_CASE("an epoch is older if either of its numbers is", "[pd][model]") {
  REQUIRE(IsOlder({1, 5}, {2, 5}));
  REQUIRE(IsOlder({2, 4}, {2, 5}));
  REQUIRE(IsOlder({3, 4}, {2, 5}));
  REQUIRE_FALSE(IsOlder({2, 5}, {2, 5}));
  REQUIRE_FALSE(IsOlder({3, 5}, {2, 5}));
}

TEST_CASE("what no region can be is refused", "[pd][model]") {
  REQUIRE(CheckRegion(Good()).ok());
  const auto is_refused = [](const auto& spoil) {
    Region region = Good();
    spoil(region);
    return absl::IsInvalidArgument(CheckRegion(region));
  };
  REQUIRE(is_refused([](Region& r) { r.id = RegionId{0}; }));
  REQUIRE(is_refused([](Region& r) { r.id = RegionId{kIdMax + 1}; }));
  REQUIRE(is_refused([](Region& r) { r.end_key = "a"; }));
  REQUIRE(is_refused([](Region& r) { r.end_key = "A"; }));
  REQUIRE(is_refused([](Region& r) { r.start_key = std::string(kRegionKeyBytesMax + 1, 'a'); }));
  REQUIRE(is_refused([](Region& r) { r.epoch.version = 0; }));
  REQUIRE(is_refused([](Region& r) { r.epoch.conf_version = 0; }));
  REQUIRE(is_refused([](Region& r) { r.peers.clear(); }));
  REQUIRE(is_refused([](Region& r) { r.peers[0].id = kNoPeer; }));
  REQUIRE(is_refused([](Region& r) { r.peers[1].store = StoreId{1}; }));
  REQUIRE(is_refused([](Region& r) { r.peers[1].id = PeerId{11}; }));
  REQUIRE(is_refused([](Region& r) { r.peers[1].role = static_cast<PeerRole>(9); }));
  REQUIRE(is_refused([](Region& r) {
    for (uint64_t i = 0; i < kPeersMax; ++i) r.peers.push_back({PeerId{100 + i}, StoreId{100 + i}});
  }));
}

}  // namespace
}  // namespace nokv::pd
