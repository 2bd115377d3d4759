#include "pd/service/service.h"

#include "engine/vfs/fault_file_system.h"
#include "engine/vfs/mem_file_system.h"

#include <catch2/catch.hpp>

#include <optional>
#include <string>

namespace nokv::pd {
namespace {

struct Machine {
  vfs::MemFileSystem disk;
  vfs::FaultFileSystem files{disk};
  ManualClock clock;
  Random random{1};
  ManualExecutor executor;
  std::unique_ptr<PlacementDriver> driver =
      *PlacementDriver::Open({.directory = "/pd"}, {.files = files,
                                                    .clock = clock,
                                                    .random = random,
                                                    .executor = executor,
                                                    .database_executor = executor});
  Service service{*driver, executor, {.waiting_calls_max = 4}};
  uint64_t cluster_id = driver->cluster_id();

  // Calls, and lets what must wait for the disk wait.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(void (Service::*call)(Request, Reply<Response>), Request request) {
    std::optional<absl::StatusOr<Response>> answer;
    (service.*call)(std::move(request), [&answer](absl::StatusOr<Response> response) {
      REQUIRE_FALSE(answer.has_value());
      answer = std::move(response);
    });
    executor.RunUntilIdle();
    REQUIRE(answer.has_value());
    return *std::move(answer);
  }
};

v1::StoreHeartbeatRequest StoreRequest(uint64_t cluster_id, uint64_t store_id) {
  v1::StoreHeartbeatRequest request;
  request.set_cluster_id(cluster_id);
  request.set_store_id(store_id);
  request.set_identity(store_id + 1000);
  request.set_address(fmt::format("s{}:1", store_id));
  return request;
}

v1::RegionReport ReportOf(uint64_t id, const std::string& start, const std::string& end) {
  v1::RegionReport report;
  report.mutable_region()->set_id(id);
  report.mutable_region()->set_start_key(start);
  report.mutable_region()->set_end_key(end);
  report.mutable_region()->mutable_epoch()->set_version(1);
  report.mutable_region()->mutable_epoch()->set_conf_version(1);
  for (uint64_t store = 1; store <= 3; ++store) {
    meta::v1::Peer* const peer = report.mutable_region()->add_peers();
    peer->set_id(id * 10 + store);
    peer->set_store_id(store);
    peer->set_role(meta::v1::PEER_ROLE_VOTER);
  }
  report.set_leader_peer_id(id * 10 + 1);
  report.set_term(1);
  return report;
}

void Introduce(Machine& machine, uint64_t store_id = 1) {
  const auto response =
      machine.Call(&Service::StoreHeartbeat, StoreRequest(machine.cluster_id, store_id));
  REQUIRE(response.ok());
  REQUIRE_FALSE(response->has_refusal());
}

void ReportTo(Machine& machine, const v1::RegionReport& report) {
  v1::RegionHeartbeatRequest request;
  request.set_cluster_id(machine.cluster_id);
  request.set_store_id(1);
  *request.add_reports() = report;
  const auto response = machine.Call(&Service::RegionHeartbeat, request);
  REQUIRE(response.ok());
  REQUIRE(response->outcomes(0).has_applied());
}

TEST_CASE("a new store adopts the cluster id, and reports regions that clients find",
          "[pd][service]") {
  Machine machine;
  const auto greeting = machine.Call(&Service::StoreHeartbeat, StoreRequest(0, 1));
  REQUIRE(greeting->cluster_id() == machine.cluster_id);
  REQUIRE(greeting->state() == meta::v1::STORE_STATE_UP);
  ReportTo(machine, ReportOf(7, "", "m"));

  v1::GetRegionByKeyRequest find;  // A client's first request names no cluster.
  find.set_key("k");
  const auto found = machine.Call(&Service::GetRegionByKey, find);
  REQUIRE(found->cluster_id() == machine.cluster_id);
  REQUIRE(found->route().region().id() == 7);
  REQUIRE(found->route().leader_peer_id() == 71);
  REQUIRE(found->route().stores(0).address() == "s1:1");
  find.set_key("z");
  REQUIRE_FALSE(machine.Call(&Service::GetRegionByKey, find)->has_route());
}

template <typename Request, typename Response>
void RequireRefused(Machine& machine, void (Service::*call)(Request, Reply<Response>),
                    uint64_t cluster_id) {
  Request request;
  request.set_cluster_id(cluster_id);
  const absl::Status status = machine.Call(call, request).status();
  REQUIRE(absl::IsFailedPrecondition(status));
  REQUIRE(StdView(status.message()).find(fmt::format("{:016x}", machine.cluster_id)) !=
          std::string_view::npos);
}

TEST_CASE("every call refuses another cluster's, and most refuse who names none", "[pd][service]") {
  Machine machine;
  for (const uint64_t wrong : {uint64_t{0}, machine.cluster_id + 1}) {
    RequireRefused(machine, &Service::RegionHeartbeat, wrong);
    RequireRefused(machine, &Service::RemoveRegion, wrong);
    RequireRefused(machine, &Service::ScanRegions, wrong);
    RequireRefused(machine, &Service::AllocId, wrong);
    RequireRefused(machine, &Service::Tso, wrong);
    RequireRefused(machine, &Service::SetStoreIntent, wrong);
    RequireRefused(machine, &Service::Diagnose, wrong);
    RequireRefused(machine, &Service::Routes, wrong);
  }
  RequireRefused(machine, &Service::GetRegionByKey, machine.cluster_id + 1);
  const auto store =
      machine.Call(&Service::StoreHeartbeat, StoreRequest(machine.cluster_id + 1, 1));
  REQUIRE(store->refusal().cluster_id_mismatch().actual_cluster_id() == machine.cluster_id);
  REQUIRE(machine.driver->GetStats().stores.empty());
}

TEST_CASE("timestamps of a saved window are answered inside the call", "[pd][service]") {
  Machine machine;
  v1::TsoRequest request;
  request.set_cluster_id(machine.cluster_id);
  request.set_count(100);
  const auto first = machine.Call(&Service::Tso, request);  // Saves the first window.
  REQUIRE(first->count() == 100);
  bool is_answered = false;
  machine.service.Tso(request, [&](absl::StatusOr<v1::TsoResponse> response) {
    REQUIRE(response->first_timestamp() == first->first_timestamp() + 100);
    is_answered = true;
  });
  REQUIRE(is_answered);
  request.set_count(0);
  REQUIRE(machine.Call(&Service::Tso, request)->count() == 1);
  request.set_count(kTimestampsPerMs + 1);
  REQUIRE(absl::IsInvalidArgument(machine.Call(&Service::Tso, request).status()));
}

TEST_CASE("more calls than may wait for the disk are turned away", "[pd][service]") {
  Machine machine;
  v1::AllocIdRequest request;
  request.set_cluster_id(machine.cluster_id);
  request.set_count(10);
  int answered = 0;
  int turned_away = 0;
  for (int i = 0; i < 10; ++i) {
    machine.service.AllocId(request, [&](const absl::StatusOr<v1::AllocIdResponse>& response) {
      ++(response.ok() ? answered : turned_away);
      REQUIRE((response.ok() || absl::IsUnavailable(response.status())));
    });
  }
  REQUIRE(turned_away == 6);
  machine.executor.RunUntilIdle();
  REQUIRE(answered == 4);
  REQUIRE(machine.Call(&Service::AllocId, request)->first_id() == 41);
}

TEST_CASE("a page with large keys is cut short, and its reader goes on behind it",
          "[pd][service]") {
  Machine machine;
  Introduce(machine);
  constexpr int kRegions = 100;
  const auto key = [](int i) {
    return i == 0 || i == kRegions ? std::string()
                                   : fmt::format("{:03}", i) + std::string(65'000, 'x');
  };
  for (int i = 0; i < kRegions; ++i) {
    ReportTo(machine, ReportOf(static_cast<uint64_t>(i) + 1, key(i), key(i + 1)));
  }
  v1::ScanRegionsRequest request;
  request.set_cluster_id(machine.cluster_id);
  int seen = 0;
  int pages = 0;
  while (seen < kRegions) {
    const auto page = machine.Call(&Service::ScanRegions, request);
    REQUIRE(page->ByteSizeLong() <= kRegionsBytesMax);
    REQUIRE(page->routes_size() > 0);
    seen += page->routes_size();
    ++pages;
    request.set_start_key(page->routes(page->routes_size() - 1).region().end_key());
  }
  REQUIRE(seen == kRegions);
  REQUIRE(pages == 4);

  v1::RoutesRequest routes;
  routes.set_cluster_id(machine.cluster_id);
  for (int i = 0; i < kRegions; ++i) routes.add_keys(fmt::format("{:03}y", i));
  const auto answer = machine.Call(&Service::Routes, routes);
  REQUIRE(answer->ByteSizeLong() <= kRegionsBytesMax);
  REQUIRE(answer->routes_size() + answer->missing_keys_size() >= kRegions);
}

TEST_CASE("many keys are answered with each region once, in order", "[pd][service]") {
  Machine machine;
  Introduce(machine);
  ReportTo(machine, ReportOf(1, "b", "d"));
  ReportTo(machine, ReportOf(2, "d", "f"));
  v1::RoutesRequest request;
  request.set_id(99);
  request.set_cluster_id(machine.cluster_id);
  for (const char* key : {"e", "a", "c", "b", "dd", "f"}) request.add_keys(key);
  const auto response = machine.Call(&Service::Routes, request);
  REQUIRE(response->id() == 99);
  REQUIRE(response->routes_size() == 2);
  REQUIRE(response->routes(0).region().id() == 1);
  REQUIRE(response->routes(1).region().id() == 2);
  REQUIRE(response->missing_keys_size() == 2);
  REQUIRE(response->missing_keys(0) == 1);
  REQUIRE(response->missing_keys(1) == 5);
}

TEST_CASE("requests that make no sense are refused, and change nothing", "[pd][service]") {
  Machine machine;
  Introduce(machine);
  v1::RegionHeartbeatRequest reports;
  reports.set_cluster_id(machine.cluster_id);
  reports.set_store_id(1);
  for (size_t i = 0; i <= kReportsPerCallMax; ++i) reports.add_reports();
  REQUIRE(absl::IsInvalidArgument(machine.Call(&Service::RegionHeartbeat, reports).status()));
  reports.mutable_reports()->DeleteSubrange(1, static_cast<int>(kReportsPerCallMax));
  REQUIRE(machine.Call(&Service::RegionHeartbeat, reports)->outcomes(0).has_refused());
  reports.set_store_id(2);  // It has not reported itself.
  REQUIRE(absl::IsFailedPrecondition(machine.Call(&Service::RegionHeartbeat, reports).status()));

  v1::GetRegionByKeyRequest find;
  find.set_key(std::string(kRegionKeyBytesMax + 1, 'k'));
  REQUIRE(absl::IsInvalidArgument(machine.Call(&Service::GetRegionByKey, find).status()));
  v1::RoutesRequest routes;
  routes.set_cluster_id(machine.cluster_id);
  for (size_t i = 0; i <= kKeysPerCallMax; ++i) routes.add_keys("k");
  REQUIRE(absl::IsInvalidArgument(machine.Call(&Service::Routes, routes).status()));
  v1::SetStoreIntentRequest intent;
  intent.set_cluster_id(machine.cluster_id);
  intent.set_store_id(1);
  REQUIRE(absl::IsInvalidArgument(machine.Call(&Service::SetStoreIntent, intent).status()));
  intent.set_intent(v1::STORE_INTENT_DRAINING);
  intent.set_store_id(5);
  REQUIRE(absl::IsNotFound(machine.Call(&Service::SetStoreIntent, intent).status()));
  v1::AllocIdRequest ids;
  ids.set_cluster_id(machine.cluster_id);
  ids.set_count(1'000'000'000);
  REQUIRE(absl::IsInvalidArgument(machine.Call(&Service::AllocId, ids).status()));
  REQUIRE(machine.driver->GetStats().regions == 0);
}

TEST_CASE("a disk that fails is an answer, and a restart helps", "[pd][service]") {
  Machine machine;
  machine.files.FailAll(vfs::OperationKind::kSync, absl::InternalError("EIO"));
  v1::TsoRequest request;
  request.set_cluster_id(machine.cluster_id);
  REQUIRE(absl::IsUnavailable(machine.Call(&Service::Tso, request).status()));
  REQUIRE(absl::IsUnavailable(
      machine.Call(&Service::StoreHeartbeat, StoreRequest(machine.cluster_id, 1)).status()));
  REQUIRE_FALSE(machine.driver->health().ok());
}

TEST_CASE("why nothing happens is told in words and figures", "[pd][service]") {
  Machine machine;
  for (uint64_t store = 1; store <= 3; ++store) Introduce(machine, store);
  ReportTo(machine, ReportOf(1, "", "m"));
  ReportTo(machine, ReportOf(2, "m", ""));
  machine.driver->Tick();
  machine.clock.Advance(absl::Seconds(3));
  v1::DiagnoseRequest request;
  request.set_cluster_id(machine.cluster_id);
  const auto response = machine.Call(&Service::Diagnose, request);
  REQUIRE_FALSE(response->explanation().empty());
  REQUIRE(response->stores_size() == 3);
  REQUIRE(response->stores(0).store().address() == "s1:1");
  REQUIRE(response->stores(0).leaders() == 2);
  REQUIRE(response->operators_size() == 1);
  REQUIRE(response->operators(0).age_ms() == 3000);
  REQUIRE(response->operators(0).end().empty());
  REQUIRE(response->operators(0).order().transfer_leader().to().store_id() != 1);
}

struct Stream {
  Machine& machine;
  HeartbeatSession session{machine.service};

  absl::StatusOr<v1::HeartbeatResponse> Say(const v1::HeartbeatRequest& request) {
    std::optional<absl::StatusOr<v1::HeartbeatResponse>> answer;
    session.Handle(request,
                   [&](absl::StatusOr<v1::HeartbeatResponse> response) { answer = response; });
    machine.executor.RunUntilIdle();
    REQUIRE(answer.has_value());
    return *std::move(answer);
  }
};

TEST_CASE("a stream of heartbeats begins with the store, and knows it from then on",
          "[pd][service]") {
  Machine machine;
  Stream stream{machine};
  v1::HeartbeatRequest regions;
  *regions.mutable_regions()->add_reports() = ReportOf(1, "", "");
  REQUIRE(absl::IsFailedPrecondition(stream.Say(regions).status()));
  REQUIRE(absl::IsInvalidArgument(stream.Say({}).status()));

  v1::HeartbeatRequest store;
  *store.mutable_store() = StoreRequest(0, 1);
  REQUIRE(stream.Say(store)->store().cluster_id() == machine.cluster_id);
  const auto outcomes = stream.Say(regions);  // Without ids.
  REQUIRE(outcomes->regions().outcomes_size() == 1);
  REQUIRE(outcomes->regions().outcomes(0).has_applied());

  regions.mutable_regions()->set_store_id(2);
  REQUIRE(absl::IsFailedPrecondition(stream.Say(regions).status()));
  *store.mutable_store() = StoreRequest(machine.cluster_id, 2);
  REQUIRE(absl::IsFailedPrecondition(stream.Say(store).status()));
}

TEST_CASE("a stream whose store was refused reports no regions", "[pd][service]") {
  Machine machine;
  Introduce(machine, 1);
  Stream stream{machine};
  v1::HeartbeatRequest store;
  *store.mutable_store() = StoreRequest(machine.cluster_id, 1);
  store.mutable_store()->set_identity(5);
  REQUIRE(stream.Say(store)->store().refusal().has_other_identity());
  v1::HeartbeatRequest regions;
  *regions.mutable_regions()->add_reports() = ReportOf(1, "", "");
  REQUIRE(absl::IsFailedPrecondition(stream.Say(regions).status()));
}

}  // namespace
}  // namespace nokv::pd
