#include "pd/service/translate.h"

#include <catch2/catch.hpp>

namespace nokv::pd {
namespace {

Region MakeRegion() {
  return {.id = RegionId{7},
          .start_key = std::string("a\0b", 3),
          .end_key = "\xff\xfe",
          .epoch = {3, 9},
          .peers = {{PeerId{1}, StoreId{11}, PeerRole::kVoter},
                    {PeerId{2}, StoreId{12}, PeerRole::kLearner},
                    {PeerId{3}, StoreId{13}, PeerRole::kIncomingVoter},
                    {PeerId{4}, StoreId{14}, PeerRole::kDemotingVoter}}};
}

TEST_CASE("a region is the same after a journey through a message", "[pd][service]") {
  meta::v1::Region proto;
  Fill(MakeRegion(), &proto);
  REQUIRE(RegionFrom(proto) == MakeRegion());
}

TEST_CASE("a role that nobody knows is refused, whatever its low bits say", "[pd][service]") {
  for (const int role : {0, 5, 256 + 1, -255, 1 << 30}) {
    meta::v1::Region proto;
    Fill(MakeRegion(), &proto);
    proto.mutable_peers(0)->set_role(static_cast<meta::v1::PeerRole>(role));
    REQUIRE(absl::IsInvalidArgument(CheckRegion(RegionFrom(proto))));
  }
}

TEST_CASE("an empty message is no region, no store and no intent", "[pd][service]") {
  REQUIRE(absl::IsInvalidArgument(CheckRegion(RegionFrom({}))));
  REQUIRE(absl::IsInvalidArgument(Cluster({}).Apply(StoreReportFrom({}), 0).status()));
  REQUIRE(absl::IsInvalidArgument(IntentFrom(v1::STORE_INTENT_UNSPECIFIED).status()));
  REQUIRE(absl::IsInvalidArgument(IntentFrom(static_cast<v1::StoreIntent>(257)).status()));
  REQUIRE(*IntentFrom(v1::STORE_INTENT_TOMBSTONE) == StoreIntent::kTombstone);
}

TEST_CASE("a store that has not reported yet has no address and no state in a route",
          "[pd][service]") {
  const Route route{.region = MakeRegion(),
                    .leader = PeerId{1},
                    .peers = {{.peer = MakeRegion().peers[0], .address = "s:1"},
                              {.peer = MakeRegion().peers[1], .address = ""}}};
  v1::Route proto;
  Fill(route, &proto);
  REQUIRE(proto.leader_peer_id() == 1);
  REQUIRE(proto.stores_size() == 2);
  REQUIRE(proto.stores(0).id() == 11);
  REQUIRE(proto.stores(0).state() == meta::v1::STORE_STATE_UP);
  REQUIRE(proto.stores(1).state() == meta::v1::STORE_STATE_UNSPECIFIED);
  REQUIRE(SizeOf(route) >= proto.ByteSizeLong());
}

TEST_CASE("each way to be refused has its own reason", "[pd][service]") {
  v1::StoreHeartbeatResponse proto;
  Fill(StoreHeartbeatReply{.refusal = StoreRefused{StoreRefused::OtherIdentity{5}, "why"}}, &proto);
  REQUIRE(proto.refusal().message() == "why");
  REQUIRE(proto.refusal().other_identity().known_identity() == 5);
  Fill(StoreHeartbeatReply{.refusal = StoreRefused{StoreRefused::AddressTaken{StoreId{6}}, "w"}},
       &proto);
  REQUIRE(proto.refusal().address_taken().store_id() == 6);
  Fill(StoreHeartbeatReply{.refusal = StoreRefused{StoreRefused::Tombstone{}, "w"}}, &proto);
  REQUIRE(proto.refusal().has_tombstone());
}

}  // namespace
}  // namespace nokv::pd
