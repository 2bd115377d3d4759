#include "pd/storage/records.h"

#include <catch2/catch.hpp>

namespace nokv::pd {
namespace {

const Region kRegion{
    .id = RegionId{0x0102},
    .start_key = "a",
    .end_key = "m",
    .epoch = {3, 2},
    .peers = {{PeerId{11}, StoreId{1}}, {PeerId{300}, StoreId{2}, PeerRole::kLearner}}};

const StoreRecord kStore{.id = StoreId{7},
                         .identity = 0x1122334455667788,
                         .address = "host:20160",
                         .intent = StoreIntent::kDraining};

TEST_CASE("records are read as they were written", "[pd][storage]") {
  REQUIRE(*DecodeRegion(KeyOf(kRegion.id), EncodeRegion(kRegion)) == kRegion);
  REQUIRE(*DecodeStore(KeyOf(kStore.id), EncodeStore(kStore)) == kStore);
  REQUIRE(*DecodeClusterId(EncodeClusterId(42)) == 42);
  REQUIRE(*DecodeCeiling("i", EncodeCeiling(uint64_t{1} << 60)) == uint64_t{1} << 60);
}

// Written by version 1, to be read for ever.
TEST_CASE("the bytes of version 1 stay", "[pd][storage]") {
  using namespace std::string_literals;
  REQUIRE(KeyOf(kRegion.id) == "r\x00\x00\x00\x00\x00\x00\x01\x02"s);
  REQUIRE(EncodeRegion(kRegion) == "\x01\x03\x02\x01"s + "a\x01m\x02\x0b\x01\x01\xac\x02\x02\x02"s);
  REQUIRE(KeyOf(kStore.id) == "s\x00\x00\x00\x00\x00\x00\x00\x07"s);
  REQUIRE(EncodeStore(kStore) == "\x01\x88\x77\x66\x55\x44\x33\x22\x11\x02\x0ahost:20160"s);
  REQUIRE(EncodeClusterId(42) == "nokv-pd\x00\x01\x2a\x00\x00\x00\x00\x00\x00\x00"s);
  REQUIRE(EncodeCeiling(300) == "\x01\xac\x02"s);
}

TEST_CASE("every shortened or lengthened record is damage", "[pd][storage]") {
  const std::string region = EncodeRegion(kRegion);
  const std::string store = EncodeStore(kStore);
  const std::string cluster = EncodeClusterId(42);
  for (size_t size = 0; size < region.size(); ++size) {
    REQUIRE(absl::IsDataLoss(DecodeRegion(KeyOf(kRegion.id), region.substr(0, size)).status()));
  }
  for (size_t size = 0; size < store.size(); ++size) {
    REQUIRE(absl::IsDataLoss(DecodeStore(KeyOf(kStore.id), store.substr(0, size)).status()));
  }
  for (size_t size = 0; size < cluster.size(); ++size) {
    REQUIRE(absl::IsDataLoss(DecodeClusterId(cluster.substr(0, size)).status()));
  }
  REQUIRE(absl::IsDataLoss(DecodeRegion(KeyOf(kRegion.id), region + "x").status()));
  REQUIRE(absl::IsDataLoss(DecodeStore(KeyOf(kStore.id), store + "x").status()));
  REQUIRE(absl::IsDataLoss(DecodeCeiling("i", EncodeCeiling(1) + "x").status()));
  REQUIRE(absl::IsDataLoss(DecodeRegion("r", region).status()));
}

TEST_CASE("a record of a newer version is not guessed at", "[pd][storage]") {
  std::string newer = EncodeCeiling(7);
  newer[0] = 2;
  const absl::Status status = DecodeCeiling("t", newer).status();
  REQUIRE(absl::IsUnimplemented(status));
  REQUIRE(StdView(status.message()).find("'t' has version 2") != std::string_view::npos);
}

TEST_CASE("a record that means nothing is damage", "[pd][storage]") {
  Region region = kRegion;
  region.end_key = "A";
  REQUIRE(absl::IsDataLoss(DecodeRegion(KeyOf(region.id), EncodeRegion(region)).status()));
  StoreRecord store = kStore;
  store.intent = static_cast<StoreIntent>(9);
  REQUIRE(absl::IsDataLoss(DecodeStore(KeyOf(store.id), EncodeStore(store)).status()));
  REQUIRE(absl::IsDataLoss(DecodeClusterId(EncodeClusterId(0)).status()));
}

}  // namespace
}  // namespace nokv::pd
