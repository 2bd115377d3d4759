#include "cmd/serve/settings.h"

#include <catch2/catch.hpp>

#include <string>

namespace nokv::serve {
namespace {

config::Topology ThreeStores() {
  config::Topology topology;
  topology.pd.host.addr = "127.0.0.1:2379";
  topology.pd.docker.addr = "pd:2379";
  for (const uint64_t id : {1, 2, 3}) {
    const std::string port = std::to_string(20'000 + id);
    topology.stores.push_back(
        {.id = id,
         .host = {"127.0.0.1:" + port, "127.0.0.1:" + port, "/data/" + std::to_string(id)},
         .docker = {"0.0.0.0:20160", "store" + std::to_string(id) + ":20160", "/var/lib/nokv"}});
  }
  config::Region region;
  region.id = 7;
  region.end_key = "m";
  region.peers = {{.store_id = 2, .peer_id = 12}, {.store_id = 1, .peer_id = 11}};
  topology.regions.push_back(region);
  region.id = 8;
  region.start_key = "m";
  region.end_key.clear();
  region.peers = {{.store_id = 2, .peer_id = 22}, {.store_id = 3, .peer_id = 23}};
  topology.regions.push_back(region);
  return topology;
}

TEST_CASE("a topology says everything but which store this is", "[serve]") {
  const config::Topology topology = ThreeStores();
  const auto settings = Interpret({.config = "t.json", .store_id = 2}, &topology);
  REQUIRE(settings.ok());
  CHECK(settings->workdir == "/data/2");
  CHECK(settings->listen_address == "127.0.0.1:20002");
  CHECK(settings->store.address == "127.0.0.1:20002");
  CHECK(settings->store.store_id == 2);
  CHECK(settings->pd_address == "127.0.0.1:2379");
  CHECK(settings->addresses.at(3) == "127.0.0.1:20003");
  REQUIRE(settings->regions.size() == 2);
  CHECK(settings->regions[0].peers[0].id == 11);
  CHECK(settings->regions[0].peers[1].store == 2);
}

TEST_CASE("a container listens everywhere and is reached by its name", "[serve]") {
  const config::Topology topology = ThreeStores();
  const auto settings =
      Interpret({.config = "t.json", .scope = "docker", .store_id = 1}, &topology);
  REQUIRE(settings.ok());
  CHECK(settings->listen_address == "0.0.0.0:20160");
  CHECK(settings->store.address == "store1:20160");
  CHECK(settings->pd_address == "pd:2379");
  CHECK(settings->regions.size() == 1);
}

TEST_CASE("the command line wins over the topology", "[serve]") {
  const config::Topology topology = ThreeStores();
  const auto settings = Interpret({.config = "t.json",
                                   .store_id = 1,
                                   .workdir = "/other",
                                   .addr = "127.0.0.1:5",
                                   .pd_addr = "127.0.0.1:6",
                                   .metrics_addr = "127.0.0.1:7",
                                   .peers = {"3=10.0.0.3:8"}},
                                  &topology);
  REQUIRE(settings.ok());
  CHECK(settings->workdir == "/other");
  CHECK(settings->listen_address == "127.0.0.1:5");
  CHECK(settings->pd_address == "127.0.0.1:6");
  CHECK(settings->metrics_address->port == 7);
  CHECK(settings->addresses.at(3) == "10.0.0.3:8");
}

TEST_CASE("a store without a topology is told everything by its flags", "[serve]") {
  const auto settings = Interpret(
      {.store_id = 4, .workdir = "/d", .addr = "127.0.0.1:1", .pd_addr = "127.0.0.1:2"}, nullptr);
  REQUIRE(settings.ok());
  CHECK(settings->store.address == "127.0.0.1:1");
  CHECK(settings->regions.empty());
}

TEST_CASE("what is missing or wrong on the command line is named", "[serve]") {
  const config::Topology topology = ThreeStores();
  const Words good{.store_id = 1, .workdir = "/d", .addr = "h:1", .pd_addr = "h:2"};
  REQUIRE(Interpret(good, nullptr).ok());
  const auto refusal = [&](Words words, const config::Topology* from = nullptr) {
    const absl::Status status = Interpret(words, from).status();
    CHECK(absl::IsInvalidArgument(status));
    return std::string(StdView(status.message()));
  };
  Words words = good;
  words.store_id = 0;
  CHECK(refusal(words).find("--store-id") != std::string::npos);
  words = good;
  words.workdir.clear();
  CHECK(refusal(words).find("--workdir") != std::string::npos);
  words = good;
  words.pd_addr.clear();
  CHECK(refusal(words).find("--pd-addr") != std::string::npos);
  words = good;
  words.store_id = 9;
  CHECK(refusal(words, &topology).find("--store-id 9") != std::string::npos);
  words = good;
  words.scope = "moon";
  CHECK(refusal(words).find("--scope") != std::string::npos);
  words = good;
  words.addr = "0.0.0.0:1";
  CHECK(refusal(words).find("--advertise-addr") != std::string::npos);
  for (const char* peer : {"", "1", "=h:1", "x=h:1", "0=h:1", "1=h", "1x=h:1"}) {
    words = good;
    words.peers = {peer};
    CHECK(refusal(words).find("--peer") != std::string::npos);
  }
  for (const char* time : {"", "0s", "-1s", "soon"}) {
    words = good;
    words.tick_interval = time;
    CHECK(refusal(words).find("--raft-tick-interval") != std::string::npos);
  }
}

TEST_CASE("a topology with TLS is refused as long as stores have none", "[serve]") {
  config::Topology topology = ThreeStores();
  topology.tls = config::Tls{};
  CHECK(absl::IsUnimplemented(Interpret({.config = "t.json", .store_id = 1}, &topology).status()));
}

}  // namespace
}  // namespace nokv::serve
