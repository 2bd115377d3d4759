// Proves that the explorer and the simulation see: each bug is planted in turn, and one must
// object.
#include "raftstore/raft/planted.h"

#include "raftstore/raft/testing/explorer.h"
#include "raftstore/raft/testing/node.h"
#include "raftstore/raft/testing/simulation.h"
#include "tests/support/child.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::raft::testing {
namespace {

constexpr uint64_t kStates = 250'000;       // The budget of the explorer,
constexpr uint64_t kExplorerSeeds = 8;      // so often,
constexpr uint64_t kSimulationSeeds = 300;  // and of the simulation, for one bug.

enum class Hunter : uint8_t { kExplorer, kSimulation, kScenario };

struct Planting {
  Bug bug;
  std::string_view name;
  Hunter hunter;
  ExplorerOptions bounds = {};
};

using Op = ConfigChange::Op;

const std::vector<Planting>& Plantings() {
  const ExplorerOptions crashes = {.elections_max = 3,
                                   .proposals_max = 2,
                                   .crashes_max = 2,
                                   .has_slow_disks = true,
                                   .states_max = kStates,
                                   .seed = 1};
  const ExplorerOptions elections = {.elections_max = 4,
                                     .proposals_max = 2,
                                     .message_bytes_max = 1,
                                     .states_max = kStates,
                                     .seed = 1,
                                     .path_length_max = 100};
  const ExplorerOptions changes = {
      .newcomer = 4,
      .changes = {{.steps = {{Op::kRemove, 1}, {Op::kAddVoter, 4}}}, {.steps = {{Op::kRemove, 2}}}},
      .elections_max = 3,
      .states_max = kStates,
      .seed = 1,
      .path_length_max = 100};
  ExplorerOptions joint = changes;
  joint.newcomer = kNobody;
  joint.changes = {{.steps = {{Op::kRemove, 2}, {Op::kRemove, 3}}}};
  static const std::vector<Planting> all = {
      {Bug::kVoteBeforeSync, "VoteBeforeSync", Hunter::kExplorer, crashes},
      {Bug::kVoteBeforeSync, "VoteBeforeSync", Hunter::kSimulation},
      {Bug::kVoteRequestBeforeSync, "VoteRequestBeforeSync", Hunter::kScenario},
      {Bug::kAckBeforeSync, "AckBeforeSync", Hunter::kExplorer, crashes},
      {Bug::kAckBeforeSync, "AckBeforeSync", Hunter::kSimulation},
      {Bug::kOwnAckBeforeSync, "OwnAckBeforeSync", Hunter::kExplorer, crashes},
      {Bug::kOwnAckBeforeSync, "OwnAckBeforeSync", Hunter::kSimulation},
      {Bug::kHardStateAfterEntries, "HardStateAfterEntries", Hunter::kExplorer, crashes},
      {Bug::kReplacedWriteCounts, "ReplacedWriteCounts", Hunter::kSimulation},
      {Bug::kStaleProposalAccepted, "StaleProposalAccepted", Hunter::kSimulation},
      {Bug::kCommitOlderTerm, "CommitOlderTerm", Hunter::kExplorer, elections},
      {Bug::kSecondVote, "SecondVote", Hunter::kExplorer, elections},
      {Bug::kSecondVote, "SecondVote", Hunter::kSimulation},
      {Bug::kVoteIgnoresLog, "VoteIgnoresLog", Hunter::kExplorer, elections},
      {Bug::kVoteIgnoresLog, "VoteIgnoresLog", Hunter::kSimulation},
      {Bug::kCommitPastMatch, "CommitPastMatch", Hunter::kSimulation},
      {Bug::kReadWithoutConfirmation, "ReadWithoutConfirmation", Hunter::kSimulation},
      {Bug::kReadBeforeOwnTerm, "ReadBeforeOwnTerm", Hunter::kSimulation},
      {Bug::kLeaseWithoutCheckQuorum, "LeaseWithoutCheckQuorum", Hunter::kSimulation},
      {Bug::kLeaseKeptInTransfer, "LeaseKeptInTransfer", Hunter::kSimulation},
      {Bug::kLeaseForgottenByRestart, "LeaseForgottenByRestart", Hunter::kSimulation},
      {Bug::kTwoChangesAtOnce, "TwoChangesAtOnce", Hunter::kExplorer, changes},
      {Bug::kTwoChangesAtOnce, "TwoChangesAtOnce", Hunter::kSimulation},
      {Bug::kJointIsUnion, "JointIsUnion", Hunter::kExplorer, joint},
      {Bug::kJointIsUnion, "JointIsUnion", Hunter::kSimulation},
  };
  return all;
}

bool HuntByExplorer(const Planting& planting) {
  for (uint64_t seed = 1; seed <= kExplorerSeeds; ++seed) {
    ExplorerOptions bounds = planting.bounds;
    bounds.seed = seed;
    bounds.states_max = kStates;
    const ExplorerResult result = Explore(bounds);
    if (result.violation.empty()) continue;
    fmt::print("{}: found after {} states (seed {}): {}\n", planting.name, result.states, seed,
               result.violation);
    return true;
  }
  return false;
}

bool HuntBySimulation(const Planting& planting) {
  for (uint64_t seed = 1; seed <= kSimulationSeeds; ++seed) {
    const bool is_about_leases = planting.name.starts_with("Lease");
    const SimulationResult result = Simulate({.seed = seed, .with_leases = is_about_leases});
    if (result.violation.empty()) continue;
    fmt::print("{}: found by seed {}: {}\n", planting.name, seed, result.violation);
    return true;
  }
  return false;
}

// A candidate asks with an entry that it then loses, and meets the vote for it after its restart. A
// random path of so many steps in one order is too rare to wait for.
bool HuntByScenario(const Planting& planting) {
  Options options;
  options.pre_vote = options.check_quorum = false;
  std::vector<std::unique_ptr<Node>> nodes(1);
  for (options.id = 1; options.id <= 3; ++options.id) {
    nodes.push_back(std::make_unique<Node>(options, MemoryDisk(MakeConfiguration({1, 2, 3}))));
  }
  std::vector<Message> sent;
  const auto settle = [&](PeerId id, bool is_durable) {
    Effects effects;
    nodes[id]->Drain(effects);
    while (is_durable && nodes[id]->pending_writes() > 0) nodes[id]->CompleteWrite(effects);
    sent.insert(sent.end(), effects.messages.begin(), effects.messages.end());
  };
  const auto deliver = [&](MessageType type, PeerId from, PeerId to, bool is_durable) {
    for (size_t i = sent.size(); i-- > 0;) {
      if (sent[i].type != type || sent[i].from != from || sent[i].to != to) continue;
      static_cast<void>(nodes[to]->raft().Step(sent[i]));
      return settle(to, is_durable);
    }
  };
  static_cast<void>(nodes[1]->raft().Campaign());
  settle(1, true);
  deliver(MessageType::kVote, 1, 2, true);
  deliver(MessageType::kVoteReply, 2, 1, true);
  deliver(MessageType::kAppend, 1, 3, true);
  deliver(MessageType::kAppendReply, 3, 1, true);
  const Index committed = nodes[1]->raft().committed();
  deliver(MessageType::kAppend, 1, 2, false);
  static_cast<void>(nodes[2]->raft().Campaign());
  settle(2, false);
  deliver(MessageType::kVote, 2, 3, true);
  options.id = 2;
  nodes[2] = std::make_unique<Node>(options, nodes[2]->DiskAfterCrash(0));
  static_cast<void>(nodes[2]->raft().Campaign());
  settle(2, true);
  deliver(MessageType::kVoteReply, 3, 2, true);
  const Raft& elected = nodes[2]->raft();
  if (!elected.is_leader() || elected.log().Matches(committed, 2)) return false;
  fmt::print("{}: found: 2 leads in term {} without entry {}\n", planting.name, elected.term(),
             committed);
  return true;
}

bool Hunt(const Planting& planting) {
  planted_bug = planting.bug;
  switch (planting.hunter) {
    case Hunter::kExplorer:
      return HuntByExplorer(planting);
    case Hunter::kSimulation:
      return HuntBySimulation(planting);
    case Hunter::kScenario:
      return HuntByScenario(planting);
  }
  return false;
}

TEST_CASE("every planted bug is found", "[raft][planted]") {
  const char* const only = std::getenv("NOKV_RAFT_BUG");  // To hunt for one of them.
  std::vector<bool> is_hunted(static_cast<size_t>(Bug::kCount));
  for (const Planting& planting : Plantings()) {
    is_hunted[static_cast<size_t>(planting.bug)] = true;
    if (only != nullptr && planting.name != only) continue;
    INFO(planting.name << " by hunter " << static_cast<int>(planting.hunter));
    CHECK(tests::IsFoundInChild(planting.name, [&planting] { return Hunt(planting); }));
  }
  for (size_t bug = 1; bug < is_hunted.size(); ++bug) {
    INFO("bug " << bug);
    CHECK(is_hunted[bug]);
  }
}

TEST_CASE("the same core without a planted bug is clean", "[raft][planted]") {
  planted_bug = Bug::kNone;
  for (const Planting& planting : Plantings()) {
    if (planting.hunter == Hunter::kScenario) CHECK_FALSE(HuntByScenario(planting));
    if (planting.hunter != Hunter::kExplorer) continue;
    ExplorerOptions bounds = planting.bounds;
    bounds.states_max = 20'000;
    CHECK(Explore(bounds).violation == "");
  }
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CHECK(Simulate({.seed = seed, .with_leases = true}).violation == "");
  }
}

}  // namespace
}  // namespace nokv::raft::testing
