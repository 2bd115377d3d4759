#include "cmd/serve/first_regions.h"

#include "raftstore/region/region_proto.h"

#include <catch2/catch.hpp>

namespace nokv::serve {
namespace {

using Catch::Contains;

region::RegionMeta Wanted() {
  return {.id = 3,
          .start = "k",
          .end = "p",
          .peers = {{31, 1, region::PeerRole::kVoter}, {32, 2, region::PeerRole::kVoter}}};
}

absl::Status CheckBeside(const region::RegionMeta& known) {
  pd::v1::ScanRegionsResponse neighbours;
  *neighbours.add_routes()->mutable_region() = region::ToProto(known);
  return CheckNew(Wanted(), neighbours);
}

}  // namespace

TEST_CASE("a new region is asked for by its keys", "[serve]") {
  const pd::v1::ScanRegionsRequest request = NeighboursOf(Wanted(), 7);
  REQUIRE(request.cluster_id() == 7);
  REQUIRE(request.start_key() == "k");
  REQUIRE(request.end_key() == "p");
}

TEST_CASE("a new region is made if the driver knows it, or knows nothing of its keys", "[serve]") {
  REQUIRE(CheckNew(Wanted(), {}).ok());
  REQUIRE(CheckBeside(Wanted()).ok());
}

TEST_CASE("a new region that is another one to the driver is refused with both", "[serve]") {
  region::RegionMeta known = Wanted();
  std::string words;
  SECTION("other bounds") { known.end = "q", words = "region 3 [6b, 71) epoch 1/1"; }
  SECTION("other peers") { known.peers[1].store = 4, words = "32 on store 4"; }
  SECTION("another role") {
    known.peers[1].role = region::PeerRole::kLearner, words = "learner 32 on store 2";
  }
  SECTION("another id") { known.id = 4, words = "region 4 [6b, 70)"; }
  SECTION("it has changed since") { known.epoch.version = 2, words = "epoch 2/1"; }
  const absl::Status refused = CheckBeside(known);
  REQUIRE(absl::IsFailedPrecondition(refused));
  const std::string text(StdView(refused.message()));
  REQUIRE_THAT(text, Contains("region 3 [6b, 70) epoch 1/1, peers 31 on store 1, 32 on store 2"));
  REQUIRE_THAT(text, Contains(words));
  REQUIRE_THAT(text, Contains("start the store again with the file"));
}

TEST_CASE("an answer of the driver that is no region is an error", "[serve][hostile]") {
  pd::v1::ScanRegionsResponse neighbours;
  neighbours.add_routes();
  REQUIRE(absl::IsInvalidArgument(CheckNew(Wanted(), neighbours)));
}

}  // namespace nokv::serve
