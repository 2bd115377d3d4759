#include "raftstore/log_store/region_state.h"

#include "engine/base/codec.h"

#include <catch2/catch.hpp>

#include <memory>

namespace nokv::log_store {
namespace {

RegionState FullState() {
  auto snapshot = std::make_shared<raft::Snapshot>();
  snapshot->index = 300;
  snapshot->term = 4;
  snapshot->configuration = raft::MakeConfiguration({1, 2, 3}, {7});
  snapshot->data = raft::Payload("where");
  return {.hard_state = {5, 2, 299}, .snapshot = std::move(snapshot)};
}

std::string ToHex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<uint8_t>(c));
  return hex;
}

}  // namespace

TEST_CASE("a region's state is written byte for byte as version 1 did", "[log_store][golden]") {
  REQUIRE(ToHex(Encode({.hard_state = {5, 2, 299}, .snapshot = nullptr})) == "010502ab0200");
  REQUIRE(ToHex(Encode(FullState())) ==
          "010502ab0201ac02040301020300010700070005"
          "7768657265");
}

TEST_CASE("a region's state is read as it was written", "[log_store]") {
  const RegionState state = FullState();
  const auto read = DecodeRegionState(Encode(state));
  REQUIRE(read.ok());
  REQUIRE(read->hard_state == state.hard_state);
  REQUIRE(read->snapshot->index == 300);
  REQUIRE(read->snapshot->term == 4);
  REQUIRE(read->snapshot->configuration == state.snapshot->configuration);
  REQUIRE(read->snapshot->data.view() == "where");
  REQUIRE(DecodeRegionState("")->hard_state == raft::HardState());
}

TEST_CASE("a region's state that is cut, longer or newer is refused", "[log_store][damage]") {
  const std::string good = Encode(FullState());
  for (size_t size = 1; size < good.size(); ++size) {
    INFO("cut to " << size);
    REQUIRE(absl::IsDataLoss(DecodeRegionState(std::string_view(good).substr(0, size)).status()));
  }
  REQUIRE(absl::IsDataLoss(DecodeRegionState(good + "x").status()));
  std::string newer = good;
  newer[0] = 2;
  REQUIRE(absl::IsUnimplemented(DecodeRegionState(newer).status()));
}

TEST_CASE("no bytes make reading a region's state do more than refuse", "[log_store][damage]") {
  std::string bytes = Encode(FullState());
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = bytes;
      bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
      const auto read = DecodeRegionState(bad);
      if (read.ok()) REQUIRE(Encode(*read).size() <= bad.size());
    }
  }
}

}  // namespace nokv::log_store
