#include "raftstore/raft/raft.h"

#include "raftstore/raft/testing/node.h"

#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace nokv::raft {
namespace {

using testing::Effects;
using testing::MemoryDisk;
using testing::Node;

// Three peers whose messages arrive and whose writes complete at once.
struct Trio {
  explicit Trio(Options options = {}) {
    for (PeerId id = 1; id <= 3; ++id) {
      options.id = options.seed = id;
      nodes.emplace(id, std::make_unique<Node>(options, MemoryDisk(MakeConfiguration({1, 2, 3}))));
    }
  }

  Raft& raft(PeerId id) { return nodes.at(id)->raft(); }

  void Settle() {
    std::vector<Message> on_the_way;
    do {
      for (Message& message : on_the_way) {
        if (message.to != cut) static_cast<void>(raft(message.to).Step(std::move(message)));
      }
      on_the_way.clear();
      for (auto& [id, node] : nodes) {
        Effects effects;
        node->Drain(effects);
        while (node->pending_writes() > 0) node->CompleteWrite(effects);
        for (Message& message : effects.messages) on_the_way.push_back(std::move(message));
        for (Entry& entry : effects.applied) applied[id].push_back(std::move(entry));
        reads.insert(reads.end(), effects.reads.begin(), effects.reads.end());
      }
    } while (!on_the_way.empty());
  }

  void Elect(PeerId id) {
    REQUIRE(raft(id).Campaign().ok());
    Settle();
    REQUIRE(raft(id).is_leader());
  }

  PeerId cut = kNobody;  // Hears nothing.
  std::map<PeerId, std::unique_ptr<Node>> nodes;
  std::map<PeerId, std::vector<Entry>> applied;
  std::vector<ReadState> reads;
};

TEST_CASE("a leader is elected and what it proposes is applied everywhere", "[raft]") {
  Trio trio;
  trio.Elect(1);
  REQUIRE(trio.raft(1).Propose({Payload("x")}, 2).value() == 3);
  trio.Settle();
  for (PeerId id = 1; id <= 3; ++id) {
    REQUIRE(trio.applied[id].size() == 2);
    REQUIRE(trio.applied[id][1].data.view() == "x");
    REQUIRE(trio.raft(id).leader() == 1);
  }
}

TEST_CASE("proposals that come together leave in one message", "[raft]") {
  Trio trio;
  trio.Elect(1);
  for (int i = 0; i < 10; ++i) REQUIRE(trio.raft(1).Propose({Payload("x")}, 2).ok());
  Effects effects;
  trio.nodes[1]->Drain(effects);
  REQUIRE(effects.messages.size() == 2);
  REQUIRE(effects.messages[0].entries.size() == 10);
}

TEST_CASE("a proposal that is too large or empty is refused", "[raft]") {
  Options options;
  options.entry_bytes_max = 100;
  Trio trio(options);
  trio.Elect(1);
  REQUIRE(
      absl::IsInvalidArgument(trio.raft(1).Propose({Payload(std::string(101, 'x'))}, 2).status()));
  REQUIRE(absl::IsInvalidArgument(trio.raft(1).Propose({}, 2).status()));
  REQUIRE(trio.raft(1).Propose({Payload(std::string(100, 'x'))}, 2).ok());
  REQUIRE(absl::IsFailedPrecondition(trio.raft(2).Propose({Payload("x")}, 2).status()));
}

TEST_CASE("reads that wait are bounded", "[raft]") {
  Options options;
  options.reads_waiting_max = 3;
  Trio trio(options);
  trio.Elect(1);
  for (uint64_t read = 1; read <= 3; ++read) REQUIRE(trio.raft(1).ReadIndex(read).ok());
  REQUIRE(absl::IsResourceExhausted(trio.raft(1).ReadIndex(4)));
  trio.Settle();
  REQUIRE(trio.reads.size() == 3);
  REQUIRE(trio.raft(1).ReadIndex(4).ok());
}

TEST_CASE("ticks until the next action may be given at once", "[raft]") {
  Trio one_by_one;
  Trio at_once;
  for (int round = 0; round < 50; ++round) {
    for (Trio* const trio : {&one_by_one, &at_once}) {
      const uint64_t ticks = trio->raft(2).ticks_until_action();
      if (trio == &at_once) {
        trio->raft(2).Tick(ticks);
      } else {
        for (uint64_t i = 0; i < ticks; ++i) trio->raft(2).Tick();
      }
      trio->Settle();
    }
    REQUIRE(one_by_one.raft(2).StateText() == at_once.raft(2).StateText());
  }
  REQUIRE(at_once.raft(2).is_leader());
}

TEST_CASE("a follower needs no snapshot once the log goes on from what it has", "[raft]") {
  Trio trio;
  trio.Elect(1);
  Raft& leader = trio.raft(1);
  for (int i = 0; i < 5; ++i) REQUIRE(leader.Propose({Payload("x")}, 2).ok());
  Effects lost;
  trio.nodes[1]->Drain(lost);
  Message to_two = lost.messages[0];
  Message to_three = lost.messages[1];
  REQUIRE(to_three.to == 3);
  static_cast<void>(trio.raft(2).Step(std::move(to_two)));
  while (trio.nodes[1]->pending_writes() > 0) trio.nodes[1]->CompleteWrite(lost);
  Effects acknowledged;
  trio.nodes[2]->Drain(acknowledged);
  while (trio.nodes[2]->pending_writes() > 0) trio.nodes[2]->CompleteWrite(acknowledged);
  REQUIRE(leader.Step(acknowledged.messages.back()).ok());
  Effects effects;
  trio.nodes[1]->Drain(effects);
  REQUIRE(leader.applied() == 7);
  trio.nodes[1]->Flush();
  trio.nodes[1]->Compact(7, Payload());

  // 3 seems to need a snapshot; it is sent one, up to 7.
  leader.ReportUnreachable(3);
  Message rejection{.type = MessageType::kAppendReply, .reject = true, .from = 3, .to = 1};
  rejection.term = 2;
  rejection.log_index = 2;
  static_cast<void>(leader.Step(rejection));
  Message alive{.type = MessageType::kHeartbeatReply, .from = 3, .to = 1, .term = 2};
  REQUIRE(leader.Step(alive).ok());
  trio.nodes[1]->Drain(effects);
  REQUIRE(leader.progress()[2].state == ProgressState::kSnapshot);

  // But then the entries that were late arrive there after all.
  static_cast<void>(trio.raft(3).Step(std::move(to_three)));
  trio.Settle();
  REQUIRE(leader.progress()[2].state == ProgressState::kReplicate);
  REQUIRE(trio.raft(3).log().first_index() == 2);  // It has taken no snapshot.
  REQUIRE(trio.raft(3).last_index() == 7);
}

TEST_CASE("a peer whose log cannot be read stops and says why", "[raft]") {
  Trio trio;
  trio.Elect(1);
  // 3 hears nothing of this entry, which the leader then has to read back for it.
  trio.cut = 3;
  REQUIRE(trio.raft(1).Propose({Payload("x")}, 2).ok());
  trio.Settle();
  REQUIRE(trio.raft(1).applied() == 3);
  REQUIRE(trio.raft(3).last_index() == 2);

  trio.cut = kNobody;
  trio.nodes[1]->disk().Break();
  trio.raft(1).Tick(3);
  trio.Settle();
  REQUIRE(absl::IsDataLoss(trio.raft(1).status()));
  REQUIRE_FALSE(trio.raft(1).HasReady());
  REQUIRE(absl::IsDataLoss(trio.raft(1).Propose({Payload("z")}, 2).status()));
  REQUIRE(absl::IsDataLoss(trio.raft(1).Campaign()));
}

TEST_CASE("a peer does not start from a state that no crash leaves", "[raft]") {
  Options options;
  options.id = 1;
  const Configuration group = MakeConfiguration({1, 2, 3});
  const MemoryDisk disk(group);
  const InitialState good = disk.initial_state();
  const auto code = [&](const InitialState& state) {
    return Raft::Create(options, disk, state).status().code();
  };
  REQUIRE(code(good) == absl::StatusCode::kOk);
  InitialState state = good;
  state.applied = 2;
  REQUIRE(code(state) == absl::StatusCode::kDataLoss);
  state = good;
  state.applied = 0;
  REQUIRE(code(state) == absl::StatusCode::kDataLoss);
  state = good;
  state.hard_state.commit = 2;
  REQUIRE(code(state) == absl::StatusCode::kDataLoss);
  state = good;
  state.hard_state.term = 0;
  REQUIRE(code(state) == absl::StatusCode::kDataLoss);
  state = good;
  state.configuration = {};
  REQUIRE(code(state) == absl::StatusCode::kDataLoss);
  options.id = 0;
  REQUIRE(code(good) == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("options that contradict each other are refused", "[raft]") {
  Options good;
  good.id = 1;
  REQUIRE(Validate(good).ok());
  Options options = good;
  options.lease_reads = true;
  REQUIRE(Validate(options).ok());
  options.check_quorum = false;
  REQUIRE(absl::IsInvalidArgument(Validate(options)));
  options = good;
  options.lease_reads = true;
  options.lease_ticks = options.election_ticks;
  REQUIRE(absl::IsInvalidArgument(Validate(options)));
  options = good;
  options.heartbeat_ticks = options.election_ticks;
  REQUIRE(absl::IsInvalidArgument(Validate(options)));
  options = good;
  options.inflight.messages = 0;
  REQUIRE(absl::IsInvalidArgument(Validate(options)));
}

}  // namespace
}  // namespace nokv::raft
