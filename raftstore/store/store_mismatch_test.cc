// Stores that were made from unlike topology files, with each other and with the placement driver.
#include "raftstore/raft/raft.h"
#include "raftstore/store/test_cluster.h"

namespace nokv::store {
namespace {

using Catch::Contains;

constexpr transport::StoreId kOdd = 3;

// Before anybody was elected the odd store begins anew, with `region` in place of the cluster's.
void MakeOdd(TestCluster& cluster, const region::RegionMeta& region) {
  cluster.Kill(kOdd, true);
  cluster.node(kOdd).disk = std::make_shared<vfs::MemFileSystem>();
  cluster.Open(kOdd, {region});
}

}  // namespace

TEST_CASE("a store with other bounds for a region's epoch acknowledges nothing and elects nobody",
          "[store][mismatch]") {
  TestCluster cluster({TestCluster::Region(1, "", "z")});
  MakeOdd(cluster, TestCluster::Region(1, "", "m"));
  cluster.MustPut("p", "v");  // The two others are a quorum.
  cluster.Pass(absl::Seconds(3));
  REQUIRE(cluster.StatusOf(kOdd, 1)->last == raft::kBootstrapIndex);
  REQUIRE(cluster.StatisticsOf(kOdd).messages_of_other_regions > 0);

  // With the odd one they are none.
  const transport::StoreId leader = cluster.Leader();
  const transport::StoreId other = 3 - leader;
  cluster.Isolate(other);
  const ReplyPtr write = cluster.Put(leader, "q", "v");
  cluster.Pass(absl::Seconds(20));
  REQUIRE((!write->is_there() || !write->answer->ok() || !write->prewrite().has_done()));
  REQUIRE_FALSE(cluster.StatusOf(leader, 1)->is_leader);
  REQUIRE_FALSE(cluster.StatusOf(kOdd, 1)->is_leader);
  cluster.Rejoin(other);
  REQUIRE(cluster.MustGet("p") == "v");
}

TEST_CASE("a store with other peers or another epoch is not worked with", "[store][mismatch]") {
  region::RegionMeta region = TestCluster::Region(1, "", "z");
  SECTION("other peers") { region.peers[0].role = region::PeerRole::kLearner; }
  SECTION("another epoch") { ++region.epoch.version; }
  TestCluster cluster({TestCluster::Region(1, "", "z")});
  MakeOdd(cluster, region);
  cluster.Pass(absl::Seconds(20));
  REQUIRE_FALSE(cluster.StatusOf(kOdd, 1)->is_leader);
  REQUIRE(cluster.StatusOf(kOdd, 1)->last == raft::kBootstrapIndex);
  cluster.MustPut("k", "v");
}

TEST_CASE("unlike regions are told on both sides, once a minute, with what is known of both",
          "[store][mismatch]") {
  TestCluster cluster({TestCluster::Region(1, "", "z")});
  MakeOdd(cluster, TestCluster::Region(1, "", "m"));
  const transport::StoreId leader = cluster.Leader();
  cluster.Pass(absl::Seconds(30));
  for (const transport::StoreId id : {kOdd, leader}) {
    const std::vector<std::string>& alarms = cluster.node(id).alarms;
    REQUIRE_FALSE(alarms.empty());
    REQUIRE(alarms.size() <= 2);  // The odd one hears from two.
    const std::string& text = alarms.front();
    REQUIRE_THAT(text, Contains(fmt::format("another region 1 than store {}", id)));
    REQUIRE_THAT(text, Contains(id == kOdd ? "[, 6d) epoch 1/1" : "[, 7a) epoch 1/1"));
    REQUIRE_THAT(text, Contains("peers 11 on store 1, 12 on store 2, 13 on store 3"));
    for (const char* end : {"m", "z"}) {
      const uint64_t hash = region::HashOf(TestCluster::Region(1, "", end));
      REQUIRE_THAT(text, Contains(fmt::format("{:016x}", hash)));
    }
  }
  const size_t told = cluster.node(leader).alarms.size();
  cluster.Pass(absl::Minutes(2));
  REQUIRE(cluster.node(leader).alarms.size() >= told + 1);
  REQUIRE(cluster.node(leader).alarms.size() <= told + 3);
  // Which of the two is wrong nobody here knows: a good store goes on.
  REQUIRE(cluster.ReportOf(leader).why_not_ready.empty());
  cluster.MustPut("p", "v");
}

TEST_CASE("a leader whose region the driver refuses is not ready, and says so",
          "[store][mismatch]") {
  TestCluster cluster;
  const transport::StoreId leader = cluster.Leader();
  cluster.pd(leader).region_refusal = "region 1: contradicts region 1";
  cluster.Pass(absl::Seconds(11));
  const std::vector<std::string> why = cluster.ReportOf(leader).why_not_ready;
  REQUIRE(why.size() == 1);
  REQUIRE_THAT(why[0], Contains("refuses region 1") && Contains("contradicts region 1"));
  REQUIRE(cluster.node(leader).alarms == why);
  cluster.Pass(absl::Seconds(30));
  REQUIRE(cluster.node(leader).alarms == why);
  cluster.Pass(absl::Seconds(35));
  REQUIRE(cluster.node(leader).alarms.size() == 2);

  cluster.pd(leader).region_refusal.clear();
  cluster.Pass(absl::Seconds(11));
  REQUIRE(cluster.ReportOf(leader).why_not_ready.empty());
}

}  // namespace nokv::store
