// What one region asks for must not keep a store from everything else.
#include "percolator/mvcc/timestamp.h"
#include "raftstore/store/budget.h"
#include "raftstore/store/test_cluster.h"

#include <algorithm>

namespace nokv::store {
namespace {

constexpr int kCommands = 100;
constexpr size_t kValueBytes = 4'000;

// Rounds that take two or three of those values.
Options SmallRounds() {
  Options options;
  options.round_bytes = 10'000;
  return options;
}

// Notes in `answered` that the region answered.
void Read(TestCluster& cluster, transport::StoreId store, std::string_view key,
          region::RegionId region, std::vector<region::RegionId>& answered) {
  cluster.node(store).store->Submit(cluster.GetCommand(store, key, UINT64_MAX, region),
                                    [&answered, region](const auto& answer) {
                                      REQUIRE(answer.ok());
                                      REQUIRE_FALSE(answer->get().has_region_error());
                                      answered.push_back(region);
                                    });
}

}  // namespace

TEST_CASE("a budget ends by bytes and by time, and begins anew", "[budget]") {
  ManualClock clock;
  Budget budget(clock, absl::Milliseconds(5), 100);
  budget.Begin();
  budget.Spend(99);
  REQUIRE_FALSE(budget.is_spent());
  budget.Spend(50);
  REQUIRE(budget.is_spent());
  budget.Begin();
  REQUIRE_FALSE(budget.is_spent());
  clock.Advance(absl::Milliseconds(5));
  REQUIRE(budget.is_spent());
}

TEST_CASE("many reads of a region are served in many rounds, and others come in between",
          "[store][budget]") {
  TestCluster cluster({TestCluster::Region(1, "", "m"), TestCluster::Region(2, "m", "")},
                      SmallRounds());
  cluster.MustPut("k", std::string(kValueBytes, 'x'));
  const transport::StoreId leader = LeaderOfBoth(cluster);
  const uint64_t rounds = cluster.StatisticsOf(leader).rounds;
  std::vector<region::RegionId> answered;
  const auto read = [&](std::string_view key, region::RegionId region) {
    Read(cluster, leader, key, region, answered);
  };
  for (int i = 0; i < kCommands; ++i) read("k", 1);
  read("z", 2);
  cluster.Settle();
  REQUIRE(answered.size() == kCommands + 1);
  REQUIRE(cluster.StatisticsOf(leader).rounds > rounds + kCommands / 4);
  const auto other = std::find(answered.begin(), answered.end(), 2);
  REQUIRE(other - answered.begin() < kCommands / 4);
}

TEST_CASE("a region that also writes gets its turn to read beside one that is read hard",
          "[store][budget]") {
  TestCluster cluster({TestCluster::Region(1, "", "m"), TestCluster::Region(2, "m", "")},
                      SmallRounds());
  const std::string value(kValueBytes, 'x');
  cluster.MustPut("k", value);
  const transport::StoreId leader = LeaderOfBoth(cluster);
  std::vector<region::RegionId> answered;
  const auto read = [&](std::string_view key, region::RegionId region) {
    Read(cluster, leader, key, region, answered);
  };
  // The reads of both are confirmed in one round, and in this one writes of region 2 begin, which
  // go on for as many rounds as the reads of region 1.
  std::vector<ReplyPtr> writes;
  cluster.Lose([&](transport::StoreId, transport::StoreId to, const raft::Message&) {
    if (to != leader || !writes.empty()) return false;
    for (int i = 0; i < kCommands; ++i) {
      writes.push_back(cluster.Submit(
          leader,
          cluster.PutCommand(leader, fmt::format("z{}", i), value, cluster.DrawTimestamp(), 2)));
    }
    return false;
  });
  for (int i = 0; i < kCommands; ++i) read("k", 1);
  read("z", 2);
  cluster.Settle();
  REQUIRE(answered.size() == kCommands + 1);
  REQUIRE(writes.size() == kCommands);
  for (const ReplyPtr& reply : writes) REQUIRE(reply->prewrite().has_done());
  const auto other = std::find(answered.begin(), answered.end(), 2);
  REQUIRE(other - answered.begin() < kCommands / 4);
}

TEST_CASE("many writes of a region are evaluated in many rounds", "[store][budget]") {
  TestCluster cluster({TestCluster::Region(1, "", "")}, SmallRounds());
  const transport::StoreId leader = cluster.Leader();
  cluster.pd(leader).tso_calls.clear();
  const std::string value(kValueBytes, 'x');
  std::vector<ReplyPtr> replies;
  for (int i = 0; i < kCommands; ++i) {
    replies.push_back(cluster.Put(leader, fmt::format("k{}", i), value));
  }
  cluster.Settle();
  for (const ReplyPtr& reply : replies) REQUIRE(reply->prewrite().has_done());
  REQUIRE(cluster.pd(leader).tso_calls.size() > kCommands / 4);
}

TEST_CASE("a write with an old start gets no answer that costs a walk, and changes nothing",
          "[store][budget]") {
  TestCluster cluster;
  const auto put_blind = [&](transport::StoreId leader, uint64_t start) {
    kv::v1::Command command = cluster.PutCommand(leader, "k", "late", start);
    command.mutable_prewrite()->set_is_blind(true);
    const ReplyPtr reply = cluster.Submit(leader, command);
    cluster.Settle();
    return reply;
  };
  const uint64_t early = cluster.DrawTimestamp();
  cluster.next_timestamp() += mvcc::Timestamp::FromParts(2 * 60'000, 0).bits();
  const uint64_t late = cluster.DrawTimestamp();
  cluster.next_timestamp() += mvcc::Timestamp::FromParts(9 * 60'000, 0).bits();
  cluster.MustPut("k", "v");
  const transport::StoreId leader = cluster.Leader();
  const ReplyPtr refused = put_blind(leader, early);
  REQUIRE(refused->is_there());
  REQUIRE(absl::IsFailedPrecondition(refused->answer->status()));
  REQUIRE(cluster.MustGet("k") == "v");
  REQUIRE(put_blind(leader, late)->prewrite().has_done());
  REQUIRE(cluster.StatisticsOf(leader).commands_waiting == 0);
}

TEST_CASE("a store that has drawn nothing for writes knows an old start, too", "[store][budget]") {
  TestCluster cluster;
  const uint64_t early = cluster.DrawTimestamp();
  cluster.next_timestamp() += mvcc::Timestamp::FromParts(11 * 60'000, 0).bits();
  const transport::StoreId leader = cluster.Leader();
  cluster.Pass(absl::Seconds(2));
  const ReplyPtr reply = cluster.Submit(leader, cluster.PutCommand(leader, "k", "v", early));
  cluster.Settle();
  REQUIRE(reply->is_there());
  REQUIRE(absl::IsFailedPrecondition(reply->answer->status()));
  REQUIRE_FALSE(cluster.MustGet("k").has_value());
}

TEST_CASE("however small the budget is, each round goes on by a command", "[store][budget]") {
  Options options = SmallRounds();
  options.round_bytes = 1;
  TestCluster cluster({TestCluster::Region(1, "", "")}, options);
  cluster.MustPut("k", "v");
  const transport::StoreId leader = cluster.Leader();
  std::vector<ReplyPtr> replies;
  for (int i = 0; i < kCommands; ++i) replies.push_back(cluster.Get(leader, "k"));
  cluster.Settle();
  for (const ReplyPtr& reply : replies) REQUIRE(reply->get().found().value() == "v");
  REQUIRE(cluster.StatisticsOf(leader).commands_waiting == 0);
}

}  // namespace nokv::store
