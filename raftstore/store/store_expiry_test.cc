// Whether a value has expired is judged by the placement driver's time, wherever it is asked.
#include "percolator/mvcc/timestamp.h"
#include "raftstore/store/test_cluster.h"

namespace nokv::store {
namespace {

constexpr uint64_t kHourMs = 3'600'000;

uint64_t DriverMs(TestCluster& cluster) {
  return mvcc::Timestamp(cluster.next_timestamp()).millis();
}

// The driver's clock goes as fast as all others.
void Pass(TestCluster& cluster, absl::Duration duration) {
  constexpr absl::Duration kStep = absl::Milliseconds(100);
  for (absl::Duration passed; passed < duration; passed += kStep) {
    cluster.next_timestamp() += mvcc::Timestamp::FromParts(100, 0).bits();
    cluster.Pass(kStep);
  }
}

// Sets the driver's clock right; no store has heard of it yet.
void Shift(TestCluster& cluster, int64_t millis) {
  cluster.next_timestamp() += static_cast<uint64_t>(millis) << mvcc::Timestamp::kCounterBits;
}

void PutUntil(TestCluster& cluster, std::string_view key, uint64_t expiry_ms) {
  const transport::StoreId leader = cluster.Leader();
  kv::v1::Command command = cluster.PutCommand(leader, key, "v", cluster.DrawTimestamp());
  command.mutable_prewrite()->mutable_mutations(0)->set_expiry_ms(expiry_ms);
  const ReplyPtr reply = cluster.Submit(leader, command);
  cluster.Settle();
  REQUIRE(reply->prewrite().has_done());
}

// Whether the key is there; both kinds of reads agree.
bool IsThere(TestCluster& cluster, std::string_view key) {
  const transport::StoreId leader = cluster.Leader();
  const ReplyPtr newest = cluster.Get(leader, key);
  const ReplyPtr snapshot = cluster.Get(leader, key, cluster.DrawTimestamp());
  cluster.Settle();
  REQUIRE(newest->get().has_found() == snapshot->get().has_found());
  return newest->get().has_found();
}

}  // namespace

TEST_CASE("a value expires by the driver's clock, not by the store's", "[store][expiry]") {
  TestCluster cluster;
  SECTION("the clocks agree") {}
  SECTION("the driver is an hour ahead") { Shift(cluster, kHourMs); }
  SECTION("the driver is an hour behind") { Shift(cluster, -static_cast<int64_t>(kHourMs)); }
  PutUntil(cluster, "k", DriverMs(cluster) + 5'000);
  REQUIRE(IsThere(cluster, "k"));
  Pass(cluster, absl::Milliseconds(4'800));
  REQUIRE(IsThere(cluster, "k"));
  Pass(cluster, absl::Milliseconds(300));
  REQUIRE_FALSE(IsThere(cluster, "k"));
}

TEST_CASE("a store that draws no timestamps for writes knows the driver's time too",
          "[store][expiry]") {
  TestCluster cluster;
  PutUntil(cluster, "k", DriverMs(cluster) + kHourMs);
  cluster.pd(cluster.Leader()).tso_calls.clear();
  Shift(cluster, kHourMs + 1);
  Pass(cluster, absl::Milliseconds(1'500));
  REQUIRE_FALSE(cluster.pd(cluster.Leader()).tso_calls.empty());
  REQUIRE(cluster.pd(cluster.Leader()).tso_calls.size() <= 3);
  REQUIRE_FALSE(IsThere(cluster, "k"));
}

TEST_CASE("what a snapshot showed as gone is not there again in a read of the newest",
          "[store][expiry]") {
  TestCluster cluster;
  PutUntil(cluster, "k", DriverMs(cluster) + 50);
  // The reader was given a timestamp that the store has not heard of.
  Shift(cluster, 50);
  const transport::StoreId leader = cluster.Leader();
  const ReplyPtr snapshot = cluster.Get(leader, "k", cluster.DrawTimestamp());
  cluster.Settle();
  REQUIRE(snapshot->get().has_not_found());
  const ReplyPtr newest = cluster.Get(leader, "k");
  cluster.Settle();
  REQUIRE(newest->get().has_not_found());
}

TEST_CASE("a reader with a timestamp from the future makes nothing expire for others",
          "[store][expiry][hostile]") {
  TestCluster cluster;
  PutUntil(cluster, "k", DriverMs(cluster) + 5'000);
  const transport::StoreId leader = cluster.Leader();
  cluster.Get(leader, "k",
              cluster.next_timestamp() + mvcc::Timestamp::FromParts(kHourMs, 0).bits());
  cluster.Settle();
  REQUIRE(IsThere(cluster, "k"));
}

TEST_CASE("while the driver has not told the time, what may have expired is not answered for",
          "[store][expiry]") {
  TestCluster cluster;
  PutUntil(cluster, "k", DriverMs(cluster) + 5'000);
  cluster.MustPut("for ever", "v");
  for (const transport::StoreId id : {1, 2, 3}) {
    cluster.Kill(id, true);
    cluster.node(id).is_driver_away = true;
    cluster.Open(id);
  }
  const transport::StoreId leader = cluster.Leader();
  const auto is_refused = [&cluster, leader] {
    const ReplyPtr reply = cluster.Get(leader, "k");
    cluster.Settle();
    return reply->get().region_error().has_server_is_busy();
  };
  REQUIRE(is_refused());
  REQUIRE(cluster.MustGet("for ever") == "v");
  for (const transport::StoreId id : {1, 2, 3}) cluster.pd(id).is_away = false;
  Pass(cluster, absl::Seconds(1));
  REQUIRE_FALSE(is_refused());
  Pass(cluster, absl::Seconds(5));
  REQUIRE_FALSE(IsThere(cluster, "k"));
}

TEST_CASE("while the driver is away, time goes on", "[store][expiry]") {
  TestCluster cluster;
  PutUntil(cluster, "k", DriverMs(cluster) + 5'000);
  const transport::StoreId leader = cluster.Leader();
  cluster.pd(leader).is_away = true;
  Pass(cluster, absl::Milliseconds(4'800));
  REQUIRE(cluster.MustGet("k") == "v");
  Pass(cluster, absl::Milliseconds(300));
  REQUIRE(cluster.MustGet("k") == std::nullopt);
}

}  // namespace nokv::store
