#include "cmd/config/topology.h"

#include "cmd/config/key_text.h"
#include "engine/vfs/mem_file_system.h"

#include <catch2/catch.hpp>

namespace nokv::config {
namespace {

Topology ValidOrDie(std::string_view text) {
  std::variant<Topology, Problems> outcome = Validate(text);
  if (const auto* problems = std::get_if<Problems>(&outcome)) FAIL(ToText(*problems, "text"));
  return std::get<Topology>(std::move(outcome));
}

TEST_CASE("the shipped example has the documented ports, three stores and both kinds of regions",
          "[config]") {
  const auto loaded = LoadFile(vfs::PosixFileSystem(), NOKV_DEPLOY_DIR "/raft_config.example.json");
  INFO(loaded.status().ToString());
  REQUIRE(loaded.ok());
  const Topology& topology = *loaded;

  CHECK(topology.max_retries == 5);
  CHECK(topology.pd.host == PdPlace{"127.0.0.1:2379", "./artifacts/cluster/pd"});
  CHECK(topology.pd.docker == PdPlace{"nokv-pd:2379", "/var/lib/nokv/pd"});
  CHECK_FALSE(topology.tls);

  REQUIRE(topology.stores.size() == 3);
  for (uint64_t id = 1; id <= 3; ++id) {
    const Store& store = topology.stores[id - 1];
    const std::string address = fmt::format("127.0.0.1:{}", 20169 + id);
    CHECK(store.id == id);
    CHECK(store.At(Scope::kHost) ==
          StorePlace{address, address, fmt::format("./artifacts/cluster/store-{}", id)});
    CHECK(store.At(Scope::kDocker) == StorePlace{"0.0.0.0:20160",
                                                 fmt::format("nokv-node{}:20160", id),
                                                 fmt::format("/var/lib/nokv/store-{}", id)});
  }

  REQUIRE(topology.regions.size() == 4);
  CHECK(topology.regions[0].start_key.empty());
  CHECK(topology.regions[0].end_key == "m");
  CHECK_FALSE(topology.regions[0].slots);
  CHECK(topology.regions[1].start_key == "m");
  CHECK(topology.regions[1].end_key == kSystemStart);
  CHECK(topology.regions[2].slots == SlotRange{0, 8192});
  CHECK(topology.regions[2].start_key == kSystemStart);
  CHECK(topology.regions[2].end_key == std::string("\xffr\0\x20\0", 5));
  CHECK(topology.regions[3].slots == SlotRange{8192, 16384});
  CHECK(topology.regions[3].end_key.empty());
  CHECK(topology.regions[3].peers == std::vector<Peer>{{1, 104}, {2, 204}, {3, 304}});
  CHECK(topology.regions[1].leader_store_id == 2);
}

TEST_CASE("what the file leaves out has its default, or is as on the host", "[config]") {
  const Topology topology = ValidOrDie(R"({
    "pd": {"addr": "pd:2379", "work_dir": "/data/pd"},
    "store_work_dir_template": "/data/{id}/store-{id}",
    "stores": [{"store_id": 7, "addr": "[::1]:20160"},
               {"store_id": 8, "addr": "b.example:20160", "listen_addr": "0.0.0.0:20160",
                "docker_addr": "node_8:1", "work_dir": "/eight"}],
    "regions": [{"id": 1, "peers": [{"store_id": 7, "peer_id": 9007199254740991}]}]
  })");
  CHECK(topology.max_retries == 5);
  CHECK(topology.pd.docker == topology.pd.host);
  CHECK(topology.stores[0].host == StorePlace{"[::1]:20160", "[::1]:20160", "/data/7/store-7"});
  CHECK(topology.stores[0].docker == topology.stores[0].host);
  CHECK(topology.stores[1].host == StorePlace{"0.0.0.0:20160", "b.example:20160", "/eight"});
  CHECK(topology.stores[1].docker == StorePlace{"0.0.0.0:20160", "node_8:1", "/eight"});

  // Without slots the one raw region holds the system's keys too.
  const Region& region = topology.regions[0];
  CHECK(region.start_key.empty());
  CHECK(region.end_key.empty());
  CHECK(region.epoch_version == 1);
  CHECK(region.epoch_conf_version == 1);
  CHECK(region.peers == std::vector<Peer>{{7, kIdMax}});
  CHECK_FALSE(region.leader_store_id);
}

TEST_CASE("each member that the file has is taken", "[config]") {
  const Topology topology = ValidOrDie(R"({
    "$schema": "anything", "max_retries": 0,
    "pd": {"addr": "p:1", "docker_addr": "q:2", "docker_work_dir": "dpd"},
    "store_docker_work_dir_template": "d{id}",
    "tls": {"ca_file": "ca.pem", "cert_file": "cert.pem", "key_file": "key.pem"},
    "stores": [{"store_id": 1, "addr": "a:1", "docker_listen_addr": "[::]:1", "work_dir": "w"},
               {"store_id": 2, "addr": "a:2", "docker_work_dir": "x"}],
    "regions": [{"id": 5, "start_key": "hex:6D00", "epoch": {"version": 3, "conf_version": 4},
                 "peers": [{"store_id": 2, "peer_id": 1}]},
                {"id": 4, "end_key": "m\u0000", "peers": [{"store_id": 1, "peer_id": 2}]}]
  })");
  CHECK(topology.max_retries == 0);
  CHECK(topology.pd.host == PdPlace{"p:1", ""});
  CHECK(topology.pd.docker == PdPlace{"q:2", "dpd"});
  CHECK(topology.tls == Tls{"ca.pem", "cert.pem", "key.pem"});
  CHECK(topology.stores[0].docker == StorePlace{"[::]:1", "a:1", "d1"});
  CHECK(topology.stores[1].docker == StorePlace{"a:2", "a:2", "x"});
  CHECK(topology.regions[0].start_key == std::string("m\0", 2));
  CHECK(topology.regions[0].epoch_version == 3);
  CHECK(topology.regions[0].epoch_conf_version == 4);
  CHECK(topology.regions[1].end_key == topology.regions[0].start_key);
}

TEST_CASE("a byte order mark and carriage returns do no harm", "[config]") {
  const std::string text =
      "\xef\xbb\xbf{\"pd\": {\"addr\": \"p:1\"},\r\n\"stores\": [{\"store_id\": 1, \"addr\": "
      "\"a:1\"}],\r\n\"regions\": [{\"id\": 1, \"peers\": [{\"store_id\": 1, \"peer_id\": 1}]}]}";
  CHECK(ValidOrDie(text).stores.size() == 1);
}

TEST_CASE("a file on disk is read whole, and its problems name it", "[config]") {
  vfs::MemFileSystem files;
  const auto write = [&](const std::string& path, std::string_view text) {
    REQUIRE(vfs::ReplaceFile(files, path, text).ok());
  };
  REQUIRE(files.CreateDirectory("etc").ok());

  CHECK(LoadFile(files, "etc/none.json").status().code() == absl::StatusCode::kNotFound);

  Problems problems;
  write("etc/a.json", "{\n  \"pd\": 1\n}\n");
  const absl::Status status = LoadFile(files, "etc/a.json", &problems).status();
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(StdView(status.message()) ==
        "etc/a.json: 3 problems\n"
        "etc/a.json:1:1: (root): \"stores\" is missing; expected an array of 1 to 1000 elements\n"
        "etc/a.json:1:1: (root): \"regions\" is missing; expected an array of 1 to 1000 elements\n"
        "etc/a.json:2:9: /pd: expected an object, found the number 1");
  REQUIRE(problems.listed.size() == 3);
  CHECK(problems.count == 3);
  CHECK(problems.listed[2].pointer == "/pd");
  CHECK(problems.listed[2].line == 2);
  CHECK(problems.listed[2].column == 9);

  write("etc/large.json", std::string(kFileBytesMax + 1, ' '));
  CHECK(StdView(LoadFile(files, "etc/large.json", &problems).status().message()) ==
        "etc/large.json: 1 problem\n"
        "etc/large.json:1:1: (root): the file has 1048577 bytes; expected at most 1048576");
  CHECK(problems.count == 1);
}

TEST_CASE("of very many problems the first are listed and all are counted", "[config]") {
  std::string text = "{\n";
  for (int i = 0; i < 1000; ++i) text += fmt::format("\"unknown{}\": 1,\n", i);
  text += R"("pd": {"addr": "p:1"}, "stores": [{"store_id": 1, "addr": "a:1"}],
             "regions": [{"id": 1, "peers": [{"store_id": 1, "peer_id": 1}]}]})";
  const auto outcome = Validate(text);
  const Problems& problems = std::get<Problems>(outcome);
  CHECK(problems.count == 1000);
  REQUIRE(problems.listed.size() == kProblemsListedMax);
  CHECK(problems.listed.back().pointer == "/unknown19");
  CHECK(problems.listed.back().line == 21);
  CHECK(ToText(problems, "f").starts_with("f: 1000 problems, the first 20\nf:2:1: /unknown0: "));
}

TEST_CASE("columns count characters, and a problem stays on its line", "[config]") {
  const auto outcome = Validate("{\"\xc3\xa4\xe2\x82\xac\": 1, \"b\\n\\u007f~/\": 2}");
  const Problems& problems = std::get<Problems>(outcome);
  REQUIRE(problems.listed.size() == 5);
  CHECK(problems.listed[3].pointer == "/\xc3\xa4\xe2\x82\xac");
  CHECK(problems.listed[3].column == 2);
  CHECK(problems.listed[4].pointer == "/b\n\x7f~0~1");
  CHECK(problems.listed[4].column == 11);
  CHECK(ToText(problems, "f").find("f:1:11: /b??~0~1: unknown key") != std::string::npos);
}

}  // namespace
}  // namespace nokv::config
