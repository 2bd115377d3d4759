// Each problem of a topology once, with its exact text: what users see is part of the interface.

#include "cmd/config/topology.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace nokv::config {
namespace {

// A small topology that is good; the cases below spoil it.
constexpr std::string_view kGood = R"({
  "pd": {"addr": "pd:1"},
  "stores": [
    {"store_id": 1, "addr": "a:1"},
    {"store_id": 2, "addr": "b:1"}
  ],
  "regions": [
    {"id": 1, "end_key": "m", "peers": [{"store_id": 1, "peer_id": 11}]},
    {"id": 2, "start_key": "m", "peers": [{"store_id": 2, "peer_id": 21}], "leader_store_id": 2},
    {"id": 3, "start_slot": 0, "end_slot": 99, "peers": [{"store_id": 1, "peer_id": 31}]},
    {"id": 4, "start_slot": 99, "end_slot": 16384, "peers": [{"store_id": 2, "peer_id": 41}]}
  ]
}
)";

struct Edit {
  std::string_view from;  // Stands in kGood once.
  std::string to;
};

std::string Edited(std::initializer_list<Edit> edits) {
  std::string text(kGood);
  for (const Edit& edit : edits) {
    const size_t at = text.find(edit.from);
    REQUIRE(at != std::string::npos);
    REQUIRE(text.find(edit.from, at + 1) == std::string::npos);
    text.replace(at, edit.from.size(), edit.to);
  }
  return text;
}

// Its problems as "line pointer: message".
std::vector<std::string> ProblemsOf(const std::string& text) {
  const auto outcome = Validate(text);
  std::vector<std::string> lines;
  if (const auto* problems = std::get_if<Problems>(&outcome)) {
    CHECK(problems->count == problems->listed.size());
    for (const Problem& problem : problems->listed) {
      lines.push_back(fmt::format("{} {}: {}", problem.line, problem.pointer, problem.message));
    }
  }
  return lines;
}

void CheckProblems(std::initializer_list<Edit> edits, const std::vector<std::string>& expected) {
  const std::string text = Edited(edits);
  CAPTURE(text);
  CHECK(ProblemsOf(text) == expected);
}

void CheckProblem(std::string_view from, const std::string& to, const std::string& expected) {
  CheckProblems({{from, to}}, {expected});
}

TEST_CASE("the topology that these tests spoil is good", "[config]") {
  CHECK(ProblemsOf(std::string(kGood)).empty());
}

TEST_CASE("an unknown key is named with what there is, and what is perhaps meant", "[config]") {
  CheckProblem(R"("pd": {)", R"("raft": 1, "pd": {)",
               "2 /raft: unknown key; expected one of $schema, max_retries, pd, "
               "store_work_dir_template, store_docker_work_dir_template, tls, stores, regions");
  CheckProblem(R"("pd": {)", R"("max_retry": 1, "pd": {)",
               "2 /max_retry: unknown key; expected one of $schema, max_retries, pd, "
               "store_work_dir_template, store_docker_work_dir_template, tls, stores, regions");
  CheckProblem(R"("addr": "pd:1")", R"("addr": "pd:1", "workdir": "x")",
               "2 /pd/workdir: unknown key, perhaps \"work_dir\" is meant; expected one of addr, "
               "docker_addr, work_dir, docker_work_dir");
  CheckProblem(R"("store_id": 1, "addr")", R"("store_id": 1, "Addr": 1, "addr")",
               "4 /stores/0/Addr: unknown key, perhaps \"addr\" is meant; expected one of "
               "store_id, listen_addr, addr, docker_listen_addr, docker_addr, work_dir, "
               "docker_work_dir");
  CheckProblem(R"("id": 2,)", R"("id": 2, "range": 1,)",
               "9 /regions/1/range: unknown key; expected one of id, start_key, end_key, "
               "start_slot, end_slot, epoch, peers, leader_store_id");
  CheckProblem(R"("id": 2,)", R"("id": 2, "epoch": {"version": 1, "conf_version": 1, "conf": 1},)",
               "9 /regions/1/epoch/conf: unknown key; expected one of version, conf_version");
  CheckProblem(R"("peer_id": 21)", R"("peer_id": 21, "role": 1)",
               "9 /regions/1/peers/0/role: unknown key; expected one of store_id, peer_id");
}

TEST_CASE("what is missing is named with what is expected", "[config]") {
  CheckProblem(R"("pd": {"addr": "pd:1"},)", "", "1 : \"pd\" is missing; expected an object");
  CheckProblem(R"({"addr": "pd:1"})", "{}",
               "2 /pd: \"addr\" is missing; expected an address HOST:PORT");
  CheckProblem(R"("store_id": 1, "addr": "a:1")", R"("store_id": 1)",
               "4 /stores/0: \"addr\" is missing; expected an address HOST:PORT");
  CheckProblem(R"("store_id": 2, "addr")", R"("addr")",
               "5 /stores/1: \"store_id\" is missing; expected a whole number from 1 to "
               "9007199254740991");
  CheckProblem(R"("id": 3, )", "",
               "10 /regions/2: \"id\" is missing; expected a whole number from 1 to "
               "9007199254740991");
  CheckProblem(R"(, "peers": [{"store_id": 1, "peer_id": 31}])", "",
               "10 /regions/2: \"peers\" is missing; expected an array of 1 to 9 elements");
  CheckProblem(R"(, "end_slot": 99)", "",
               "10 /regions/2: \"end_slot\" is missing; expected a whole number from 1 to 16384");
  CheckProblem(R"("start_slot": 0, )", "",
               "10 /regions/2: \"start_slot\" is missing; expected a whole number from 0 to 16383");
  CheckProblem(R"("store_id": 2, "peer_id": 21)", R"("store_id": 2)",
               "9 /regions/1/peers/0: \"peer_id\" is missing; expected a whole number from 1 to "
               "9007199254740991");
  CheckProblem(R"("id": 2,)", R"("id": 2, "epoch": {"version": 1},)",
               "9 /regions/1/epoch: \"conf_version\" is missing; expected a whole number from 1 to "
               "9007199254740991");
  CheckProblem(R"("pd": {)", R"("tls": {"ca_file": "a", "key_file": "b"}, "pd": {)",
               "2 /tls: \"cert_file\" is missing; expected a path of 1 to 4096 bytes");
}

TEST_CASE("a wrong type is told apart from the right one", "[config]") {
  CHECK(ProblemsOf("[]") == std::vector<std::string>{"1 : expected an object, found an array"});
  CHECK(ProblemsOf(" null") == std::vector<std::string>{"1 : expected an object, found null"});
  CheckProblem(R"({"addr": "pd:1"})", "true", "2 /pd: expected an object, found true");
  CheckProblem(R"("pd:1")", "7", "2 /pd/addr: expected an address HOST:PORT, found the number 7");
  CheckProblem(R"("pd": {)", R"("$schema": {}, "pd": {)",
               "2 /$schema: expected a string, found an object");
  CheckProblem(R"({"store_id": 1, "addr": "a:1"})", "null",
               "4 /stores/0: expected an object, found null");
  CheckProblem(R"([{"store_id": 1, "peer_id": 31}])", R"({"store_id": 1, "peer_id": 31})",
               "10 /regions/2/peers: expected an array of 1 to 9 elements, found an object");
  CheckProblem(R"("end_key": "m")", R"("end_key": null)",
               "8 /regions/0/end_key: expected a key of at most 65536 bytes (text, or hex: and "
               "digits, or - for no bound), found null");
  CheckProblem(R"("id": 1,)", R"("id": "1",)",
               "8 /regions/0/id: expected a whole number from 1 to 9007199254740991, found the "
               "string \"1\"");
}

TEST_CASE("numbers out of range, negative, broken or huge are refused", "[config]") {
  const std::string expected =
      "5 /stores/1/store_id: expected a whole number from 1 to 9007199254740991, found the number ";
  for (const char* number :
       {"0", "-1", "1.0", "1e3", "9007199254740992", "18446744073709551616", "-0"}) {
    CAPTURE(number);
    CheckProblem(R"("store_id": 2, "addr")", fmt::format(R"("store_id": {}, "addr")", number),
                 expected + number);
  }
  CheckProblem(R"("pd": {)", R"("max_retries": 1001, "pd": {)",
               "2 /max_retries: expected a whole number from 0 to 1000, found the number 1001");
  CheckProblem(R"("end_slot": 16384)", R"("end_slot": 16385)",
               "11 /regions/3/end_slot: expected a whole number from 1 to 16384, found the number "
               "16385");
  CheckProblem(R"("start_slot": 99)", R"("start_slot": 16384)",
               "11 /regions/3/start_slot: expected a whole number from 0 to 16383, found the "
               "number 16384");
}

TEST_CASE("a bad address is named with the reason", "[config]") {
  CheckProblem("\"pd:1\"", "\"pd\"",
               "2 /pd/addr: expected an address HOST:PORT, found the string \"pd\": there is no "
               "port");
  CheckProblem("\"a:1\"", "\"a:65536\"",
               "4 /stores/0/addr: expected an address HOST:PORT, found the string \"a:65536\": the "
               "port is not from 1 to 65535");
  CheckProblem("\"a:1\"", "\"0.0.0.0:1\"",
               "4 /stores/0/addr: expected an address HOST:PORT, found the string \"0.0.0.0:1\": "
               "that can be listened on, but not be reached");
  CheckProblem("\"a:1\"", "\"a:1\", \"docker_addr\": \"[::]:1\"",
               "4 /stores/0/docker_addr: expected an address HOST:PORT, found the string "
               "\"[::]:1\": that can be listened on, but not be reached");
  CheckProblem("\"a:1\"", "\"a:1\", \"listen_addr\": \"\"",
               "4 /stores/0/listen_addr: expected an address HOST:PORT, found the string \"\": "
               "there is no port");
}

TEST_CASE("a bad path is refused, and a template without {id}", "[config]") {
  CheckProblem("\"pd:1\"", "\"pd:1\", \"work_dir\": \"\"",
               "2 /pd/work_dir: expected a path of 1 to 4096 bytes, found the string \"\"");
  CheckProblem("\"pd:1\"", fmt::format("\"pd:1\", \"work_dir\": \"{}\"", std::string(4097, 'x')),
               "2 /pd/work_dir: expected a path of 1 to 4096 bytes, found the string \"" +
                   std::string(39, 'x') + "...");
  CheckProblem("\"a:1\"", R"("a:1", "work_dir": "a\u0000b")",
               "4 /stores/0/work_dir: expected a path of 1 to 4096 bytes, found the string "
               "\"a\\u0000b\": it has a control character");
  CheckProblem(R"("pd": {)", R"("store_work_dir_template": "store", "pd": {)",
               "2 /store_work_dir_template: expected a path with {id} in it, where each store's id "
               "will stand, found the string \"store\"");
}

TEST_CASE("a bad key is named with the reason", "[config]") {
  const std::string expected =
      "8 /regions/0/end_key: expected a key of at most 65536 bytes (text, or hex: and digits, or "
      "- for no bound), found the string ";
  CheckProblem(R"("end_key": "m")", R"("end_key": "hex:6")",
               expected + "\"hex:6\": a byte has two hex digits");
  CheckProblem(R"("end_key": "m")", R"("end_key": "hex:")",
               expected + "\"hex:\": there are no digits behind hex:");
  CheckProblem(R"("end_key": "m")", R"("end_key": "hex:xy")",
               expected + "\"hex:xy\": that is not a row of hex digits");
  CheckProblem(R"("end_key": "m")", fmt::format(R"("end_key": "{}")", std::string(70'000, 'x')),
               expected + "\"" + std::string(39, 'x') + "...: it has 70000 bytes");
}

TEST_CASE("keys of the system are not for raw regions", "[config]") {
  CheckProblem(R"("start_key": "m")", R"("start_key": "hex:ff")",
               "9 /regions/1/start_key: expected a key below hex:ff, found the string \"hex:ff\": "
               "the keys from there on are the system's");
  CheckProblem(R"("start_key": "m")", R"("start_key": "m", "end_key": "hex:ff00")",
               "9 /regions/1/end_key: expected a key up to hex:ff, found the string \"hex:ff00\": "
               "the keys from there on are the system's");
  CHECK(ProblemsOf(Edited({{R"("start_key": "m")", R"("start_key": "m", "end_key": "hex:ff")"}}))
            .empty());
}

TEST_CASE("an empty region is refused", "[config]") {
  CheckProblem(R"("start_key": "m")", R"("start_key": "m", "end_key": "m")",
               "9 /regions/1/end_key: expected a key greater than the start_key \"m\", found the "
               "string \"m\": the region is empty");
  CheckProblem(R"("end_slot": 16384)", R"("end_slot": 99)",
               "11 /regions/3/end_slot: expected more than the start_slot 99, found the number 99: "
               "the region is empty");
  CheckProblem(R"([{"store_id": 1, "peer_id": 31}])", "[]",
               "10 /regions/2/peers: expected an array of 1 to 9 elements, found an array: it has "
               "0 elements");
  CheckProblem(R"("id": 3, )", R"("id": 3, "end_key": "x", )",
               "10 /regions/2: bounds in keys and in slots; expected start_key and end_key, or "
               "start_slot and end_slot");
}

TEST_CASE("a gap between regions is named with what would close it", "[config]") {
  CheckProblem(R"("start_key": "m")", R"("start_key": "n")",
               "9 /regions/1/start_key: the keys from \"m\" to before \"n\" are in no region; "
               "expected \"m\", where region 1 ends");
  CheckProblem(R"("id": 1, )", R"("id": 1, "start_key": "a", )",
               "8 /regions/0/start_key: the keys before \"a\" are in no region; expected a region "
               "without start_key");
  CheckProblem(R"("start_slot": 99)", R"("start_slot": 100)",
               "11 /regions/3/start_slot: the keys from slot 99 to before slot 100 are in no "
               "region; expected slot 99, where region 3 ends");
  CheckProblem(R"("start_slot": 0)", R"("start_slot": 1)",
               "10 /regions/2/start_slot: the keys from \"hex:ff\" to before slot 1 are in no "
               "region; expected slot 0, where region 2 ends");
  CheckProblem(R"("end_slot": 16384)", R"("end_slot": 16383)",
               "11 /regions/3/end_slot: the keys from slot 16383 on are in no region; expected the "
               "end_slot 16384");
  CheckProblem(R"("start_key": "m")", R"("start_key": "m", "end_key": "z")",
               "9 /regions/1/end_key: the keys from \"z\" to before slot 0 are in no region; "
               "expected no end_key");
  CHECK(ProblemsOf(R"({"pd": {"addr": "pd:1"}, "stores": [{"store_id": 1, "addr": "a:1"}],
           "regions": [{"id": 1, "end_key": "m", "peers": [{"store_id": 1, "peer_id": 1}]}]})") ==
        std::vector<std::string>{
            "2 /regions/0/end_key: the keys from \"m\" on are in no region; expected no end_key"});
}

TEST_CASE("regions that overlap are named, both of them", "[config]") {
  CheckProblem(R"("start_key": "m")", R"("start_key": "k")",
               "9 /regions/1/start_key: begins at \"k\", inside region 1, which ends at \"m\"; "
               "expected \"m\"");
  CheckProblem(R"("start_slot": 99)", R"("start_slot": 98)",
               "11 /regions/3/start_slot: begins at slot 98, inside region 3, which ends at slot "
               "99; expected slot 99");
  CheckProblem(R"("end_slot": 99)", R"("end_slot": 16384)",
               "11 /regions/3/start_slot: begins at slot 99, inside region 3, which has no end; "
               "expected that to end here");
  CheckProblem(R"("start_key": "m", )", "",
               "9 /regions/1: begins at \"-\", inside region 1, which ends at \"m\"; expected "
               "\"m\"");
}

TEST_CASE("an id that stands twice is named with its first place", "[config]") {
  CheckProblems({{R"("store_id": 2, "addr")", R"("store_id": 1, "addr")"},
                 {R"({"store_id": 2, "peer_id": 21})", R"({"store_id": 1, "peer_id": 21})"},
                 {R"({"store_id": 2, "peer_id": 41})", R"({"store_id": 1, "peer_id": 41})"},
                 {R"(, "leader_store_id": 2)", ""}},
                {"5 /stores/1/store_id: store_id 1 is also at /stores/0/store_id; expected an id "
                 "of its own"});
  CheckProblem(R"("id": 4,)", R"("id": 3,)",
               "11 /regions/3/id: region id 3 is also at /regions/2/id; expected an id of its own");
  CheckProblem(R"("peer_id": 41)", R"("peer_id": 21)",
               "11 /regions/3/peers/0/peer_id: peer_id 21 is also at /regions/1/peers/0/peer_id; "
               "expected an id that no other peer has, in any region");
}

TEST_CASE("an address or a directory that two would share is refused", "[config]") {
  CheckProblem("\"b:1\"", "\"a:1\"",
               "5 /stores/1/addr: address a:1 is also at /stores/0/addr; expected an address of "
               "its own");
  CheckProblem("\"b:1\"", "\"pd:1\"",
               "5 /stores/1/addr: address pd:1 is also at /pd/addr; expected an address of its "
               "own");
  CheckProblems({{"\"a:1\"", R"("a:1", "docker_addr": "n:1")"},
                 {"\"b:1\"", R"("b:1", "docker_addr": "n:1")"}},
                {"5 /stores/1/docker_addr: address n:1 is also at /stores/0/docker_addr; expected "
                 "an address of its own"});
  CheckProblems({{"\"a:1\"", R"("a:1", "listen_addr": "10.0.0.1:1")"},
                 {"\"b:1\"", R"("b:1", "listen_addr": "10.0.0.1:1")"}},
                {"5 /stores/1/listen_addr: address 10.0.0.1:1 is also at /stores/0/listen_addr; "
                 "expected an address of its own"});
  CheckProblems(
      {{"\"a:1\"", R"("h:1", "work_dir": "w")"}, {"\"b:1\"", R"("h:2", "work_dir": "w")"}},
      {"5 /stores/1/work_dir: work_dir w on host h is also at /stores/0/work_dir; "
       "expected a directory of its own"});
  // On machines of their own these are no conflicts.
  CheckProblems({{"\"a:1\"", R"("a:1", "listen_addr": "0.0.0.0:1", "work_dir": "w")"},
                 {"\"b:1\"", R"("b:1", "listen_addr": "0.0.0.0:1", "work_dir": "w")"}},
                {});
}

TEST_CASE("peers live on stores that are there, one on each", "[config]") {
  CheckProblem(R"({"store_id": 1, "peer_id": 31})", R"({"store_id": 3, "peer_id": 31})",
               "10 /regions/2/peers/0/store_id: no store has the id 3; expected one of 1, 2");
  CheckProblem(R"({"store_id": 1, "peer_id": 31})",
               R"({"store_id": 1, "peer_id": 31}, {"store_id": 1, "peer_id": 32})",
               "10 /regions/2/peers/1/store_id: store 1 is also at /regions/2/peers/0/store_id; "
               "expected at most one peer on a store");
  CheckProblem(R"("leader_store_id": 2)", R"("leader_store_id": 1)",
               "9 /regions/1/leader_store_id: store 1 has no peer of this region; expected one of "
               "2");
  CheckProblem(R"("leader_store_id": 2)", R"("leader_store_id": 9)",
               "9 /regions/1/leader_store_id: store 9 has no peer of this region; expected one of "
               "2");
}

TEST_CASE("a key that stands twice in the file is refused, whichever value it has", "[config]") {
  CheckProblem(R"("id": 2,)", R"("id": 2, "id": 2,)",
               "9 /regions/1/id: a second key of this name, the first is in line 9; expected each "
               "key once");
  CheckProblems({{R"("id": 2,)", R"("id": "x", "id": 2,)"}},
                {"9 /regions/1/id: expected a whole number from 1 to 9007199254740991, found the "
                 "string \"x\"",
                 "9 /regions/1/id: a second key of this name, the first is in line 9; expected "
                 "each key once"});
}

TEST_CASE("counts of stores, regions and peers are bounded", "[config]") {
  std::string peers;
  std::string stores;
  for (int i = 1; i <= 1001; ++i) {
    stores += fmt::format("{}{{\"store_id\": {}, \"addr\": \"s{}:1\"}}", i == 1 ? "" : ",", i, i);
    if (i > 10) continue;
    peers += fmt::format("{}{{\"store_id\": {}, \"peer_id\": {}}}", i == 1 ? "" : ",", i, i);
  }
  const auto text = [&](const std::string& store_list, const std::string& peer_list) {
    return fmt::format(R"({{"pd": {{"addr": "pd:1"}}, "stores": [{}],
                           "regions": [{{"id": 1, "peers": [{}]}}]}})",
                       store_list, peer_list);
  };
  CHECK(ProblemsOf(text(stores, peers)) ==
        std::vector<std::string>{"1 /stores: expected an array of 1 to 1000 elements, found an "
                                 "array: it has 1001 elements",
                                 "2 /regions/0/peers: expected an array of 1 to 9 elements, found "
                                 "an array: it has 10 elements"});
  CHECK(ProblemsOf(text("", peers.substr(0, peers.find('}') + 1))) ==
        std::vector<std::string>{"1 /stores: expected an array of 1 to 1000 elements, found an "
                                 "array: it has 0 elements"});
}

TEST_CASE("all problems of a file are told at once, in its order", "[config]") {
  CheckProblems({{R"("addr": "pd:1")", R"("addr": "pd")"},
                 {R"("store_id": 2, "addr": "b:1")", R"("store_id": 1, "addr": "b:0")"},
                 {R"("id": 1,)", R"("id": 0,)"},
                 {R"("start_key": "m")", R"("start_key": "n")"},
                 {R"("peer_id": 41)", R"("peer_id": 31)"},
                 {R"(, "leader_store_id": 2)", R"(, "leader_store_id": 5)"}},
                {"2 /pd/addr: expected an address HOST:PORT, found the string \"pd\": there is no "
                 "port",
                 "5 /stores/1/store_id: store_id 1 is also at /stores/0/store_id; expected an id "
                 "of its own",
                 "5 /stores/1/addr: expected an address HOST:PORT, found the string \"b:0\": the "
                 "port is not from 1 to 65535",
                 "8 /regions/0/id: expected a whole number from 1 to 9007199254740991, found the "
                 "number 0",
                 "9 /regions/1/start_key: the keys from \"m\" to before \"n\" are in no region; "
                 "expected \"m\", where a region without id ends",
                 "9 /regions/1/peers/0/store_id: no store has the id 2; expected one of 1",
                 "9 /regions/1/leader_store_id: store 5 has no peer of this region; expected one "
                 "of 2",
                 "11 /regions/3/peers/0/store_id: no store has the id 2; expected one of 1",
                 "11 /regions/3/peers/0/peer_id: peer_id 31 is also at "
                 "/regions/2/peers/0/peer_id; expected an id that no other peer has, in any "
                 "region"});
}

}  // namespace
}  // namespace nokv::config
