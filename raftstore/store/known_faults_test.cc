// Faults that replicated stores are known for elsewhere, and the tests that would find them here;
// docs/faults.md lists them all.
#include "raftstore/log_store/log_store.h"
#include "raftstore/raft/raft.h"
#include "raftstore/store/records.h"
#include "raftstore/store/store.h"
#include "raftstore/store/test_cluster.h"

#include <map>
#include <set>

namespace nokv::store {
namespace {

using Catch::Contains;

transport::StoreId NextOf(transport::StoreId id) { return id % 3 + 1; }

// What a store would have of region 1 if its power went now.
struct Durable {
  raft::HardState hard_state;
  raft::Index last_index = 0;
};

Durable DurableOf(TestCluster& cluster, transport::StoreId id) {
  const std::unique_ptr<vfs::MemFileSystem> disk = cluster.node(id).disk->Clone();
  Random random(1);
  disk->PowerCut(random, vfs::PowerCutMode::kKeepNothing);
  ManualClock clock;
  ManualExecutor executor;
  nokv::Options engine;
  engine.directory = "/store";
  engine.groups = true;
  engine.background_work = false;
  engine.environment = {disk.get(), &clock, &executor};
  const auto db = DB::Open(engine);
  REQUIRE(db.ok());
  const auto logs = log_store::LogStore::Open((*db)->groups(), nullptr);
  REQUIRE(logs.ok());
  const log_store::RegionLog* const log = (*logs)->Find(1);
  if (log == nullptr) return {};
  return {log->hard_state(), log->last_index()};
}

std::vector<region::RegionMeta> LeftAndRight() {
  return {TestCluster::Region(1, "", "m"), TestCluster::Region(2, "m", "")};
}

// Asks the leader of `region`, at its next heartbeat, to hand it to the peer on `to`.
void OrderLeader(TestCluster& cluster, region::RegionId region, transport::StoreId to) {
  pd::v1::StoreHeartbeatResponse& reply = cluster.pd(cluster.Leader(region)).store_reply;
  pd::v1::Order& order = *reply.add_orders();
  order.set_region_id(region);
  order.mutable_epoch()->set_version(1);
  order.mutable_epoch()->set_conf_version(1);
  order.mutable_transfer_leader()->mutable_to()->set_id(region * 10 + to);
}

// As TestCluster::Submit, with a number of our choice.
ReplyPtr SubmitAs(TestCluster& cluster, transport::StoreId to, uint64_t number,
                  kv::v1::Command command) {
  auto reply = std::make_shared<Reply>();
  command.set_id(number);
  cluster.node(to).store->Submit(std::move(command),
                                 [reply](absl::StatusOr<kv::v1::CommandResult> answer) {
                                   REQUIRE_FALSE(reply->is_there());
                                   reply->answer = std::move(answer);
                                 });
  return reply;
}

}  // namespace

TEST_CASE("a vote is on disk before it is asked for or given", "[store][faults][crash]") {
  TestCluster cluster;
  cluster.MustPut("k", "v");
  const transport::StoreId old = cluster.Leader();
  const transport::StoreId candidate = NextOf(old);
  const transport::StoreId voter = NextOf(candidate);
  const raft::Term term = cluster.StatusOf(old, 1)->term;
  int requests = 0;
  int grants = 0;
  cluster.Lose([&](transport::StoreId from, transport::StoreId, const raft::Message& message) {
    const bool is_request = message.type == raft::MessageType::kVote;
    const bool is_grant = message.type == raft::MessageType::kVoteReply && !message.reject;
    requests += is_request ? 1 : 0;
    grants += is_grant ? 1 : 0;
    if (is_request || is_grant) {
      const raft::HardState durable = DurableOf(cluster, from).hard_state;
      CAPTURE(from, durable.term, durable.vote, message.term);
      REQUIRE(durable.term == message.term);
      REQUIRE(durable.vote == (is_grant ? message.to : message.from));
    }
    return false;
  });

  for (const transport::StoreId id : {old, candidate, voter}) cluster.Freeze(id);
  OrderLeader(cluster, 1, candidate);
  for (int i = 0; i < 100 && cluster.StatusOf(candidate, 1)->term == term; ++i) {
    cluster.Pass(absl::Milliseconds(20));
  }
  REQUIRE(cluster.StatusOf(candidate, 1)->term == term + 1);
  REQUIRE(requests == 0);  // It has voted for itself, and not written it.
  cluster.Thaw(candidate);
  cluster.Settle();
  REQUIRE(requests == 2);
  REQUIRE(cluster.StatusOf(voter, 1)->term == term + 1);
  REQUIRE(grants == 0);  // The others have decided, and not written it.
  cluster.Thaw(voter);
  cluster.Settle();
  REQUIRE(grants == 1);
  REQUIRE(cluster.StatusOf(candidate, 1)->is_leader);
  cluster.Thaw(old);
  cluster.Settle();
  REQUIRE(grants == 2);
}

TEST_CASE("an entry is on disk before it is acknowledged", "[store][faults][crash]") {
  TestCluster cluster;
  cluster.MustPut("k", "v");
  const transport::StoreId leader = cluster.Leader();
  const transport::StoreId first = NextOf(leader);
  const transport::StoreId second = NextOf(first);
  const raft::Index before = cluster.StatusOf(leader, 1)->last;
  std::set<transport::StoreId> acknowledged;
  cluster.Lose([&](transport::StoreId from, transport::StoreId, const raft::Message& message) {
    if (message.type != raft::MessageType::kAppendReply || message.reject) return false;
    if (message.log_index > before) acknowledged.insert(from);
    CAPTURE(from, message.log_index);
    REQUIRE(DurableOf(cluster, from).last_index >= message.log_index);
    return false;
  });

  for (const transport::StoreId id : {leader, first, second}) cluster.Freeze(id);
  const ReplyPtr write = cluster.Put(leader, "k", "w");
  cluster.Settle();
  REQUIRE(cluster.StatusOf(second, 1)->last == before + 1);  // It is there, and not on disk.
  REQUIRE(acknowledged.empty());
  cluster.Thaw(first);
  cluster.Settle();
  REQUIRE(acknowledged == std::set{first});
  REQUIRE_FALSE(write->is_there());  // The leader's own copy does not count yet.
  cluster.Thaw(leader);
  cluster.Settle();
  REQUIRE(write->prewrite().has_done());
  REQUIRE(acknowledged == std::set{first});
  cluster.Thaw(second);
  cluster.Settle();
  REQUIRE(acknowledged == std::set{first, second});
}

TEST_CASE("a log that was cut begins there after a restart, and its region knows its peers",
          "[store][faults][crash]") {
  Options options;
  options.log_entries = 50;
  TestCluster cluster({TestCluster::Region(1, "", "")}, options);
  for (int i = 0; i < 150; ++i) cluster.MustPut(fmt::format("k{}", i % 7), fmt::format("v{}", i));
  cluster.Pass(absl::Seconds(1));
  std::map<transport::StoreId, raft::Index> first;
  for (const transport::StoreId id : {1, 2, 3}) {
    first[id] = cluster.StatusOf(id, 1)->first;
    REQUIRE(first[id] > 50);
    cluster.Kill(id, true);
  }
  for (const transport::StoreId id : {1, 2, 3}) {
    cluster.Open(id);
    const PeerStatus status = *cluster.StatusOf(id, 1);
    REQUIRE(status.first > 50);
    REQUIRE(status.first <= first[id]);  // What was cut last may not have been synced.
    REQUIRE(status.region.peers == TestCluster::Region(1, "", "").peers);
  }
  REQUIRE(cluster.MustGet("k2") == "v149");  // 149 = 7 * 21 + 2.
  cluster.MustPut("k2", "after");
  REQUIRE(cluster.MustGet("k2") == "after");
}

TEST_CASE("an entry of one region answers nobody who waits for another's",
          "[store][faults][leader]") {
  TestCluster cluster(LeftAndRight());
  const transport::StoreId left = cluster.Leader(1);
  const transport::StoreId right = NextOf(left);
  if (cluster.Leader(2) != right) OrderLeader(cluster, 2, right);
  cluster.Pass(absl::Seconds(2));
  REQUIRE(cluster.Leader(2) == right);
  REQUIRE(cluster.Leader(1) == left);

  // `right` waits for a write of region 2, which does not get through, and applies entries of
  // region 1 as a follower: commands of the same number, at indexes up to and past that of the
  // write.
  cluster.Lose([](transport::StoreId, transport::StoreId, const raft::Message& message) {
    return message.from / 10 == 2;
  });
  constexpr uint64_t kNumber = 7;
  const uint64_t start = cluster.DrawTimestamp();
  const ReplyPtr waiting =
      SubmitAs(cluster, right, kNumber, cluster.PutCommand(right, "z", "right", start, 2));
  cluster.Settle();
  const raft::Index index = cluster.StatusOf(right, 2)->last;
  for (int i = 0; i < 100 && cluster.StatusOf(right, 1)->applied <= index; ++i) {
    const ReplyPtr other = SubmitAs(cluster, left, kNumber,
                                    cluster.PutCommand(left, "a", "left", cluster.DrawTimestamp()));
    cluster.Settle();
    REQUIRE(other->prewrite().has_done());
    REQUIRE_FALSE(waiting->is_there());
  }
  REQUIRE(cluster.StatusOf(right, 1)->applied > index);

  cluster.Lose(nullptr);
  cluster.Pass(absl::Milliseconds(700));
  REQUIRE(waiting->prewrite().has_done());
  const ReplyPtr read =
      cluster.Submit(right, cluster.GetCommand(right, "z", UINT64_MAX, /*region=*/2));
  cluster.Settle();
  REQUIRE(read->get().found().value() == "right");
}

TEST_CASE("a store without room for its log takes the entries later, and skips none",
          "[store][faults][disk]") {
  TestCluster cluster;
  cluster.MustPut("k", "v");
  const transport::StoreId full = NextOf(cluster.Leader());
  cluster.node(full).disk->SetCapacityBytes(1);
  for (int i = 0; i < 8; ++i) cluster.MustPut(fmt::format("k{}", i), std::string(300'000, 'x'));
  for (int i = 0; i < 8; ++i) cluster.MustPut(fmt::format("k{}", i), fmt::format("small {}", i));
  const raft::Index applied = cluster.StatusOf(cluster.Leader(), 1)->applied;
  REQUIRE(cluster.StatusOf(full, 1)->applied < applied);
  REQUIRE(cluster.node(full).failure.ok());

  cluster.node(full).disk->SetCapacityBytes(uint64_t{1} << 40);
  cluster.Pass(absl::Seconds(5));
  REQUIRE(cluster.StatusOf(full, 1)->applied >= applied);
  const std::string data = cluster.DataOf(full);
  for (const transport::StoreId id : {1, 2, 3}) {
    INFO("store " << id);
    REQUIRE((cluster.DataOf(id) == data));
  }
}

TEST_CASE("a committed entry that the engine does not take yet is applied later, and not skipped",
          "[store][faults]") {
  TestCluster cluster;
  cluster.MustPut("k", "v");
  const transport::StoreId leader = cluster.Leader();
  const transport::StoreId busy = NextOf(leader);
  TestCluster::Node& node = cluster.node(busy);
  cluster.Freeze(busy);
  cluster.MustPut("k", "w");
  cluster.Pass(absl::Milliseconds(500));  // The busy store hears that it is committed.
  const raft::Index applied = cluster.StatusOf(busy, 1)->applied;
  REQUIRE(cluster.StatusOf(busy, 1)->committed == applied + 1);

  // Its engine is filled until it refuses, while nothing is flushed.
  const ColumnFamilyHandle meta = *node.db->FindColumnFamily("meta");
  absl::Status refusal;
  for (int i = 0; i < 1'000 && refusal.ok(); ++i) {
    WriteBatch batch;
    for (int row = 0; row < 1'000; ++row) {
      batch.Set(fmt::format("\x7f{}/{}", i, row), std::string(200, 'x'), meta);
    }
    refusal = node.db->Write(batch, {.never_wait = true});
  }
  REQUIRE(absl::IsUnavailable(refusal));
  const uint64_t flushes = node.db->GetStats().flushes;

  // The entry's sync is told, which is all that it has waited for.
  bool is_acknowledged = false;
  cluster.Lose([&](transport::StoreId from, transport::StoreId, const raft::Message& message) {
    is_acknowledged |= from == busy && message.type == raft::MessageType::kAppendReply;
    return false;
  });
  while (!is_acknowledged) {
    REQUIRE(node.executor.RunOne());
    cluster.Settle();
  }
  REQUIRE(node.db->GetStats().flushes == flushes);
  REQUIRE(cluster.StatusOf(busy, 1)->applied == applied);
  REQUIRE(node.failure.ok());

  cluster.Thaw(busy);
  cluster.Pass(absl::Seconds(1));
  REQUIRE(cluster.StatusOf(busy, 1)->applied >= applied + 1);
  REQUIRE((cluster.DataOf(busy) == cluster.DataOf(leader)));
}

TEST_CASE("a dead store holds up no write, no read and no election timer",
          "[store][faults][leader]") {
  TestCluster cluster(LeftAndRight());
  const transport::StoreId leader = LeaderOfBoth(cluster);
  const transport::StoreId dead = NextOf(leader);
  const bool is_silent = GENERATE(true, false);  // A cut cable, or a process that was killed.
  if (is_silent) {
    cluster.Isolate(dead);
  } else {
    cluster.Kill(dead, false);
  }
  std::map<region::RegionId, raft::Term> terms;
  for (const region::RegionId region : {1, 2})
    terms[region] = cluster.StatusOf(leader, region)->term;
  for (int round = 0; round < 30; ++round) {
    // No time passes between a command and its answer.
    const ReplyPtr write = cluster.Put(leader, "k", fmt::format("{}", round));
    cluster.Settle();
    REQUIRE(write->prewrite().has_done());
    const ReplyPtr read = cluster.Get(leader, "k");
    cluster.Settle();
    REQUIRE(read->get().found().value() == fmt::format("{}", round));
    cluster.Pass(absl::Seconds(1));
  }
  for (const region::RegionId region : {1, 2}) {
    REQUIRE(cluster.StatusOf(leader, region)->is_leader);
    REQUIRE(cluster.StatusOf(leader, region)->term == terms[region]);
  }
}

TEST_CASE("a leader that is cut off steps down by itself", "[store][faults][leader]") {
  TestCluster cluster;
  cluster.MustPut("k", "v");
  const transport::StoreId old = cluster.Leader();
  cluster.Isolate(old);
  cluster.Pass(absl::Seconds(3));  // Three election timeouts.
  REQUIRE_FALSE(cluster.StatusOf(old, 1)->is_leader);
  const ReplyPtr write = cluster.Put(old, "k", "w");
  cluster.Settle();
  REQUIRE(write->prewrite().region_error().has_not_leader());
}

TEST_CASE("reads of the newest draw no timestamp, and share one round of confirmation",
          "[store][faults]") {
  TestCluster cluster;
  cluster.MustPut("k", "v");
  const transport::StoreId leader = cluster.Leader();
  cluster.pd(leader).tso_calls.clear();
  const Statistics before = cluster.StatisticsOf(leader);
  std::vector<ReplyPtr> replies;
  for (int i = 0; i < 100; ++i) replies.push_back(cluster.Get(leader, "k"));
  cluster.Settle();
  for (const ReplyPtr& reply : replies) REQUIRE(reply->get().found().value() == "v");
  const Statistics after = cluster.StatisticsOf(leader);
  REQUIRE(cluster.pd(leader).tso_calls.empty());
  REQUIRE(after.read_rounds == before.read_rounds + 1);
  REQUIRE(after.log_writes == before.log_writes);  // No entry is written for a read.
}

TEST_CASE("no entry makes a region wider, whatever its kind", "[store][faults][epoch]") {
  // Kinds of commands that are not known here, among them any that would merge or split; with the
  // region's version and with others.
  const region::RegionMeta region = TestCluster::Region(1, "b", "m");
  for (const char kind : {0, 3, 4, 5, 100}) {
    for (const char version : {1, 2}) {
      TestCluster cluster({region});
      cluster.Isolate(1);
      cluster.CommitFirst(region, {1, 1, kind, version, 0});
      CAPTURE(static_cast<int>(kind), static_cast<int>(version));
      // It stops and says where: going on would make this peer unlike the others.
      REQUIRE_THAT(std::string(cluster.node(1).failure.message()),
                   Contains("region 1: entry 2") && Contains("not known here"));
      DB& db = *cluster.node(1).db;
      const auto regions = LoadRegions(db, *db.FindColumnFamily("meta"));
      REQUIRE(regions.ok());
      REQUIRE(*regions == std::vector{region});
    }
  }
}

}  // namespace nokv::store
