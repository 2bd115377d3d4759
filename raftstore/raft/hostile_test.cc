// Messages that no honest peer would send: refused with a reason, and never the end of the process.
#include "engine/base/random.h"
#include "raftstore/raft/raft.h"
#include "raftstore/raft/testing/node.h"

#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <vector>

namespace nokv::raft {
namespace {

using testing::Effects;
using testing::MemoryDisk;
using testing::Node;

std::unique_ptr<Node> NewNode(PeerId id) {
  Options options;
  options.id = options.seed = id;
  options.message_bytes_max = 1000;
  options.entry_bytes_max = 1000;
  return std::make_unique<Node>(options, MemoryDisk(MakeConfiguration({1, 2, 3})));
}

void Settle(Node& node, Effects& effects) {
  node.Drain(effects);
  while (node.pending_writes() > 0) node.CompleteWrite(effects);
}

// A follower of 1 in term 5, with entries 2..4 of that term, of which 3 are committed.
std::unique_ptr<Node> Follower() {
  auto node = NewNode(2);
  Message append{.type = MessageType::kAppend, .from = 1, .to = 2, .term = 5};
  append.log_index = append.log_term = 1;
  append.commit = 3;
  for (Index index = 2; index <= 4; ++index) {
    append.entries.push_back({index, 5, EntryKind::kData, Payload("x")});
  }
  REQUIRE(node->raft().Step(append).ok());
  Effects effects;
  Settle(*node, effects);
  REQUIRE(node->raft().committed() == 3);
  return node;
}

// 1 as the leader of term 2, whose log ends at 2.
std::unique_ptr<Node> Leader() {
  auto node = NewNode(1);
  REQUIRE(node->raft().Campaign().ok());
  for (const auto type : {MessageType::kPreVoteReply, MessageType::kVoteReply}) {
    Effects effects;
    Settle(*node, effects);
    REQUIRE(node->raft().Step({.type = type, .from = 2, .to = 1, .term = 2}).ok());
  }
  Effects effects;
  Settle(*node, effects);
  REQUIRE(node->raft().is_leader());
  return node;
}

Message FromLeader(MessageType type) {
  Message message{.type = type, .from = 1, .to = 2, .term = 5};
  return message;
}

// The message is refused as impossible, and the peer is as it was.
void RequireRefused(Node& node, const Message& message) {
  const std::string before = node.StateText();
  const absl::Status status = node.raft().Step(message);
  INFO(ToString(message) << ": " << status);
  REQUIRE_FALSE(status.ok());
  REQUIRE(node.StateText() == before);
}

TEST_CASE("a message for another, from nobody, or of no term is refused", "[raft][hostile]") {
  auto node = Follower();
  Message message = FromLeader(MessageType::kHeartbeat);
  message.to = 3;
  RequireRefused(*node, message);
  message.to = message.from = 2;
  RequireRefused(*node, message);
  message.from = kNobody;
  RequireRefused(*node, message);
  message = FromLeader(MessageType::kHeartbeat);
  message.term = 0;
  RequireRefused(*node, message);
  message.term = kCountMax;
  RequireRefused(*node, message);
  message = FromLeader(static_cast<MessageType>(77));
  RequireRefused(*node, message);
}

TEST_CASE("an append that cannot be is refused", "[raft][hostile]") {
  auto node = Follower();
  Message append = FromLeader(MessageType::kAppend);
  append.log_index = 4;
  append.log_term = 5;
  append.entries = {{6, 5, EntryKind::kData, Payload()}};  // A gap.
  RequireRefused(*node, append);
  append.entries = {{5, 4, EntryKind::kData, Payload()}};  // A term that falls.
  RequireRefused(*node, append);
  append.entries = {{5, 6, EntryKind::kData, Payload()}};  // A term to come.
  RequireRefused(*node, append);
  append.entries = {{5, 5, static_cast<EntryKind>(9), Payload()}};
  RequireRefused(*node, append);
  append.entries = {{5, 5, EntryKind::kData, Payload(std::string(3000, 'x'))}};
  RequireRefused(*node, append);
  append.entries = {};
  append.log_index = kCountMax;
  RequireRefused(*node, append);
}

TEST_CASE("what is committed is not replaced, whoever says so", "[raft][hostile]") {
  auto node = Follower();
  Message append{.type = MessageType::kAppend, .from = 3, .to = 2, .term = 9};
  append.log_index = 3;
  append.log_term = 5;
  append.entries = {{4, 9, EntryKind::kData, Payload("y")}};
  REQUIRE(node->raft().Step(append).ok());  // 4 was not committed.
  append.log_index = append.log_term = 1;
  append.entries = {{2, 9, EntryKind::kData, Payload("y")}};
  static_cast<void>(node->raft().Step(append));
  REQUIRE(node->raft().log().TermAt(2) == 5);
}

TEST_CASE("a commit past the end of the log is refused", "[raft][hostile]") {
  auto node = Follower();
  Message heartbeat = FromLeader(MessageType::kHeartbeat);
  heartbeat.commit = 5;
  const absl::Status status = node->raft().Step(heartbeat);
  REQUIRE(absl::IsInvalidArgument(status));
  REQUIRE(node->raft().committed() == 3);
}

TEST_CASE("two leaders of one term are not believed", "[raft][hostile]") {
  auto follower = Follower();
  Message other = FromLeader(MessageType::kHeartbeat);
  other.from = 3;
  RequireRefused(*follower, other);
  auto leader = Leader();
  Message message{.type = MessageType::kAppend, .from = 3, .to = 1, .term = 2};
  message.log_index = message.log_term = 1;
  RequireRefused(*leader, message);
  message.type = MessageType::kTimeoutNow;
  RequireRefused(*leader, message);
}

TEST_CASE("a snapshot that cannot be is refused", "[raft][hostile]") {
  auto node = Follower();
  Message message = FromLeader(MessageType::kSnapshot);
  RequireRefused(*node, message);
  const auto with = [&](Snapshot snapshot) {
    Message copy = message;
    copy.snapshot = std::make_shared<Snapshot>(std::move(snapshot));
    return copy;
  };
  const Configuration group = MakeConfiguration({1, 2, 3});
  RequireRefused(*node, with({0, 5, group, Payload()}));
  RequireRefused(*node, with({9, 6, group, Payload()}));
  RequireRefused(*node, with({9, 5, {}, Payload()}));
  REQUIRE_FALSE(node->raft().Step(with({9, 5, MakeConfiguration({1, 3}), Payload()})).ok());
  Configuration broken = group;
  broken.learners = {1};
  RequireRefused(*node, with({9, 5, broken, Payload()}));
  REQUIRE_FALSE(node->raft().log().has_pending_snapshot());
}

TEST_CASE("a leader does not believe in acknowledgements of what it has not sent",
          "[raft][hostile]") {
  auto node = Leader();
  Message reply{.type = MessageType::kAppendReply, .from = 2, .to = 1, .term = 2};
  reply.log_index = 3;
  RequireRefused(*node, reply);
  reply.from = 9;  // A stranger, also in a newer term.
  reply.log_index = 2;
  RequireRefused(*node, reply);
  reply.term = 50;
  RequireRefused(*node, reply);
  Message heartbeat{.type = MessageType::kHeartbeatReply, .from = 2, .to = 1, .term = 2};
  heartbeat.round = 7;
  RequireRefused(*node, heartbeat);
  heartbeat.round = 0;
  heartbeat.sent_tick = 1'000'000;
  RequireRefused(*node, heartbeat);
}

// Numbers near those that matter, and a few that are far off.
uint64_t AnyNumber(Random& random) {
  if (random.OneIn(20)) return random.Next();
  if (random.OneIn(20)) return kCountMax - random.Uniform(3);
  return random.Uniform(12);
}

Message AnyMessage(Random& random, PeerId to) {
  Message message{.type = static_cast<MessageType>(random.Uniform(11)), .to = to};
  message.from = random.OneIn(10) ? AnyNumber(random) : 1 + random.Uniform(3);
  message.reject = random.OneIn(2);
  message.force = random.OneIn(4);
  message.term = AnyNumber(random);
  message.log_index = AnyNumber(random);
  message.log_term = AnyNumber(random);
  message.commit = AnyNumber(random);
  message.hint = AnyNumber(random);
  message.hint_term = AnyNumber(random);
  message.round = AnyNumber(random);
  message.sent_tick = AnyNumber(random);
  const bool is_append = message.type == MessageType::kAppend || random.OneIn(30);
  for (uint64_t i = is_append ? random.Uniform(4) : 0; i > 0; --i) {
    Entry entry{message.log_index + 1 + message.entries.size(), random.Uniform(12)};
    if (random.OneIn(10)) entry.index = AnyNumber(random);
    if (random.OneIn(6)) {
      entry.kind = EntryKind::kConfigChange;
      ConfigChange change;
      change.transition = static_cast<ConfigChange::Transition>(random.Uniform(4));
      change.steps = {{static_cast<ConfigChange::Op>(random.Uniform(3)), 1 + random.Uniform(5)}};
      entry.data = Payload(random.OneIn(4) ? "garbage" : Encode(change));
    }
    message.entries.push_back(std::move(entry));
  }
  if (message.type == MessageType::kSnapshot && !random.OneIn(10)) {
    message.snapshot = std::make_shared<Snapshot>(
        Snapshot{AnyNumber(random), AnyNumber(random),
                 MakeConfiguration({1, 2, 3 + random.Uniform(3)}), Payload()});
  }
  return message;
}

TEST_CASE("no sequence of wrong messages ends the process", "[raft][hostile]") {
  size_t taken = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    std::unique_ptr<Node> node = seed % 2 == 0 ? Leader() : Follower();
    for (int i = 0; i < 500; ++i) {
      taken += node->raft().Step(AnyMessage(random, node->options().id)).ok();
      if (random.OneIn(8)) node->raft().Tick(random.Uniform(15));
      if (random.OneIn(8)) static_cast<void>(node->raft().ReadIndex(random.Next()));
      if (random.OneIn(8)) {
        node->raft().Propose({Payload("p")}, node->raft().term()).status().IgnoreError();
      }
      Effects effects;
      node->Drain(effects);
      if (random.OneIn(3)) {
        while (node->pending_writes() > 0) node->CompleteWrite(effects);
      }
      if (random.OneIn(20)) {
        node->Flush();
        node->Compact(node->raft().applied(), Payload());
      }
      INFO("seed " << seed << ": " << node->raft().status());
      REQUIRE(node->raft().status().ok());
    }
  }
  REQUIRE(taken > 1000);
}

}  // namespace
}  // namespace nokv::raft
