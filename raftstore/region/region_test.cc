#include "engine/base/random.h"
#include "raftstore/region/region_meta.h"
#include "raftstore/region/region_proto.h"

#include <catch2/catch.hpp>

#include <set>
#include <utility>

namespace nokv::region {
namespace {

RegionMeta ThreePeers() {
  return {
      .id = 7,
      .start = "k1",
      .end = std::string("k9\0", 3),
      .epoch = {.conf_version = 3, .version = 2},
      .peers = {{11, 1, PeerRole::kVoter}, {12, 2, PeerRole::kVoter}, {13, 3, PeerRole::kLearner}}};
}

std::string Message(const absl::Status& status) { return std::string(status.message()); }

}  // namespace

TEST_CASE("a region comes back from its bytes and from its message", "[region]") {
  for (RegionMeta region :
       {ThreePeers(), RegionMeta{.id = 1, .peers = {{1, 1, PeerRole::kVoter}}}}) {
    REQUIRE(DecodeRegionMeta(Encode(region)).value() == region);
    REQUIRE(FromProto(ToProto(region)).value() == region);
  }
}

TEST_CASE("a region's bytes are these", "[region][format]") {
  const std::string expected(
      "\x01\x07\x02\x03\x02k1\x03k9\x00\x03\x0b\x01\x01\x0c\x02\x01\x0d\x03\x02", 21);
  REQUIRE(Encode(ThreePeers()) == expected);
}

TEST_CASE("a region's hash is this one, and another for each thing that is changed",
          "[region][format]") {
  REQUIRE(HashOf(ThreePeers()) == 0xe899158e562491ed);
  std::set<uint64_t> hashes = {HashOf(ThreePeers())};
  const auto add = [&hashes](auto&& change) {
    RegionMeta region = ThreePeers();
    change(region);
    REQUIRE(hashes.insert(HashOf(region)).second);
  };
  add([](RegionMeta& r) { r.id = 8; });
  add([](RegionMeta& r) { r.start = "k2"; });
  add([](RegionMeta& r) { r.start = "k1k", r.end = std::string("9\0", 2); });  // The same bytes.
  add([](RegionMeta& r) { r.end.clear(); });
  add([](RegionMeta& r) { std::swap(r.epoch.version, r.epoch.conf_version); });
  add([](RegionMeta& r) { r.peers[0].id = 10; });
  add([](RegionMeta& r) { r.peers[0].store = 4; });
  add([](RegionMeta& r) { r.peers[2].role = PeerRole::kVoter; });
  add([](RegionMeta& r) { r.peers.pop_back(); });
}

TEST_CASE("a region is described with its peers", "[region]") {
  REQUIRE(Describe(ThreePeers()) ==
          "region 7 [6b31, 6b3900) epoch 2/3, peers 11 on store 1, 12 on store 2, learner 13 on "
          "store 3");
}

TEST_CASE("a region that cannot be is refused with what is wrong", "[region]") {
  const auto refused = [](auto&& change) {
    RegionMeta region = ThreePeers();
    change(region);
    const absl::Status status = Validate(region);
    REQUIRE(absl::IsInvalidArgument(status));
    REQUIRE(absl::IsDataLoss(DecodeRegionMeta(Encode(region)).status()));
    return Message(status);
  };
  using Catch::Contains;
  REQUIRE_THAT(refused([](RegionMeta& r) { r.id = 0; }), Contains("id 0"));
  REQUIRE_THAT(refused([](RegionMeta& r) { r.end = "k1"; }), Contains("not behind its start"));
  REQUIRE_THAT(refused([](RegionMeta& r) { r.end = std::string(kBoundBytesMax + 1, 'x'); }),
               Contains("65537 bytes"));
  REQUIRE_THAT(refused([](RegionMeta& r) { r.epoch.version = 0; }), Contains("epoch 0/3"));
  REQUIRE_THAT(refused([](RegionMeta& r) { r.peers.clear(); }), Contains("0 peers"));
  REQUIRE_THAT(refused([](RegionMeta& r) { r.peers[1].id = 0; }), Contains("ids begin at 1"));
  REQUIRE_THAT(refused([](RegionMeta& r) { r.peers[1].id = 11; }), Contains("comes after"));
  REQUIRE_THAT(refused([](RegionMeta& r) { r.peers[1].store = 3; }), Contains("two peers"));
  REQUIRE_THAT(refused([](RegionMeta& r) { r.peers = {r.peers[2]}; }), Contains("no peer has"));
}

TEST_CASE("damaged bytes of a region are refused and never crash", "[region][hostile]") {
  const std::string good = Encode(ThreePeers());
  for (size_t size = 0; size < good.size(); ++size) {
    REQUIRE(absl::IsDataLoss(DecodeRegionMeta(good.substr(0, size)).status()));
  }
  REQUIRE(absl::IsDataLoss(DecodeRegionMeta(good + "x").status()));
  std::string newer = good;
  newer[0] = 2;
  REQUIRE(absl::IsUnimplemented(DecodeRegionMeta(newer).status()));
  Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = good;
    bytes[random.Uniform(bytes.size())] = static_cast<char>(random.Next());
    const auto decoded = DecodeRegionMeta(bytes);
    if (decoded.ok()) REQUIRE(Validate(*decoded).ok());
  }
}

TEST_CASE("ranges meet only where they share a key", "[region]") {
  const auto range = [](std::string start, std::string end) {
    return RegionMeta{.id = 1, .start = std::move(start), .end = std::move(end)};
  };
  REQUIRE(Overlap(range("", ""), range("b", "c")));
  REQUIRE(Overlap(range("a", "c"), range("b", "")));
  REQUIRE_FALSE(Overlap(range("a", "b"), range("b", "")));
  REQUIRE_FALSE(Overlap(range("b", "c"), range("", "b")));
  REQUIRE(range("b", "").Contains("b"));
  REQUIRE_FALSE(range("a", "b").Contains("b"));
}

TEST_CASE("peers of a joint configuration are no region of ours", "[region]") {
  meta::v1::Region proto = ToProto(ThreePeers());
  proto.mutable_peers(0)->set_role(meta::v1::PEER_ROLE_INCOMING_VOTER);
  REQUIRE(absl::IsInvalidArgument(FromProto(proto).status()));
}

}  // namespace nokv::region
