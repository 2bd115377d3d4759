#include "raftstore/raft/quorum.h"

#include "engine/base/random.h"

#include <catch2/catch.hpp>

#include <map>
#include <vector>

namespace nokv::raft {
namespace {

using Values = std::map<PeerId, uint64_t>;

uint64_t Reached(const std::vector<PeerId>& voters, const Values& values) {
  return ReachedByMajority(voters, [&](PeerId peer) {
    const auto at = values.find(peer);
    return at == values.end() ? 0 : at->second;
  });
}

TEST_CASE("a majority has reached the middle value, the lower one of two", "[raft][quorum]") {
  REQUIRE(Reached({1}, {{1, 7}}) == 7);
  REQUIRE(Reached({1, 2}, {{1, 7}, {2, 5}}) == 5);
  REQUIRE(Reached({1, 2, 3}, {{1, 7}, {2, 5}, {3, 9}}) == 7);
  REQUIRE(Reached({1, 2, 3, 4}, {{1, 7}, {2, 5}, {3, 9}, {4, 1}}) == 5);
  REQUIRE(Reached({1, 2, 3}, {{1, 7}}) == 0);
  REQUIRE(Reached({}, {}) == kAnything);
}

TEST_CASE("what a majority has reached is what counting says", "[raft][quorum]") {
  Random random(1);
  for (int round = 0; round < 2000; ++round) {
    std::vector<PeerId> voters;
    Values values;
    for (PeerId peer = 1; peer <= 1 + random.Uniform(9); ++peer) {
      voters.push_back(peer);
      values[peer] = random.Uniform(6);
    }
    uint64_t expected = 0;
    for (uint64_t candidate = 0; candidate <= 6; ++candidate) {
      size_t reached = 0;
      for (const PeerId voter : voters) reached += values[voter] >= candidate;
      if (2 * reached > voters.size()) expected = candidate;
    }
    REQUIRE(Reached(voters, values) == expected);
  }
}

TEST_CASE("a joint quorum is a majority of both sides", "[raft][quorum]") {
  const Values values = {{1, 9}, {2, 9}, {3, 1}, {4, 1}, {5, 2}};
  const auto of = [&](PeerId peer) { return values.at(peer); };
  const std::vector<PeerId> outgoing = {1, 2, 3};
  const std::vector<PeerId> incoming = {3, 4, 5};
  REQUIRE(ReachedByJoint(incoming, outgoing, of) == 1);
  REQUIRE(ReachedByJoint(outgoing, {}, of) == 9);
  REQUIRE(ReachedByJoint({}, {}, of) == kAnything);
}

VoteResult Count(const std::vector<PeerId>& incoming, const std::vector<PeerId>& outgoing,
                 const std::map<PeerId, bool>& votes) {
  return CountVotes(incoming, outgoing, [&](PeerId peer) {
    const auto at = votes.find(peer);
    if (at == votes.end()) return Ballot::kMissing;
    return at->second ? Ballot::kGranted : Ballot::kRefused;
  });
}

TEST_CASE("an election is won, lost, or open as long as it can be won", "[raft][quorum]") {
  REQUIRE(Count({1, 2, 3}, {}, {{1, true}}) == VoteResult::kPending);
  REQUIRE(Count({1, 2, 3}, {}, {{1, true}, {2, true}}) == VoteResult::kWon);
  REQUIRE(Count({1, 2, 3}, {}, {{1, true}, {2, false}}) == VoteResult::kPending);
  REQUIRE(Count({1, 2, 3}, {}, {{1, false}, {2, false}}) == VoteResult::kLost);
  REQUIRE(Count({1, 2}, {}, {{1, true}, {2, false}}) == VoteResult::kLost);
  REQUIRE(Count({1, 2, 3}, {}, {{4, true}, {5, true}}) == VoteResult::kPending);
  REQUIRE(Count({1}, {1, 2, 3}, {{1, true}}) == VoteResult::kPending);
  REQUIRE(Count({1}, {1, 2, 3}, {{1, true}, {3, true}}) == VoteResult::kWon);
  REQUIRE(Count({1, 4, 5}, {1, 2, 3}, {{1, true}, {2, true}, {4, false}, {5, false}}) ==
          VoteResult::kLost);
}

}  // namespace
}  // namespace nokv::raft
