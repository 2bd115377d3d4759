#include "pd/rpc/server.h"

#include "engine/base/clock.h"
#include "pd/rpc/test_driver.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace nokv::pd {
namespace {

v1::StoreHeartbeatRequest StoreRequest(uint64_t store_id, uint64_t identity = 7) {
  v1::StoreHeartbeatRequest request;
  request.set_store_id(store_id);
  request.set_identity(identity);
  request.set_address(fmt::format("s{}:1", store_id));
  return request;
}

v1::RegionHeartbeatRequest RegionRequest(uint64_t store_id, uint64_t term) {
  v1::RegionHeartbeatRequest request;
  request.set_store_id(store_id);
  v1::RegionReport* const report = request.add_reports();
  report->mutable_region()->set_id(1);
  report->mutable_region()->mutable_epoch()->set_version(1);
  report->mutable_region()->mutable_epoch()->set_conf_version(1);
  meta::v1::Peer* const peer = report->mutable_region()->add_peers();
  peer->set_id(11);
  peer->set_store_id(store_id);
  peer->set_role(meta::v1::PEER_ROLE_VOTER);
  report->set_leader_peer_id(11);
  report->set_term(term);
  return request;
}

struct Caller {
  std::unique_ptr<Executor> executor = NewThreadPool(1);
  GrpcPdClient client;

  explicit Caller(const TestDriver& driver, uint64_t cluster_id = 0)
      : client({.address = driver.address(), .cluster_id = cluster_id}, *executor, SystemClock(),
               net::Poller::OfCalls()) {}
};

absl::StatusOr<v1::TsoResponse> Draw(PdClient& client, uint32_t count = 1) {
  v1::TsoRequest request;
  request.set_count(count);
  return Await(client, &PdClient::Tso, request);
}

TEST_CASE("clients draw timestamps at once, and each only rises", "[pd][rpc]") {
  TestDriver driver;
  Caller callers[2] = {Caller(driver), Caller(driver)};
  std::vector<std::vector<uint64_t>> drawn(6);
  std::vector<std::thread> threads;
  std::atomic<bool> has_failed{false};
  for (size_t i = 0; i < drawn.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 300; ++n) {
        const auto response = Draw(callers[i % 2].client, 10);
        if (!response.ok() || response->count() != 10) {
          has_failed = true;
          return;
        }
        drawn[i].push_back(response->first_timestamp());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE_FALSE(has_failed.load());
  std::vector<uint64_t> all;
  for (const auto& mine : drawn) {
    REQUIRE(std::is_sorted(mine.begin(), mine.end()));
    all.insert(all.end(), mine.begin(), mine.end());
  }
  std::sort(all.begin(), all.end());
  for (size_t i = 1; i < all.size(); ++i) REQUIRE(all[i] >= all[i - 1] + 10);
  REQUIRE(callers[0].client.cluster_id() == driver.driver->cluster_id());
}

TEST_CASE("a store introduces itself, and goes on after the driver was restarted", "[pd][rpc]") {
  TestDriver driver;
  Caller caller(driver);
  const auto greeting = Await(caller.client, &PdClient::StoreHeartbeat, StoreRequest(1));
  REQUIRE(greeting->cluster_id() == driver.driver->cluster_id());
  REQUIRE(Await(caller.client, &PdClient::RegionHeartbeat, RegionRequest(1, 1))
              ->outcomes(0)
              .has_applied());
  v1::GetRegionByKeyRequest find;
  find.set_key("k");
  REQUIRE(Await(caller.client, &PdClient::GetRegionByKey, find)->route().leader_peer_id() == 11);
  const uint64_t timestamp = Draw(caller.client)->first_timestamp();

  driver.Stop();
  driver.Start();
  REQUIRE(Await(caller.client, &PdClient::GetRegionByKey, find)->route().leader_peer_id() == 0);
  // The stream broke, perhaps only now; the next one begins with the store by itself.
  absl::StatusOr<v1::RegionHeartbeatResponse> report;
  for (int i = 0; i < 10 && !report.ok(); ++i) {
    report = Await(caller.client, &PdClient::RegionHeartbeat, RegionRequest(1, 2));
    REQUIRE((report.ok() || absl::IsUnavailable(report.status())));
  }
  REQUIRE(report->outcomes(0).has_applied());
  REQUIRE(Await(caller.client, &PdClient::GetRegionByKey, find)->route().leader_peer_id() == 11);
  absl::StatusOr<v1::TsoResponse> later;
  for (int i = 0; i < 10 && !later.ok(); ++i) later = Draw(caller.client);
  REQUIRE(later->first_timestamp() > timestamp);
}

TEST_CASE("regions of a store that this client never reported go by themselves", "[pd][rpc]") {
  TestDriver driver;
  Caller first(driver);
  REQUIRE(Await(first.client, &PdClient::StoreHeartbeat, StoreRequest(1)).ok());
  Caller second(driver);
  REQUIRE(Await(second.client, &PdClient::RegionHeartbeat, RegionRequest(1, 1))
              ->outcomes(0)
              .has_applied());
  REQUIRE(absl::IsFailedPrecondition(
      Await(second.client, &PdClient::RegionHeartbeat, RegionRequest(2, 1)).status()));
}

TEST_CASE("a client of another cluster is told so by every call", "[pd][rpc]") {
  TestDriver driver;
  Caller caller(driver, driver.driver->cluster_id() + 1);
  REQUIRE(absl::IsFailedPrecondition(Draw(caller.client).status()));
  REQUIRE(absl::IsFailedPrecondition(
      Await(caller.client, &PdClient::AllocId, v1::AllocIdRequest()).status()));
  REQUIRE(absl::IsFailedPrecondition(
      Await(caller.client, &PdClient::ScanRegions, v1::ScanRegionsRequest()).status()));
  REQUIRE(absl::IsFailedPrecondition(
      Await(caller.client, &PdClient::GetRegionByKey, v1::GetRegionByKeyRequest()).status()));
  REQUIRE(Await(caller.client, &PdClient::StoreHeartbeat, StoreRequest(1))
              ->refusal()
              .cluster_id_mismatch()
              .actual_cluster_id() == driver.driver->cluster_id());

  Caller ours(driver);
  REQUIRE(Draw(ours.client).ok());
  v1::TsoRequest other;
  other.set_cluster_id(driver.driver->cluster_id() + 1);
  REQUIRE(absl::IsFailedPrecondition(Await(ours.client, &PdClient::Tso, other).status()));
  REQUIRE(Draw(ours.client).ok());
}

TEST_CASE("ids are nobody else's, also through the network", "[pd][rpc]") {
  TestDriver driver;
  Caller caller(driver);
  uint64_t next = 1;
  for (int i = 0; i < 20; ++i) {
    v1::AllocIdRequest request;
    request.set_count(7);
    const auto ids = Await(caller.client, &PdClient::AllocId, request);
    REQUIRE(ids->first_id() >= next);
    next = ids->first_id() + 7;
  }
}

TEST_CASE("a driver that is away costs a call its time, and a client nothing", "[pd][rpc]") {
  TestDriver driver;
  driver.Stop();
  const auto executor = NewThreadPool(1);
  {
    GrpcPdClient client({.address = driver.address(), .timeout = absl::Milliseconds(200)},
                        *executor, SystemClock(), net::Poller::OfCalls());
    const absl::StatusCode code = Draw(client).status().code();
    REQUIRE(
        (code == absl::StatusCode::kDeadlineExceeded || code == absl::StatusCode::kUnavailable));
    driver.Start();
    absl::StatusOr<v1::TsoResponse> response;
    for (int i = 0; i < 50 && !response.ok(); ++i) response = Draw(client);
    REQUIRE(response.ok());
  }
  driver.Stop();
  GrpcPdClient client({.address = driver.address()}, *executor, SystemClock(),
                      net::Poller::OfCalls());
  client.Tso({}, [](const absl::StatusOr<v1::TsoResponse>&) { FAIL("it was to be forgotten"); });
}

TEST_CASE("a driver that does not answer loses the stream", "[pd][rpc]") {
  TestDriver driver;
  ManualExecutor stuck;
  {
    Service service(*driver.driver, stuck);
    const auto server =
        *Server::Start({.address = "127.0.0.1:0"}, service, net::Poller::OfServer());
    const auto executor = NewThreadPool(1);
    GrpcPdClient client({.address = fmt::format("127.0.0.1:{}", server->port()),
                         .timeout = absl::Milliseconds(200)},
                        *executor, SystemClock(), net::Poller::OfCalls());
    REQUIRE(absl::IsDeadlineExceeded(
        Await(client, &PdClient::StoreHeartbeat, StoreRequest(1)).status()));
    REQUIRE(
        absl::IsDeadlineExceeded(Await(client, &PdClient::AllocId, v1::AllocIdRequest()).status()));
    stuck.RunUntilIdle();  // A server ends when its calls were answered.
  }
}

}  // namespace
}  // namespace nokv::pd
