// What a store makes of the placement driver's orders, and writes that are large together.
#include "raftstore/store/test_cluster.h"

namespace nokv::store {
namespace {

transport::StoreId NextOf(transport::StoreId id) { return id % 3 + 1; }

pd::v1::Order& Order(TestCluster& cluster, transport::StoreId leader, transport::StoreId to) {
  pd::v1::Order& order = *cluster.pd(leader).store_reply.add_orders();
  order.set_id(1);
  order.set_region_id(1);
  order.mutable_epoch()->set_version(1);
  order.mutable_epoch()->set_conf_version(1);
  order.mutable_transfer_leader()->mutable_to()->set_id(10 + to);
  return order;
}

// A put each 100 ms of the time; how many of them were done at once.
int PutsDone(TestCluster& cluster, transport::StoreId leader, absl::Duration time) {
  int done = 0;
  for (absl::Duration passed; passed < time; passed += absl::Milliseconds(100)) {
    cluster.Pass(absl::Milliseconds(100));
    const ReplyPtr reply = cluster.Put(leader, "k", "v");
    cluster.Settle();
    done += reply->is_there() && reply->answer->ok() && reply->prewrite().has_done() ? 1 : 0;
  }
  return done;
}

}  // namespace

TEST_CASE("orders to hand a region to a peer that is not heard hold up no write",
          "[store][orders]") {
  TestCluster cluster;
  cluster.MustPut("k", "v");
  const transport::StoreId leader = cluster.Leader();
  const transport::StoreId silent = NextOf(leader);
  cluster.Lose([=](transport::StoreId from, transport::StoreId to, const raft::Message&) {
    return (from == silent && to == leader) || (from == leader && to == silent);
  });
  cluster.Pass(absl::Seconds(3));
  Order(cluster, leader, silent);
  REQUIRE(PutsDone(cluster, leader, absl::Seconds(8)) == 80);
  REQUIRE(cluster.StatusOf(leader, 1)->is_leader);
  cluster.Pass(absl::Seconds(10));
  const pd::v1::RegionReport& report = cluster.pd(leader).reports.back();
  REQUIRE(report.down_peer_ids_size() == 1);
  REQUIRE(report.down_peer_ids(0) == 10 + silent);
}

TEST_CASE("an order that was begun and came to nothing is not begun again at once",
          "[store][orders]") {
  TestCluster cluster;
  cluster.MustPut("k", "v");
  const transport::StoreId leader = cluster.Leader();
  int told = 0;
  cluster.Lose([&told](transport::StoreId, transport::StoreId, const raft::Message& message) {
    const bool is_order = message.type == raft::MessageType::kTimeoutNow;
    told += is_order ? 1 : 0;
    return is_order;
  });
  Order(cluster, leader, NextOf(leader));
  cluster.Pass(absl::Seconds(9));
  REQUIRE(told == 1);
  cluster.Pass(absl::Seconds(4));
  REQUIRE(told == 2);
  // Another order is.
  cluster.pd(leader).store_reply.mutable_orders(0)->set_id(2);
  cluster.Pass(absl::Seconds(2));
  REQUIRE(told == 3);
}

TEST_CASE("what is more than one write to the log is several", "[store]") {
  const auto writes_of_two_puts = [](const Options& options) {
    TestCluster cluster({TestCluster::Region(1, "", "m"), TestCluster::Region(2, "m", "")},
                        options);
    const transport::StoreId leader = LeaderOfBoth(cluster);
    cluster.Pass(absl::Seconds(1));
    const uint64_t before = cluster.StatisticsOf(leader).log_writes;
    const std::string value(900, 'x');
    const ReplyPtr left = cluster.Put(leader, "a", value);
    const ReplyPtr right =
        cluster.Submit(leader, cluster.PutCommand(leader, "z", value, cluster.DrawTimestamp(), 2));
    cluster.Settle();
    REQUIRE(left->prewrite().has_done());
    REQUIRE(right->prewrite().has_done());
    REQUIRE(cluster.MustGet("a") == value);
    return cluster.StatisticsOf(leader).log_writes - before;
  };
  REQUIRE(writes_of_two_puts({.log_write_bytes = 1'000}) == writes_of_two_puts({}) + 1);
}

}  // namespace nokv::store
