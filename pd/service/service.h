// The contract of the placement driver as calls: a request in, one response or status out.
//
// Pure translation: every request is checked, the driver does the work, and its answer becomes a
// message. Nothing here knows the network; a server on sockets stands in front, or a simulation.
//
// Every call is answered exactly once, unless the service ends first. What needs no disk is
// answered within the call; the rest runs on the executor, as many calls at once as the options
// say, and Unavailable is the answer to more. Statuses: Unavailable may be tried again, anything
// else means that the caller is mistaken.
//
// Thread-safety: safe, except that the destructor must run alone.
#pragma once

#include "engine/base/executor.h"
#include "pd/server/placement_driver.h"
#include "pd/server/task_group.h"
#include "proto/pd.pb.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace nokv::pd {

inline constexpr size_t kKeysPerCallMax = 1024;      // Of a RoutesRequest.
inline constexpr size_t kRegionsBytesMax = 4 << 20;  // Of regions in one response, about.

struct ServiceOptions {
  size_t waiting_calls_max = 1024;  // For the disk.
};

template <typename Response>
using Reply = std::function<void(absl::StatusOr<Response>)>;

class Service {
 public:
  // Both outlive the service. The executor's tasks may wait for the disk.
  Service(PlacementDriver& driver, Executor& executor, const ServiceOptions& options = {});

  // Calls whose reply has not come yet are forgotten.
  ~Service() = default;

  void StoreHeartbeat(v1::StoreHeartbeatRequest request, Reply<v1::StoreHeartbeatResponse> reply);
  void RegionHeartbeat(v1::RegionHeartbeatRequest request,
                       Reply<v1::RegionHeartbeatResponse> reply);
  void RemoveRegion(v1::RemoveRegionRequest request, Reply<v1::RemoveRegionResponse> reply);
  void GetRegionByKey(v1::GetRegionByKeyRequest request, Reply<v1::GetRegionByKeyResponse> reply);
  void ScanRegions(v1::ScanRegionsRequest request, Reply<v1::ScanRegionsResponse> reply);
  void AllocId(v1::AllocIdRequest request, Reply<v1::AllocIdResponse> reply);
  void Tso(v1::TsoRequest request, Reply<v1::TsoResponse> reply);
  void SetStoreIntent(v1::SetStoreIntentRequest request, Reply<v1::SetStoreIntentResponse> reply);
  void Diagnose(v1::DiagnoseRequest request, Reply<v1::DiagnoseResponse> reply);

  // One message of a RouteStream.
  void Routes(v1::RoutesRequest request, Reply<v1::RoutesResponse> reply);

 private:
  // Runs `work` on the executor and replies with what it returns.
  template <typename Response>
  void OnExecutor(Reply<Response> reply, std::function<absl::StatusOr<Response>()> work);

  PlacementDriver& driver_;
  const ServiceOptions options_;
  std::atomic<size_t> waiting_calls_{0};

  TaskGroup tasks_;  // Last: its tasks use all the others.
};

// What one Heartbeats stream knows of the store at its other end.
//
// Thread-safety: none; the next message comes after the reply to the one before.
class HeartbeatSession {
 public:
  // The service outlives the session, and the session every reply.
  explicit HeartbeatSession(Service& service) : service_(service) {}

  // FailedPrecondition, and then the stream should end, for regions of a store that was not
  // admitted in this session, and for a message that names another store or cluster than before.
  void Handle(v1::HeartbeatRequest request, Reply<v1::HeartbeatResponse> reply);

 private:
  void HandleStore(v1::StoreHeartbeatRequest request, Reply<v1::HeartbeatResponse> reply);
  void HandleRegions(v1::RegionHeartbeatRequest request, Reply<v1::HeartbeatResponse> reply);

  Service& service_;
  uint64_t cluster_id_ = 0;  // Both 0 until the store was admitted.
  uint64_t store_id_ = 0;
};

}  // namespace nokv::pd
