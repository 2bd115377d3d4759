// Every state of small groups; testing/explorer.h says which.
#include "raftstore/raft/testing/explorer.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <string_view>

namespace nokv::raft::testing {
namespace {

using Op = ConfigChange::Op;

uint64_t Scale() {
  const char* const scale = std::getenv("NOKV_TEST_SCALE");
  return scale != nullptr && std::string_view(scale) == "long" ? 20 : 1;
}

void RequireClean(std::string_view name, ExplorerOptions options) {
  options.states_max *= Scale();
#ifdef __SANITIZE_ADDRESS__
  options.states_max /= 10;
#endif
  const ExplorerResult result = Explore(options);
  fmt::print("{}: {}\n", name, ToString(result));
  std::string path;
  for (const std::string& input : result.path) path += "\n  " + input;
  INFO(name << ": " << result.violation << path);
  REQUIRE(result.violation.empty());
  REQUIRE(result.states > 1000);
}

TEST_CASE("no order of messages breaks two elections and a proposal", "[raft][explorer]") {
  RequireClean("two elections, one proposal", {.states_max = 300'000});
}

TEST_CASE("no order of messages breaks two elections and three proposals", "[raft][explorer]") {
  RequireClean("two elections, three proposals", {.proposals_max = 3, .states_max = 300'000});
  RequireClean("two elections, three proposals, paths",
               {.proposals_max = 3, .states_max = 300'000, .seed = 1});
}

TEST_CASE("no crash loses what was promised", "[raft][explorer]") {
  RequireClean("slow disks, a crash",
               {.crashes_max = 1, .has_slow_disks = true, .states_max = 300'000});
  RequireClean("slow disks, crashes, paths", {.elections_max = 3,
                                              .proposals_max = 2,
                                              .crashes_max = 2,
                                              .has_slow_disks = true,
                                              .states_max = 300'000,
                                              .seed = 2});
}

TEST_CASE("no order of messages breaks a change of the group", "[raft][explorer]") {
  RequireClean("the leader may be removed",
               {.changes = {{.steps = {{Op::kRemove, 1}}}}, .states_max = 200'000});
  RequireClean("a voter is replaced, paths",
               {.newcomer = 4,
                .changes = {{.steps = {{Op::kRemove, 1}, {Op::kAddVoter, 4}}}},
                .crashes_max = 1,
                .has_slow_disks = true,
                .states_max = 200'000,
                .seed = 3});
}

}  // namespace
}  // namespace nokv::raft::testing
