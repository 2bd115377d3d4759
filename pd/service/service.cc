#include "pd/service/service.h"

#include "pd/service/translate.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace nokv::pd {
namespace {

absl::Status CheckKey(std::string_view what, std::string_view key) {
  if (key.size() <= kRegionKeyBytesMax) return absl::OkStatus();
  return InvalidArgumentError("{} of {} bytes; at most {} are allowed", what, key.size(),
                              kRegionKeyBytesMax);
}

// Regions that a response may still hold: a page of large keys is cut short, not refused.
class RegionBudget {
 public:
  bool Take(size_t bytes) {
    const bool fits = bytes <= left_bytes_;
    left_bytes_ -= std::min(bytes, left_bytes_);
    return fits;
  }

 private:
  size_t left_bytes_ = kRegionsBytesMax;
};

absl::StatusOr<v1::RegionHeartbeatResponse> ReportRegions(
    PlacementDriver& driver, const v1::RegionHeartbeatRequest& request) {
  RETURN_IF_ERROR(driver.CheckClusterId(request.cluster_id()));
  if (static_cast<size_t>(request.reports_size()) > kReportsPerCallMax) {
    return InvalidArgumentError("{} region reports at once; at most {} are allowed",
                                request.reports_size(), kReportsPerCallMax);
  }
  std::vector<RegionReport> reports;
  reports.reserve(static_cast<size_t>(request.reports_size()));
  for (const v1::RegionReport& report : request.reports()) {
    reports.push_back(RegionReportFrom(report));
  }
  ASSIGN_OR_RETURN(std::vector<RegionOutcome> outcomes,
                   driver.HandleRegionHeartbeats(StoreId{request.store_id()}, std::move(reports)));
  v1::RegionHeartbeatResponse response;
  RegionBudget budget;
  for (size_t i = 0; i < outcomes.size(); ++i) {
    if (auto* const stale = std::get_if<Stale>(&outcomes[i])) {
      std::erase_if(stale->current, [&budget](const Region& region) {
        return !budget.Take(region.start_key.size() + region.end_key.size());
      });
    }
    Fill(RegionId{request.reports(static_cast<int>(i)).region().id()}, outcomes[i],
         response.add_outcomes());
  }
  return response;
}

absl::StatusOr<v1::StoreHeartbeatResponse> ReportStore(PlacementDriver& driver,
                                                       const v1::StoreHeartbeatRequest& request) {
  v1::StoreHeartbeatResponse response;
  if (request.cluster_id() != 0) {
    if (const absl::Status status = driver.CheckClusterId(request.cluster_id()); !status.ok()) {
      response.set_cluster_id(driver.cluster_id());
      v1::StoreRefusal* const refusal = response.mutable_refusal();
      refusal->set_message(std::string(StdView(status.message())));
      refusal->mutable_cluster_id_mismatch()->set_wanted_cluster_id(request.cluster_id());
      refusal->mutable_cluster_id_mismatch()->set_actual_cluster_id(driver.cluster_id());
      return response;
    }
  }
  ASSIGN_OR_RETURN(const StoreHeartbeatReply reply,
                   driver.HandleStoreHeartbeat(
                       {.cluster_id = request.cluster_id(), .report = StoreReportFrom(request)}));
  Fill(reply, &response);
  return response;
}

absl::StatusOr<v1::GetRegionByKeyResponse> FindRegion(PlacementDriver& driver,
                                                      const v1::GetRegionByKeyRequest& request) {
  if (request.cluster_id() != 0) RETURN_IF_ERROR(driver.CheckClusterId(request.cluster_id()));
  RETURN_IF_ERROR(CheckKey("a key", request.key()));
  v1::GetRegionByKeyResponse response;
  response.set_cluster_id(driver.cluster_id());
  if (const std::optional<Route> route = driver.GetRegionByKey(request.key())) {
    Fill(*route, response.mutable_route());
  }
  return response;
}

absl::StatusOr<v1::ScanRegionsResponse> Scan(PlacementDriver& driver,
                                             const v1::ScanRegionsRequest& request) {
  RETURN_IF_ERROR(driver.CheckClusterId(request.cluster_id()));
  RETURN_IF_ERROR(CheckKey("a start key", request.start_key()));
  RETURN_IF_ERROR(CheckKey("an end key", request.end_key()));
  const size_t limit = request.limit() == 0 ? kRoutesPerCallMax : request.limit();
  v1::ScanRegionsResponse response;
  RegionBudget budget;
  for (const Route& route : driver.ScanRegions(request.start_key(), request.end_key(), limit)) {
    if (!budget.Take(SizeOf(route))) break;
    Fill(route, response.add_routes());
  }
  return response;
}

absl::StatusOr<v1::RoutesResponse> FindRegions(PlacementDriver& driver,
                                               const v1::RoutesRequest& request) {
  RETURN_IF_ERROR(driver.CheckClusterId(request.cluster_id()));
  if (static_cast<size_t>(request.keys_size()) > kKeysPerCallMax) {
    return InvalidArgumentError("{} keys at once; at most {} are allowed", request.keys_size(),
                                kKeysPerCallMax);
  }
  v1::RoutesResponse response;
  response.set_id(request.id());
  std::map<std::string, Route> routes;  // By start key; in order, and each once.
  RegionBudget budget;
  for (int i = 0; i < request.keys_size(); ++i) {
    RETURN_IF_ERROR(CheckKey("a key", request.keys(i)));
    std::optional<Route> route = driver.GetRegionByKey(request.keys(i));
    const bool is_there = route.has_value() && routes.contains(route->region.start_key);
    if (!route.has_value() || (!is_there && !budget.Take(SizeOf(*route)))) {
      response.add_missing_keys(static_cast<uint32_t>(i));
    } else if (!is_there) {
      std::string start_key = route->region.start_key;
      routes.emplace(std::move(start_key), *std::move(route));
    }
  }
  for (const auto& [start_key, route] : routes) Fill(route, response.add_routes());
  return response;
}

v1::TsoResponse ResponseOf(const TimestampRange& range) {
  v1::TsoResponse response;
  response.set_first_timestamp(range.first);
  response.set_count(static_cast<uint32_t>(range.count));
  return response;
}

}  // namespace

Service::Service(PlacementDriver& driver, Executor& executor, const ServiceOptions& options)
    : driver_(driver), options_(options), tasks_(executor) {}

template <typename Response>
void Service::OnExecutor(Reply<Response> reply, std::function<absl::StatusOr<Response>()> work) {
  if (waiting_calls_.fetch_add(1) >= options_.waiting_calls_max) {
    waiting_calls_.fetch_sub(1);
    reply(UnavailableError("{} calls wait for the placement driver's disk already",
                           options_.waiting_calls_max));
    return;
  }
  tasks_.Submit(Priority::kHigh, [this, reply = std::move(reply), work = std::move(work)] {
    absl::StatusOr<Response> response = work();
    waiting_calls_.fetch_sub(1);
    reply(std::move(response));
  });
}

void Service::StoreHeartbeat(v1::StoreHeartbeatRequest request,
                             Reply<v1::StoreHeartbeatResponse> reply) {
  OnExecutor<v1::StoreHeartbeatResponse>(std::move(reply), [this, request = std::move(request)] {
    return ReportStore(driver_, request);
  });
}

void Service::RegionHeartbeat(v1::RegionHeartbeatRequest request,
                              Reply<v1::RegionHeartbeatResponse> reply) {
  OnExecutor<v1::RegionHeartbeatResponse>(std::move(reply), [this, request = std::move(request)] {
    return ReportRegions(driver_, request);
  });
}

void Service::RemoveRegion(v1::RemoveRegionRequest request, Reply<v1::RemoveRegionResponse> reply) {
  OnExecutor<v1::RemoveRegionResponse>(
      std::move(reply),
      [this, request = std::move(request)]() -> absl::StatusOr<v1::RemoveRegionResponse> {
        RETURN_IF_ERROR(driver_.CheckClusterId(request.cluster_id()));
        v1::RemoveRegionResponse response;
        ASSIGN_OR_RETURN(const bool was_known, driver_.RemoveRegion(RegionId{request.region_id()}));
        response.set_was_known(was_known);
        return response;
      });
}

void Service::SetStoreIntent(v1::SetStoreIntentRequest request,
                             Reply<v1::SetStoreIntentResponse> reply) {
  OnExecutor<v1::SetStoreIntentResponse>(
      std::move(reply),
      [this, request = std::move(request)]() -> absl::StatusOr<v1::SetStoreIntentResponse> {
        RETURN_IF_ERROR(driver_.CheckClusterId(request.cluster_id()));
        ASSIGN_OR_RETURN(const StoreIntent intent, IntentFrom(request.intent()));
        RETURN_IF_ERROR(driver_.SetStoreIntent(StoreId{request.store_id()}, intent));
        return v1::SetStoreIntentResponse();
      });
}

void Service::AllocId(v1::AllocIdRequest request, Reply<v1::AllocIdResponse> reply) {
  OnExecutor<v1::AllocIdResponse>(
      std::move(reply),
      [this, request = std::move(request)]() -> absl::StatusOr<v1::AllocIdResponse> {
        RETURN_IF_ERROR(driver_.CheckClusterId(request.cluster_id()));
        const uint32_t count = std::max(request.count(), 1u);
        ASSIGN_OR_RETURN(const uint64_t first, driver_.AllocateIds(count));
        v1::AllocIdResponse response;
        response.set_first_id(first);
        response.set_count(count);
        return response;
      });
}

void Service::Tso(v1::TsoRequest request, Reply<v1::TsoResponse> reply) {
  if (absl::Status status = driver_.CheckClusterId(request.cluster_id()); !status.ok()) {
    reply(std::move(status));
    return;
  }
  const uint32_t count = std::max(request.count(), 1u);
  const absl::StatusOr<std::optional<TimestampRange>> range = driver_.TryGetTimestamps(count);
  if (!range.ok()) {
    reply(range.status());
  } else if (range->has_value()) {
    reply(ResponseOf(**range));
  } else {
    OnExecutor<v1::TsoResponse>(
        std::move(reply), [this, count]() -> absl::StatusOr<v1::TsoResponse> {
          ASSIGN_OR_RETURN(const TimestampRange saved, driver_.GetTimestamps(count));
          return ResponseOf(saved);
        });
  }
}

void Service::GetRegionByKey(v1::GetRegionByKeyRequest request,
                             Reply<v1::GetRegionByKeyResponse> reply) {
  reply(FindRegion(driver_, request));
}

void Service::ScanRegions(v1::ScanRegionsRequest request, Reply<v1::ScanRegionsResponse> reply) {
  reply(Scan(driver_, request));
}

void Service::Routes(v1::RoutesRequest request, Reply<v1::RoutesResponse> reply) {
  reply(FindRegions(driver_, request));
}

void Service::Diagnose(v1::DiagnoseRequest request, Reply<v1::DiagnoseResponse> reply) {
  if (absl::Status status = driver_.CheckClusterId(request.cluster_id()); !status.ok()) {
    reply(std::move(status));
    return;
  }
  v1::DiagnoseResponse response;
  Fill(driver_.Diagnose(), &response);
  reply(std::move(response));
}

void HeartbeatSession::Handle(v1::HeartbeatRequest request, Reply<v1::HeartbeatResponse> reply) {
  if (request.has_store()) {
    HandleStore(std::move(*request.mutable_store()), std::move(reply));
  } else if (request.has_regions()) {
    HandleRegions(std::move(*request.mutable_regions()), std::move(reply));
  } else {
    reply(InvalidArgumentError("a heartbeat that reports neither a store nor regions"));
  }
}

void HeartbeatSession::HandleStore(v1::StoreHeartbeatRequest request,
                                   Reply<v1::HeartbeatResponse> reply) {
  const uint64_t store_id = request.store_id();
  if (store_id_ != 0 && store_id != store_id_) {
    reply(
        FailedPreconditionError("store {} reports on the stream of store {}", store_id, store_id_));
    return;
  }
  service_.StoreHeartbeat(std::move(request),
                          [this, store_id, reply = std::move(reply)](
                              absl::StatusOr<v1::StoreHeartbeatResponse> response) {
                            if (!response.ok()) {
                              reply(response.status());
                              return;
                            }
                            if (!response->has_refusal()) {
                              cluster_id_ = response->cluster_id();
                              store_id_ = store_id;
                            }
                            v1::HeartbeatResponse message;
                            *message.mutable_store() = *std::move(response);
                            reply(std::move(message));
                          });
}

void HeartbeatSession::HandleRegions(v1::RegionHeartbeatRequest request,
                                     Reply<v1::HeartbeatResponse> reply) {
  if (store_id_ == 0) {
    reply(FailedPreconditionError("a stream of heartbeats begins with the store's own"));
    return;
  }
  if (request.cluster_id() == 0) request.set_cluster_id(cluster_id_);
  if (request.store_id() == 0) request.set_store_id(store_id_);
  if (request.store_id() != store_id_) {
    reply(FailedPreconditionError("store {} reports on the stream of store {}", request.store_id(),
                                  store_id_));
    return;
  }
  service_.RegionHeartbeat(
      std::move(request),
      [reply = std::move(reply)](absl::StatusOr<v1::RegionHeartbeatResponse> response) {
        if (!response.ok()) {
          reply(response.status());
          return;
        }
        v1::HeartbeatResponse message;
        *message.mutable_regions() = *std::move(response);
        reply(std::move(message));
      });
}

}  // namespace nokv::pd
