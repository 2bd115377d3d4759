#include "raftstore/raft/read_index.h"

#include <catch2/catch.hpp>

#include <vector>

namespace nokv::raft {
namespace {

TEST_CASE("one round answers every read that waited at its start, and no other", "[raft][read]") {
  ReadQueue queue;
  queue.Add(1);
  queue.Add(2);
  queue.StartRound(10);
  queue.Add(3);
  REQUIRE(queue.round() == 1);

  std::vector<ReadState> answered;
  queue.Confirm(0, answered);
  REQUIRE(answered.empty());
  queue.Confirm(1, answered);
  REQUIRE(answered == std::vector<ReadState>{{1, 10}, {2, 10}});
  REQUIRE_FALSE(queue.has_round());
  REQUIRE(queue.has_waiting());

  queue.StartRound(12);
  queue.Confirm(1, answered);
  REQUIRE(answered.size() == 2);
  queue.Confirm(2, answered);
  REQUIRE(answered.back() == ReadState{3, 12});
}

TEST_CASE("reads that are given up are all named", "[raft][read]") {
  ReadQueue queue;
  queue.Add(1);
  queue.StartRound(10);
  queue.Add(2);
  std::vector<uint64_t> dropped;
  queue.Drop(dropped);
  REQUIRE(dropped == std::vector<uint64_t>{1, 2});
  REQUIRE(queue.size() == 0);

  std::vector<ReadState> answered;
  queue.Confirm(9, answered);
  REQUIRE(answered.empty());
}

}  // namespace
}  // namespace nokv::raft
