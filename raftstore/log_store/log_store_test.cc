#include "raftstore/log_store/log_store.h"

#include "raftstore/log_store/test_bench.h"
#include "raftstore/raft/raft.h"

#include <catch2/catch.hpp>

#include <deque>
#include <map>
#include <memory>

namespace nokv::log_store {
namespace {

using raft::Entry;
using raft::EntryKind;
using raft::Payload;

}  // namespace

TEST_CASE("a round of two regions is one write and one sync, and is there after a power cut",
          "[log_store]") {
  Bench bench;
  REQUIRE_OK(bench.store->Bootstrap(1, raft::MakeConfiguration({11})).status());
  REQUIRE_OK(bench.store->Bootstrap(2, raft::MakeConfiguration({21})).status());
  const uint64_t syncs = bench.db->GetStats().syncs;
  const std::vector<Entry> one = {EntryOf(2, 2, "a"),
                                  {3, 2, EntryKind::kConfigChange, Payload("change")}};
  const std::vector<Entry> two = {EntryOf(2, 5, "")};
  const WrittenRound round =
      bench.Write({{1, ReadyOf({2, 11, 1}, one)}, {2, ReadyOf({5, 21, 1}, two)}});
  REQUIRE(round.must_sync);
  bench.Sync(round.position);
  REQUIRE(bench.db->GetStats().syncs == syncs + 1);
  bench.Write({{1, ReadyOf({3, 12, 1}, {EntryOf(3, 3, "unsynced")})}});

  bench.PowerCut();
  REQUIRE(bench.store->Regions() == std::vector<RegionId>{1, 2});
  const RegionLog& log = *bench.store->Find(1);
  REQUIRE(log.hard_state() == raft::HardState{2, 11, 1});
  REQUIRE(log.first_index() == 2);
  REQUIRE(log.TermAt(1) == 1);
  REQUIRE(log.TermAt(4) == std::nullopt);
  REQUIRE(ReadAll(log) == one);
  REQUIRE(ReadAll(*bench.store->Find(2)) == two);
  REQUIRE(log.pending_snapshot()->configuration == raft::MakeConfiguration({11}));
}

TEST_CASE("entries are read up to a number of bytes, and one at least", "[log_store]") {
  Bench bench;
  REQUIRE_OK(bench.store->Bootstrap(1, raft::MakeConfiguration({11})).status());
  bench.Write({{1, ReadyOf({1, 0, 1}, {EntryOf(2, 1, "0123456789"), EntryOf(3, 1, "0123456789"),
                                       EntryOf(4, 1, "0123456789")})}});
  const RegionLog& log = *bench.store->Find(1);
  const uint64_t size = 10 + raft::kEntryOverheadBytes;
  REQUIRE(ReadAll(log, 0).size() == 1);
  REQUIRE(ReadAll(log, 2 * size - 1).size() == 1);
  REQUIRE(ReadAll(log, 2 * size).size() == 2);
  REQUIRE(ReadAll(log).size() == 3);
}

TEST_CASE("a snapshot replaces the log and is pending until the data has it", "[log_store]") {
  Bench bench;
  REQUIRE_OK(bench.store->Create(1).status());
  REQUIRE(absl::IsAlreadyExists(bench.store->Create(1).status()));
  REQUIRE(bench.store->Find(1)->first_index() == 1);
  REQUIRE(bench.store->Find(1)->last_index() == 0);
  REQUIRE(bench.store->Find(1)->TermAt(0) == 0);

  auto snapshot = std::make_shared<raft::Snapshot>();
  snapshot->index = 50;
  snapshot->term = 4;
  snapshot->configuration = raft::MakeConfiguration({1, 2});
  raft::Ready ready = ReadyOf({4, 0, 50}, {EntryOf(51, 4, "next")});
  ready.snapshot = snapshot;
  bench.Sync(bench.Write({{1, ready}}).position);
  for (int i = 0; i < 2; ++i) {
    const RegionLog& log = *bench.store->Find(1);
    REQUIRE(log.first_index() == 51);
    REQUIRE(log.last_index() == 51);
    REQUIRE(log.TermAt(50) == 4);
    REQUIRE(log.pending_snapshot()->index == 50);
    bench.PowerCut();
  }
  // Only the commit index moves: the snapshot stays pending.
  raft::Ready commit;
  commit.hard_state = raft::HardState{4, 0, 51};
  REQUIRE_FALSE(bench.Write({{1, commit}}).must_sync);
  REQUIRE(bench.store->Find(1)->pending_snapshot() != nullptr);
  REQUIRE(absl::IsInvalidArgument(bench.store->Compact(1, 51)));
  bench.SetMark(1, 51);
  REQUIRE(bench.store->Find(1)->pending_snapshot() == nullptr);
  REQUIRE_OK(bench.store->Compact(1, 51));
  const auto end = bench.store->Write({});
  REQUIRE_OK(end.status());
  bench.Sync(end->position);
  bench.PowerCut();
  REQUIRE(bench.store->Find(1)->first_index() == 52);
  REQUIRE(bench.store->Find(1)->TermAt(51) == 4);
  REQUIRE(bench.store->Find(1)->hard_state().commit == 51);
  REQUIRE(bench.store->Find(1)->pending_snapshot() == nullptr);
}

TEST_CASE("a removed region leaves nothing", "[log_store]") {
  Bench bench;
  REQUIRE_OK(bench.store->Bootstrap(1, raft::MakeConfiguration({11})).status());
  bench.SetMark(1, 1);
  const auto removed = bench.store->Remove(1);
  REQUIRE_OK(removed.status());
  bench.Sync(*removed);
  bench.PowerCut();
  REQUIRE(bench.store->Find(1) == nullptr);
  REQUIRE(bench.db->groups().MarkOf(1) == 0);
  REQUIRE_OK(bench.store->Create(2).status());
  REQUIRE_OK(bench.store->Remove(2).status());
  REQUIRE(absl::IsInvalidArgument(bench.store->Remove(2).status()));
}

TEST_CASE("a region's state that can't be read is named", "[log_store][damage]") {
  Bench bench;
  const GroupWrite write{.group = 9, .state = "\x01garbage"};
  REQUIRE_OK(bench.db->groups().Append(std::span(&write, 1)).status());
  const absl::Status status = LogStore::Open(bench.db->groups(), nullptr).status();
  REQUIRE(absl::IsDataLoss(status));
  REQUIRE_THAT(std::string(status.message()), Catch::Contains("region 9"));
}

// --- Cores over log stores.

namespace {

// A peer of one region on a store of its own. Its state machine is a list of texts, applied as a
// store does it: rows and mark in one write.
struct Peer {
  Bench bench;
  raft::Options options;
  std::unique_ptr<raft::Raft> core;
  std::deque<raft::Message> outbox;

  Peer(raft::PeerId id, const raft::Configuration& first_peers) : configuration(first_peers) {
    options.id = id;
    options.seed = id;
    const auto position = bench.store->Bootstrap(1, first_peers);
    REQUIRE_OK(position.status());
    bench.Sync(*position);
    Start();
  }

  void Start() {
    RegionLog& log = *bench.store->Find(1);
    if (const auto pending = log.pending_snapshot(); pending != nullptr) {
      configuration = pending->configuration;
      bench.SetMark(1, pending->index);
    }
    auto created = raft::Raft::Create(
        options, log, {log.hard_state(), bench.db->groups().MarkOf(1), configuration});
    REQUIRE_OK(created.status());
    core = *std::move(created);
  }

  void Drain() {
    while (core->HasReady()) {
      raft::Ready ready = core->TakeReady();
      for (raft::Message& message : ready.messages_now) outbox.push_back(std::move(message));
      if (ready.has_write()) {
        const RegionReady part{1, &ready};
        const auto written = bench.store->Write(std::span(&part, 1));
        REQUIRE_OK(written.status());
        if (written->must_sync) bench.Sync(written->position);
      }
      for (raft::Message& message : ready.messages_after_persist) {
        outbox.push_back(std::move(message));
      }
      core->Persisted(ready.number);
      for (const Entry& entry : ready.committed) Apply(entry);
    }
  }

  void Apply(const Entry& entry) {
    WriteBatch batch;
    if (!entry.data.empty()) batch.Set(fmt::format("{:04}", entry.index), entry.data.view());
    const GroupMark mark{1, entry.index};
    REQUIRE_OK(bench.db->Write(batch, {.marks = std::span(&mark, 1)}));
    core->Applied(entry.index);
  }

  void PowerCut() {
    core.reset();
    outbox.clear();
    bench.PowerCut();
    Start();
  }

  std::string Rows() {
    std::string text;
    const auto rows = bench.db->NewIterator();
    for (rows->SeekToFirst(); rows->Valid(); rows->Next()) text += std::string(rows->value()) + " ";
    return text;
  }

  raft::Configuration configuration;
};

struct Cluster {
  std::map<raft::PeerId, std::unique_ptr<Peer>> peers;

  Cluster() {
    const raft::Configuration configuration = raft::MakeConfiguration({1, 2, 3});
    for (const raft::PeerId id : {1, 2, 3}) {
      peers[id] = std::make_unique<Peer>(id, configuration);
    }
  }

  void Settle() {
    for (bool busy = true; busy;) {
      busy = false;
      for (auto& [id, peer] : peers) {
        peer->Drain();
        while (!peer->outbox.empty()) {
          raft::Message message = std::move(peer->outbox.front());
          peer->outbox.pop_front();
          busy = true;
          static_cast<void>(peers.at(message.to)->core->Step(std::move(message)));
        }
      }
    }
  }

  Peer& Leader() {
    for (int i = 0; i < 200; ++i) {
      Settle();
      for (auto& [id, peer] : peers) {
        if (peer->core->is_leader() && peer->core->may_evaluate()) return *peer;
      }
      for (auto& [id, peer] : peers) peer->core->Tick();
    }
    FAIL("nobody leads");
    return *peers.at(1);
  }

  void Propose(std::string_view text) {
    Peer& leader = Leader();
    REQUIRE_OK(leader.core->Propose({Payload(text)}, leader.core->term()).status());
    Settle();
  }
};

}  // namespace

TEST_CASE("a group of three keeps what it committed over power cuts of its stores", "[log_store]") {
  Cluster cluster;
  std::string expected;
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 5; ++i) {
      const std::string text = fmt::format("{}.{}", round, i);
      cluster.Propose(text);
      expected += text + " ";
    }
    // One store after the other, sometimes all of them at once.
    for (auto& [id, peer] : cluster.peers) {
      if (round % 4 == 3 || id == static_cast<raft::PeerId>(round % 3 + 1)) peer->PowerCut();
    }
    Peer& leader = cluster.Leader();
    REQUIRE(leader.Rows() == expected);
    if (round % 3 == 2) {
      for (auto& [id, peer] : cluster.peers) {
        REQUIRE_OK(peer->bench.db->Flush());
        const uint64_t mark = peer->bench.db->groups().MarkOf(1);
        // Followers that are behind must not need a snapshot here.
        if (mark > 30) REQUIRE_OK(peer->bench.store->Compact(1, mark - 20));
        REQUIRE(peer->bench.db->RunValueLogGC().ok());
      }
    }
  }
  for (int i = 0; i < 30; ++i) {
    cluster.Settle();
    for (auto& [id, peer] : cluster.peers) peer->core->Tick();
  }
  cluster.Settle();
  for (auto& [id, peer] : cluster.peers) {
    INFO("peer " << id);
    REQUIRE(peer->Rows() == expected);
  }
}

}  // namespace nokv::log_store
