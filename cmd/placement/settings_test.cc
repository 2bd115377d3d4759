#include "cmd/placement/settings.h"

#include <catch2/catch.hpp>

#include <variant>

namespace nokv::placement {
namespace {

config::Topology MakeTopology() {
  config::Topology topology;
  topology.pd.host = {.addr = "127.0.0.1:2379", .work_dir = "./pd"};
  topology.pd.docker = {.addr = "nokv-pd:2379", .work_dir = "/var/lib/nokv/pd"};
  config::Region region;
  region.id = 7;
  region.end_key = "m";
  region.peers = {{.store_id = 1, .peer_id = 11}, {.store_id = 2, .peer_id = 12}};
  topology.regions = {region};
  return topology;
}

TEST_CASE("the topology says what the command line does not", "[placement]") {
  const config::Topology topology = MakeTopology();
  const auto host = Interpret({}, &topology);
  REQUIRE(host->listen_address == "127.0.0.1:2379");
  REQUIRE(host->workdir == "./pd");
  REQUIRE(host->regions.size() == 1);
  REQUIRE(host->regions[0].peers[1] ==
          pd::Peer{pd::PeerId{12}, pd::StoreId{2}, pd::PeerRole::kVoter});
  const auto docker =
      Interpret({.scope = "docker", .workdir = "w", .addr = "0.0.0.0:2379"}, &topology);
  REQUIRE(docker->listen_address == "0.0.0.0:2379");
  REQUIRE(docker->workdir == "w");
}

TEST_CASE("without a topology there is a place to listen, but no directory", "[placement]") {
  REQUIRE(absl::IsInvalidArgument(Interpret({}, nullptr).status()));
  const auto settings = Interpret({.workdir = "w"}, nullptr);
  REQUIRE(settings->listen_address == "127.0.0.1:2379");
  REQUIRE(settings->regions.empty());
}

TEST_CASE("a cluster id is written as messages have it", "[placement]") {
  REQUIRE(Interpret({.workdir = "w", .cluster_id = "00000000000000ff"}, nullptr)->cluster_id ==
          255);
  for (const char* wrong : {"0", "x", "12345678901234567", "-1", "0x1", "1 "}) {
    REQUIRE(absl::IsInvalidArgument(
        Interpret({.workdir = "w", .cluster_id = wrong}, nullptr).status()));
  }
}

TEST_CASE("what makes no sense names its flag", "[placement]") {
  const auto says = [](const Words& words, std::string_view flag) {
    const absl::Status status = Interpret(words, nullptr).status();
    return absl::IsInvalidArgument(status) &&
           StdView(status.message()).find(flag) != std::string_view::npos;
  };
  REQUIRE(says({.scope = "moon", .workdir = "w"}, "--scope"));
  REQUIRE(says({.workdir = "w", .addr = "nowhere"}, "--addr"));
  REQUIRE(says({.workdir = "w", .metrics_addr = ":"}, "--metrics-addr"));
  config::Topology topology = MakeTopology();
  topology.tls = config::Tls{};
  REQUIRE(Interpret({}, &topology).status().code() == absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace nokv::placement
