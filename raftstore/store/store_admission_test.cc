// A store takes part when the placement driver knows its identity, and not before.
#include "raftstore/store/test_cluster.h"

namespace nokv::store {
namespace {

constexpr bool kPowerCut = true;

transport::StoreId NextOf(transport::StoreId id) { return id % 3 + 1; }

// The store's disk is another one, and the driver is away.
void StartWithNewDisk(TestCluster& cluster, transport::StoreId id) {
  cluster.Kill(id, kPowerCut);
  cluster.node(id).disk = std::make_shared<vfs::MemFileSystem>();
  cluster.node(id).is_driver_away = true;
  cluster.Open(id);
}

bool IsAdmitted(TestCluster& cluster, transport::StoreId id) {
  bool is_admitted = false;
  cluster.node(id).store->Inspect(
      [&is_admitted](const Report& report) { is_admitted = report.is_admitted; });
  cluster.node(id).loop.RunUntilIdle();
  return is_admitted;
}

}  // namespace

TEST_CASE("a store whose disk was lost elects nobody who lacks what its predecessor acknowledged",
          "[store][admission]") {
  TestCluster cluster;
  const transport::StoreId leader = cluster.Leader();
  const transport::StoreId lost = NextOf(leader);
  const transport::StoreId behind = NextOf(lost);
  cluster.Isolate(behind);
  cluster.MustPut("k", "v");  // Acknowledged by the leader and the one that will be lost.

  StartWithNewDisk(cluster, lost);
  cluster.Isolate(leader);
  cluster.Rejoin(behind);
  cluster.Pass(absl::Seconds(20));
  REQUIRE_FALSE(IsAdmitted(cluster, lost));
  REQUIRE(cluster.StatisticsOf(lost).messages_dropped > 0);
  REQUIRE_FALSE(cluster.StatusOf(lost, 1)->is_leader);
  REQUIRE_FALSE(cluster.StatusOf(behind, 1)->is_leader);

  // The driver is back, and knows another store under that id.
  cluster.pd(lost).store_reply.mutable_refusal()->set_message("another identity");
  cluster.pd(lost).is_away = false;
  cluster.Pass(absl::Seconds(2));
  REQUIRE_FALSE(cluster.node(lost).failure.ok());
  cluster.Rejoin(leader);
  REQUIRE(cluster.MustGet("k") == "v");
}

TEST_CASE("new stores refuse commands and take part as soon as the driver admits them",
          "[store][admission]") {
  TestCluster cluster;
  for (const transport::StoreId id : {1, 2, 3}) StartWithNewDisk(cluster, id);
  cluster.Pass(absl::Seconds(5));
  for (const transport::StoreId id : {1, 2, 3}) {
    REQUIRE_FALSE(IsAdmitted(cluster, id));
    REQUIRE(cluster.StatusOf(id, 1)->leader == raft::kNobody);
    const ReplyPtr refused = cluster.Get(id, "k");
    cluster.Settle();
    REQUIRE(refused->get().region_error().has_not_leader());
  }
  for (const transport::StoreId id : {1, 2, 3}) cluster.pd(id).is_away = false;
  cluster.Pass(absl::Seconds(2));
  for (const transport::StoreId id : {1, 2, 3}) REQUIRE(IsAdmitted(cluster, id));
  cluster.MustPut("k", "v");
}

TEST_CASE("a store that was admitted starts again without the driver",
          "[store][admission][crash]") {
  TestCluster cluster;
  cluster.MustPut("k", "v");
  for (const transport::StoreId id : {1, 2, 3}) {
    cluster.Kill(id, kPowerCut);
    cluster.node(id).is_driver_away = true;
    cluster.Open(id);
    REQUIRE(IsAdmitted(cluster, id));
  }
  REQUIRE(cluster.MustGet("k") == "v");
}

TEST_CASE("a refusal that may pass ends no store: it goes on, says so, and asks again",
          "[store][admission]") {
  TestCluster cluster;
  cluster.MustPut("k", "v");
  const transport::StoreId id = cluster.Leader();
  pd::v1::StoreRefusal& refusal = *cluster.pd(id).store_reply.mutable_refusal();
  refusal.set_message("the reason");
  SECTION("its address is another store's") { refusal.mutable_address_taken()->set_store_id(9); }
  SECTION("another cluster's driver answers") { refusal.mutable_cluster_id_mismatch(); }
  cluster.Pass(absl::Seconds(30));
  REQUIRE(cluster.node(id).failure.ok());
  REQUIRE(cluster.MustGet("k") == "v");
  REQUIRE(cluster.node(id).alarms.size() == 1);
  REQUIRE_THAT(cluster.node(id).alarms[0], Catch::Contains("the reason"));
  REQUIRE(cluster.ReportOf(id).why_not_ready == cluster.node(id).alarms);

  cluster.pd(id).store_reply.clear_refusal();
  cluster.Pass(absl::Seconds(2));
  REQUIRE(cluster.ReportOf(id).why_not_ready.empty());
}

TEST_CASE("a store that begins under the driver of another cluster ends", "[store][admission]") {
  TestCluster cluster;
  cluster.MustPut("k", "v");
  cluster.Stop(1);
  cluster.node(1).is_driver_away = true;
  cluster.Open(1);
  cluster.pd(1).store_reply.mutable_refusal()->mutable_cluster_id_mismatch();
  cluster.pd(1).is_away = false;
  cluster.Pass(absl::Seconds(2));
  REQUIRE_FALSE(cluster.node(1).failure.ok());
}

TEST_CASE("a refusal for good ends a store", "[store][admission]") {
  TestCluster cluster;
  const bool is_new = GENERATE(true, false);
  if (is_new) StartWithNewDisk(cluster, 1);
  pd::v1::StoreRefusal& refusal = *cluster.pd(1).store_reply.mutable_refusal();
  if (is_new) {
    SECTION("another cluster, before it was admitted") { refusal.mutable_cluster_id_mismatch(); }
  }
  SECTION("removed") { refusal.mutable_tombstone(); }
  SECTION("another identity") { refusal.mutable_other_identity(); }
  SECTION("an unknown reason") {}
  cluster.pd(1).is_away = false;
  cluster.Pass(absl::Seconds(2));
  REQUIRE_FALSE(cluster.node(1).failure.ok());
}

}  // namespace nokv::store
