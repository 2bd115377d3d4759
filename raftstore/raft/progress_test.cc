#include "raftstore/raft/progress.h"

#include "raftstore/raft/inflights.h"

#include <catch2/catch.hpp>

namespace nokv::raft {
namespace {

constexpr Inflights::Limits kLimits = {.messages = 3, .bytes = 100};

TEST_CASE("a pipeline is full by messages or by bytes", "[raft][progress]") {
  Inflights inflights;
  REQUIRE_FALSE(inflights.IsFull(kLimits));
  inflights.Add(1, 10);
  inflights.Add(2, 10);
  REQUIRE_FALSE(inflights.IsFull(kLimits));
  inflights.Add(5, 10);
  REQUIRE(inflights.IsFull(kLimits));
  inflights.FreeTo(2);
  REQUIRE(inflights.count() == 1);
  REQUIRE(inflights.bytes() == 10);
  inflights.Add(6, 90);
  REQUIRE(inflights.IsFull(kLimits));
  inflights.FreeTo(4);
  REQUIRE(inflights.IsFull(kLimits));
  inflights.FreeTo(6);
  REQUIRE(inflights.count() == 0);
}

TEST_CASE("one message larger than all limits can still go", "[raft][progress]") {
  Inflights inflights;
  REQUIRE_FALSE(inflights.IsFull({.messages = 1, .bytes = 1}));
  inflights.Add(1, 1'000'000);
  REQUIRE(inflights.IsFull({.messages = 2, .bytes = 1}));
}

TEST_CASE("a pipeline keeps its order while it grows around its end", "[raft][progress]") {
  Inflights inflights;
  Index added = 0;
  Index freed = 0;
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 7; ++i) inflights.Add(++added, 1);
    freed += 5;
    inflights.FreeTo(freed);
    REQUIRE(inflights.count() == added - freed);
    REQUIRE(inflights.bytes() == added - freed);
  }
  inflights.FreeTo(added);
  REQUIRE(inflights.count() == 0);
}

TEST_CASE("a follower is probed until it acknowledges, then replicated to", "[raft][progress]") {
  Progress peer(2, 10, 0);
  REQUIRE(peer.state == ProgressState::kProbe);
  peer.is_paused = true;
  REQUIRE(peer.IsPaused(kLimits));

  // Its log ends at 4: the next probe goes there.
  REQUIRE(peer.Reject(9, 4));
  REQUIRE(peer.next == 5);
  REQUIRE_FALSE(peer.is_paused);

  REQUIRE(peer.Acknowledge(6));
  peer.BecomeReplicate();
  REQUIRE(peer.match == 6);
  REQUIRE(peer.next == 7);
}

TEST_CASE("a rejection that is out of date changes nothing", "[raft][progress]") {
  Progress peer(2, 10, 0);
  REQUIRE(peer.Reject(9, 4));
  REQUIRE_FALSE(peer.Reject(9, 2));  // Repeated.
  REQUIRE(peer.next == 5);

  peer.Acknowledge(6);
  peer.BecomeReplicate();
  REQUIRE_FALSE(peer.Reject(5, 1));  // Overtaken.
  REQUIRE(peer.state == ProgressState::kReplicate);
}

TEST_CASE("a rejection never goes below what was acknowledged", "[raft][progress]") {
  Progress peer(2, 10, 0);
  peer.Acknowledge(3);
  REQUIRE(peer.Reject(9, 0));
  REQUIRE(peer.next == 4);
  REQUIRE(peer.match == 3);
}

TEST_CASE("a loss sends a pipeline back to probing behind the last acknowledgement",
          "[raft][progress]") {
  Progress peer(2, 1, 0);
  peer.Acknowledge(5);
  peer.BecomeReplicate();
  peer.next = 9;
  peer.inflights.Add(8, 10);
  REQUIRE(peer.Reject(8, 5));
  REQUIRE(peer.state == ProgressState::kProbe);
  REQUIRE(peer.next == 6);
  REQUIRE(peer.inflights.count() == 0);
}

TEST_CASE("after a snapshot the next entry is the one behind it, if it was delivered",
          "[raft][progress]") {
  Progress delivered(2, 1, 0);
  delivered.Acknowledge(3);
  delivered.BecomeSnapshot(20);
  REQUIRE(delivered.IsPaused(kLimits));
  delivered.BecomeProbe();
  REQUIRE(delivered.next == 21);

  Progress failed(2, 1, 0);
  failed.Acknowledge(3);
  failed.BecomeSnapshot(20);
  failed.pending_snapshot = 0;
  failed.BecomeProbe();
  REQUIRE(failed.next == 4);
}

}  // namespace
}  // namespace nokv::raft
