// Crashes, lost leaders, full and stalled disks.
#include "raftstore/log_store/log_store.h"
#include "raftstore/raft/raft.h"
#include "raftstore/store/records.h"
#include "raftstore/store/store.h"
#include "raftstore/store/test_cluster.h"

namespace nokv::store {
namespace {

constexpr bool kPowerCut = true;

transport::StoreId NextOf(transport::StoreId id) { return id % 3 + 1; }

// Everything that was acknowledged, and what must be there.
struct Acknowledged {
  TestCluster& cluster;
  std::map<std::string, std::string> values = {};

  void Put(const std::string& key, const std::string& value) {
    cluster.MustPut(key, value);
    values[key] = value;
  }

  void Check() {
    for (const auto& [key, value] : values) {
      INFO(key);
      REQUIRE(cluster.MustGet(key) == value);
    }
  }
};

// Nobody gives up waiting.
Options Patient() {
  Options options;
  options.unknown_outcome_wait = absl::Minutes(5);
  options.timeout_default = absl::Minutes(5);
  options.timeout_max = absl::Minutes(5);
  return options;
}

}  // namespace

TEST_CASE("acknowledged writes survive any leader's death", "[store][crash]") {
  TestCluster cluster;
  Acknowledged acknowledged{cluster};
  for (int round = 0; round < 9; ++round) {
    for (int i = 0; i < 5; ++i) {
      acknowledged.Put(fmt::format("k{}", i), fmt::format("{}.{}", round, i));
    }
    const transport::StoreId leader = cluster.Leader();
    cluster.Kill(leader, round % 2 == 0);
    acknowledged.Put("after", fmt::format("{}", round));
    acknowledged.Check();
    cluster.Open(leader);
    cluster.Pass(absl::Seconds(1));
  }
  for (const transport::StoreId id : {1, 2, 3}) {
    REQUIRE(cluster.StatusOf(id, 1)->applied == cluster.StatusOf(cluster.Leader(), 1)->applied);
  }
}

TEST_CASE("acknowledged writes survive a power cut of all stores at once", "[store][crash]") {
  TestCluster cluster({TestCluster::Region(1, "", "m"), TestCluster::Region(2, "m", "")});
  Acknowledged acknowledged{cluster};
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 5; ++i) {
      acknowledged.Put(fmt::format("k{}", i), fmt::format("{}.{}", round, i));
    }
    for (const transport::StoreId id : {1, 2, 3}) cluster.Kill(id, kPowerCut);
    for (const transport::StoreId id : {1, 2, 3}) cluster.Open(id);
    acknowledged.Check();
  }
}

TEST_CASE("a store that starts anew has another incarnation and the same identity", "[store]") {
  TestCluster cluster;
  const Ident before = cluster.node(1).store->ident();
  cluster.Kill(1, kPowerCut);
  cluster.Open(1);
  const Ident after = cluster.node(1).store->ident();
  REQUIRE(after.incarnation == before.incarnation + 1);
  REQUIRE(after.identity == before.identity);
  REQUIRE(before.identity != 0);
}

TEST_CASE("a deposed leader does not say no, and answers no read", "[store][leader]") {
  TestCluster cluster;
  const uint64_t start = cluster.DrawTimestamp();
  cluster.MustPut("k", "v");
  const transport::StoreId old = cluster.Leader();
  cluster.Isolate(old);
  const ReplyPtr conflict = cluster.Submit(old, cluster.PutCommand(old, "k", "x", start));
  const ReplyPtr read = cluster.Get(old, "k");
  cluster.Settle();
  REQUIRE_FALSE(conflict->is_there());
  REQUIRE_FALSE(read->is_there());
  cluster.Pass(absl::Seconds(4));
  REQUIRE(conflict->prewrite().region_error().has_not_leader());
  REQUIRE(read->get().region_error().has_not_leader());
  REQUIRE(cluster.MustGet("k") == "v");  // From the new leader.
}

TEST_CASE("what a deposed leader had proposed has an unknown outcome, and is no refusal",
          "[store][leader]") {
  TestCluster cluster;
  cluster.MustPut("k", "v");
  const transport::StoreId old = cluster.Leader();
  cluster.Isolate(old);
  const uint64_t start = cluster.DrawTimestamp();
  const ReplyPtr write = cluster.Submit(old, cluster.PutCommand(old, "k", "unknown", start));
  cluster.Settle();
  REQUIRE_FALSE(write->is_there());
  cluster.Pass(absl::Seconds(6));
  REQUIRE(write->is_there());
  REQUIRE(absl::IsDeadlineExceeded(write->answer->status()));

  // It asks again with the same start timestamp, and knows.
  cluster.MustGet("k");
  const transport::StoreId leader = cluster.Leader();
  const ReplyPtr again = cluster.Submit(leader, cluster.PutCommand(leader, "k", "unknown", start));
  cluster.Settle();
  REQUIRE(again->prewrite().has_done());
  REQUIRE(cluster.MustGet("k") == "unknown");
  cluster.Rejoin(old);
  cluster.Pass(absl::Seconds(3));
  REQUIRE(cluster.StatusOf(old, 1)->applied == cluster.StatusOf(cluster.Leader(), 1)->applied);
}

TEST_CASE("proposals of a deposed leader leave room for commands of other regions",
          "[store][leader]") {
  Options options = Patient();
  options.command_bytes_max = 64 << 10;
  TestCluster cluster({TestCluster::Region(1, "", "")}, options);
  cluster.MustPut("k", "v");
  const transport::StoreId old = cluster.Leader();
  cluster.Isolate(old);
  const std::string value(25'000, 'x');
  const ReplyPtr first = cluster.Put(old, "a", value);
  const ReplyPtr second = cluster.Put(old, "b", value);
  cluster.Settle();
  const ReplyPtr no_room = cluster.Put(old, "c", value);
  REQUIRE(no_room->prewrite().region_error().has_server_is_busy());
  cluster.Pass(absl::Seconds(4));
  REQUIRE_FALSE(first->is_there());  // It may be in the next leader's log.
  REQUIRE(cluster.StatisticsOf(old).commands_waiting == 0);
  const ReplyPtr other = cluster.Put(old, "c", value);
  cluster.Settle();
  REQUIRE(other->prewrite().region_error().has_not_leader());

  // They are answered all the same, with their outcome.
  cluster.MustPut("d", "w");
  cluster.Rejoin(old);
  cluster.Pass(absl::Seconds(5));
  REQUIRE(first->prewrite().region_error().has_stale_command());
  REQUIRE(second->prewrite().region_error().has_stale_command());
}

TEST_CASE("a proposal that another leader's entry replaced is refused, and never happens",
          "[store][leader]") {
  TestCluster cluster({TestCluster::Region(1, "", "")}, Patient());
  cluster.MustPut("k", "v");
  const transport::StoreId old = cluster.Leader();
  cluster.Isolate(old);
  const ReplyPtr lost = cluster.Put(old, "k", "lost");
  cluster.Settle();
  cluster.MustPut("other", "w");
  cluster.Rejoin(old);
  cluster.Pass(absl::Seconds(5));
  REQUIRE(lost->prewrite().region_error().has_stale_command());
  REQUIRE(cluster.MustGet("k") == "v");
}

TEST_CASE("a write whose timestamp comes in another term is not proposed", "[store][leader]") {
  TestCluster cluster;
  cluster.MustPut("k", "v");
  const transport::StoreId old = cluster.Leader();
  cluster.pd(old).is_held = true;
  const ReplyPtr write = cluster.Put(old, "k", "w");
  cluster.Settle();
  cluster.Isolate(old);
  cluster.Pass(absl::Seconds(4));
  REQUIRE(write->prewrite().region_error().has_not_leader());
  cluster.MustPut("k", "x");
  cluster.Rejoin(old);
  cluster.Isolate(cluster.Leader());
  cluster.Pass(absl::Seconds(4));
  for (const auto& held : cluster.pd(old).held) held();
  cluster.Settle();
  REQUIRE(cluster.MustGet("k") == "x");
}

TEST_CASE("what waits ends at its deadline: unproposed as a refusal", "[store]") {
  TestCluster cluster;
  const transport::StoreId leader = cluster.Leader();
  cluster.pd(leader).is_held = true;
  kv::v1::Command command = cluster.PutCommand(leader, "k", "v", cluster.DrawTimestamp());
  command.mutable_prewrite()->mutable_context()->set_timeout_ms(500);
  const ReplyPtr first = cluster.Submit(leader, command);
  command.mutable_prewrite()->set_start_ts(cluster.DrawTimestamp());
  command.mutable_prewrite()->mutable_context()->set_timeout_ms(2'000);
  const ReplyPtr queued = cluster.Submit(leader, command);
  cluster.Settle();
  cluster.Pass(absl::Seconds(1));
  REQUIRE(first->prewrite().region_error().has_server_is_busy());
  REQUIRE_FALSE(queued->is_there());
  // The first has let the second hold the key. The store itself has asked for the time.
  REQUIRE(cluster.pd(leader).held.size() == 3);
  for (const auto& held : cluster.pd(leader).held) held();
  cluster.Settle();
  REQUIRE(queued->prewrite().has_done());
  REQUIRE(cluster.StatisticsOf(leader).commands_waiting == 0);
}

TEST_CASE("a full disk refuses puts, and deletes and heartbeats go on", "[store][disk]") {
  TestCluster cluster;
  cluster.MustPut("k", "v");
  const transport::StoreId leader = cluster.Leader();
  cluster.node(leader).space.available_bytes = 300 << 20;
  cluster.Pass(absl::Seconds(2));
  const ReplyPtr put = cluster.Put(leader, "k", "w");
  kv::v1::Command command = cluster.PutCommand(leader, "k", "", cluster.DrawTimestamp());
  command.mutable_prewrite()->mutable_mutations(0)->set_kind(kv::v1::MUTATION_KIND_DELETE);
  const ReplyPtr removed = cluster.Submit(leader, command);
  cluster.Settle();
  REQUIRE(put->prewrite().region_error().disk_full().available_bytes() == 300 << 20);
  REQUIRE(removed->prewrite().has_done());
  REQUIRE(cluster.Leader() == leader);

  // A follower without any space is left behind, and the others go on.
  cluster.node(leader).space.available_bytes = 1ull << 40;
  cluster.node(NextOf(leader)).space.available_bytes = 1 << 20;
  cluster.Pass(absl::Seconds(2));
  cluster.MustPut("k", "x");
  REQUIRE(cluster.StatusOf(NextOf(leader), 1)->last < cluster.StatusOf(leader, 1)->last);
  cluster.node(NextOf(leader)).space.available_bytes = 1ull << 40;
  cluster.Pass(absl::Seconds(3));
  REQUIRE(cluster.StatusOf(NextOf(leader), 1)->last == cluster.StatusOf(leader, 1)->last);
}

TEST_CASE("where the log takes nothing, regions that write nothing go on", "[store][disk]") {
  TestCluster cluster({TestCluster::Region(1, "", "m"), TestCluster::Region(2, "m", "")});
  const transport::StoreId leader = LeaderOfBoth(cluster);
  const ReplyPtr put =
      cluster.Submit(leader, cluster.PutCommand(leader, "z", "v", cluster.DrawTimestamp(), 2));
  cluster.Settle();
  REQUIRE(put->prewrite().has_done());

  // The free space that is reported does not show it, as that of a quota.
  cluster.node(leader).disk->SetCapacityBytes(1);
  for (int i = 0; i < 8; ++i) cluster.Put(leader, fmt::format("k{}", i), std::string(400'000, 'x'));
  cluster.Settle();
  cluster.Pass(absl::Seconds(5));
  REQUIRE(cluster.node(leader).failure.ok());
  REQUIRE(cluster.Leader(1) != leader);
  REQUIRE(cluster.Leader(2) == leader);
  const ReplyPtr read = cluster.Submit(leader, cluster.GetCommand(leader, "z", UINT64_MAX, 2));
  const ReplyPtr refused =
      cluster.Submit(leader, cluster.PutCommand(leader, "z", "w", cluster.DrawTimestamp(), 2));
  cluster.Pass(absl::Milliseconds(200));
  REQUIRE(read->get().found().value() == "v");
  REQUIRE(refused->prewrite().region_error().has_disk_full());

  cluster.node(leader).disk->SetCapacityBytes(uint64_t{1} << 40);
  cluster.Pass(absl::Seconds(5));
  REQUIRE(cluster.StatusOf(leader, 1)->applied == cluster.StatusOf(cluster.Leader(1), 1)->applied);
}

TEST_CASE("after a pause of a minute a store goes on", "[store]") {
  TestCluster cluster;
  cluster.MustPut("k", "v");
  cluster.clock().Advance(absl::Minutes(1));
  cluster.Pass(absl::Seconds(1));
  cluster.MustPut("k", "w");
  REQUIRE(cluster.MustGet("k") == "w");
}

TEST_CASE("a region that was bootstrapped is not bootstrapped again", "[store][bootstrap]") {
  TestCluster cluster;
  cluster.MustPut("k", "v");
  const region::RegionMeta region = TestCluster::Region(1, "", "");
  for (const transport::StoreId id : {1, 2, 3}) {
    cluster.Kill(id, kPowerCut);
    cluster.Open(id);  // Which bootstraps the same.
  }
  REQUIRE(cluster.MustGet("k") == "v");
  Store& store = *cluster.node(1).store;
  REQUIRE(store.Bootstrap(region).ok());
  region::RegionMeta other = region;
  other.end = "x";
  REQUIRE(absl::IsAlreadyExists(store.Bootstrap(other)));
  other.id = 2;
  REQUIRE(absl::IsAlreadyExists(store.Bootstrap(other)));  // The keys are another region's.
  other.peers.erase(other.peers.begin());
  REQUIRE(absl::IsInvalidArgument(store.Bootstrap(other)));
}

TEST_CASE("a crash inside a bootstrap leaves nothing or a region", "[store][bootstrap][crash]") {
  // Stops after the region's record, after its log, or after all of it.
  for (int steps = 1; steps <= 3; ++steps) {
    TestCluster cluster;
    cluster.Kill(2, kPowerCut);
    TestCluster::Node& node = cluster.node(2);
    node.disk = std::make_shared<vfs::MemFileSystem>();
    cluster.OpenWithout(2);
    const region::RegionMeta region = TestCluster::Region(1, "", "");
    {
      const auto meta = node.db->FindColumnFamily("meta");
      REQUIRE(meta.ok());
      WriteBatch batch;
      batch.Set(RegionKey(1), region::Encode(region), *meta);
      REQUIRE(node.db->Write(batch).ok());
      auto logs = log_store::LogStore::Open(node.db->groups(), nullptr);
      REQUIRE(logs.ok());
      if (steps >= 2) REQUIRE((*logs)->Bootstrap(1, region::ConfigurationOf(region)).ok());
      const GroupMark mark{1, raft::kBootstrapIndex};
      if (steps >= 3) REQUIRE(node.db->Write({}, {.marks = std::span(&mark, 1)}).ok());
    }
    cluster.Kill(2, false);
    cluster.OpenWithout(2);
    INFO("steps " << steps);
    const std::optional<PeerStatus> status = cluster.StatusOf(2, 1);
    REQUIRE(status.has_value());
    REQUIRE(status->applied == raft::kBootstrapIndex);
  }
}

}  // namespace nokv::store
