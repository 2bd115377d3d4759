#include "raftstore/raft/raft.h"

#include "raftstore/raft/testing/node.h"

#include <catch2/catch.hpp>

#include <map>
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
        static_cast<void>(raft(message.to).Step(std::move(message)));
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

}  // namespace
}  // namespace nokv::raft
