// Whatever a file holds, it is a whole topology or its problems have places in it.

#include "cmd/config/key_text.h"
#include "cmd/config/topology.h"
#include "engine/base/random.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

namespace nokv::config {
namespace {

std::string Example() {
  auto text = vfs::ReadFile(vfs::PosixFileSystem(), NOKV_DEPLOY_DIR "/raft_config.example.json",
                            kFileBytesMax);
  REQUIRE(text.ok());
  return *std::move(text);
}

// What makes a difference in such a file.
constexpr std::string_view kWords[] = {"{",       "}",
                                       "[",       "]",
                                       ",",       ":",
                                       "\"",      "-",
                                       "0",       "1",
                                       "16384",   "-1",
                                       "1e9",     "null",
                                       "true",    "\"\"",
                                       "\"m\"",   "hex:ff",
                                       "\xff",    "\\u00",
                                       "\n",      "\"id\": 1",
                                       "{\"a\":", "8192",
                                       "m",       "9007199254740993"};

std::string Mutated(std::string text, Random& random) {
  const size_t at = random.Uniform(text.size() + 1);
  const size_t count = std::min<size_t>(random.Uniform(8), text.size() - at);
  switch (random.Uniform(5)) {
    case 0:
      text.erase(at, count);
      break;
    case 1:
      text.insert(at, kWords[random.Uniform(std::size(kWords))]);
      break;
    case 2:
      text.replace(at, count, kWords[random.Uniform(std::size(kWords))]);
      break;
    case 3:
      if (at < text.size()) text[at] = static_cast<char>(random.Uniform(256));
      break;
    default:  // A stretch of the file once more, somewhere else.
      text.insert(at, text.substr(random.Uniform(text.size() + 1), random.Uniform(200)));
      break;
  }
  return text;
}

// Changes one number or one word between quotes: the file stays JSON.
std::string MutatedValue(std::string text, Random& random) {
  constexpr std::string_view kDigits = "0123456789";
  const size_t at = text.find_first_of(kDigits, random.Uniform(text.size()));
  if (at == std::string::npos) return text;
  const size_t end = std::min(text.find_first_not_of(kDigits, at), text.size());
  text.replace(at, end - at, std::to_string(random.Uniform(random.OneIn(2) ? 5 : 20'000)));
  return text;
}

void CheckIsWhole(const Topology& topology) {
  std::set<uint64_t> stores;
  for (const Store& store : topology.stores) {
    REQUIRE(stores.insert(store.id).second);
    REQUIRE_FALSE(store.host.addr.empty());
    REQUIRE_FALSE(store.docker.listen_addr.empty());
  }
  std::set<uint64_t> peers;
  for (const Region& region : topology.regions) {
    std::set<uint64_t> homes;
    REQUIRE((region.end_key.empty() || region.start_key < region.end_key));
    REQUIRE_FALSE(region.peers.empty());
    for (const Peer& peer : region.peers) {
      REQUIRE(stores.contains(peer.store_id));
      REQUIRE(homes.insert(peer.store_id).second);
      REQUIRE(peers.insert(peer.peer_id).second);
    }
    if (region.leader_store_id) REQUIRE(homes.contains(*region.leader_store_id));
  }
  // Each bound is one region's start, and only the first and the last have none.
  std::multiset<std::string> starts;
  std::multiset<std::string> ends;
  for (const Region& region : topology.regions) {
    starts.insert(region.start_key);
    ends.insert(region.end_key);
  }
  REQUIRE(starts == ends);
  REQUIRE(std::set<std::string>(starts.begin(), starts.end()).size() == starts.size());
  REQUIRE(starts.contains(""));
}

void CheckArePlaced(const Problems& problems, const std::string& text) {
  const size_t lines = 1 + std::count(text.begin(), text.end(), '\n');
  REQUIRE(problems.count >= problems.listed.size());
  REQUIRE_FALSE(problems.listed.empty());
  size_t line_before = 1;
  for (const Problem& problem : problems.listed) {
    REQUIRE(problem.line >= line_before);
    REQUIRE(problem.line <= lines);
    REQUIRE(problem.column >= 1);
    REQUIRE((problem.pointer.empty() || problem.pointer.front() == '/'));
    REQUIRE_FALSE(problem.message.empty());
    REQUIRE(problem.message.size() < 500);
    line_before = problem.line;
  }
}

// True if it was accepted.
bool CheckText(const std::string& text) {
  const auto outcome = Validate(text);
  if (const auto* topology = std::get_if<Topology>(&outcome)) {
    CheckIsWhole(*topology);
    return true;
  }
  CheckArePlaced(std::get<Problems>(outcome), text);
  return false;
}

TEST_CASE("a file changed at random is a whole topology, or its problems have places", "[config]") {
  const uint64_t seed = 20260118;
  INFO("seed " << seed);
  Random random(seed);
  const std::string example = Example();
  int accepted = 0;
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = example;
    const bool stays_json = random.OneIn(2);
    for (uint64_t i = 1 + random.Uniform(3); i > 0; --i) {
      text = stays_json ? MutatedValue(std::move(text), random) : Mutated(std::move(text), random);
    }
    INFO("round " << round << ":\n" << text);
    (CheckText(text) ? accepted : refused) += 1;
  }
  // Both happen often, or the test would show nothing.
  CHECK(accepted > 1000);
  CHECK(refused > 5000);
}

TEST_CASE("a file cut anywhere is refused", "[config]") {
  const std::string example = Example();
  REQUIRE(CheckText(example));
  const size_t end = example.rfind('}');
  for (size_t size = 0; size <= end; ++size) {
    INFO("the first " << size << " bytes");
    REQUIRE_FALSE(CheckText(example.substr(0, size)));
  }
}

}  // namespace
}  // namespace nokv::config
