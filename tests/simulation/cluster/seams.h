// What processes of a simulated cluster reach each other through: the seams of the client library
// and of the stores, over the simulated network.
//
// Each is given to one process, on one host, and speaks for it.
//
// Thread-safety: none; a world has one thread.
#pragma once

#include "pd/client/pd_client.h"
#include "pd/service/service.h"
#include "percolator/client/kv_network.h"
#include "percolator/client/timer.h"
#include "tests/simulation/cluster/call_network.h"
#include "tests/simulation/event_queue.h"

#include <absl/time/time.h>

#include <functional>
#include <map>
#include <string>
#include <utility>

namespace nokv::simulation {

// What answers at the addresses of the cluster, at the moment.
struct Services {
  using Submit = std::function<void(kv::v1::Command, client::KvNetwork::Done)>;

  std::map<std::string, Submit> stores;
  pd::Service* driver = nullptr;
  std::function<void(const pd::v1::TsoResponse&)> on_timestamps = {};  // As they are given.
};

inline constexpr char kDriverAddress[] = "driver";

class SimKvNetwork final : public client::KvNetwork {
 public:
  SimKvNetwork(CallNetwork& calls, const Services& services, HostId host)
      : calls_(calls), services_(services), host_(host) {}

  void Call(const std::string& address, kv::v1::Command command, absl::Duration timeout,
            Done done) override;

 private:
  CallNetwork& calls_;
  const Services& services_;
  const HostId host_;
  uint64_t next_id_ = 0;
};

class SimPdClient final : public pd::PdClient {
 public:
  SimPdClient(CallNetwork& calls, const Services& services, HostId host)
      : calls_(calls), services_(services), host_(host) {}

  void Tso(pd::v1::TsoRequest request, pd::Done<pd::v1::TsoResponse> done) override;
  void StoreHeartbeat(pd::v1::StoreHeartbeatRequest request,
                      pd::Done<pd::v1::StoreHeartbeatResponse> done) override;
  void RegionHeartbeat(pd::v1::RegionHeartbeatRequest request,
                       pd::Done<pd::v1::RegionHeartbeatResponse> done) override;
  void GetRegionByKey(pd::v1::GetRegionByKeyRequest request,
                      pd::Done<pd::v1::GetRegionByKeyResponse> done) override;
  void ScanRegions(pd::v1::ScanRegionsRequest request,
                   pd::Done<pd::v1::ScanRegionsResponse> done) override;
  void AllocId(pd::v1::AllocIdRequest request, pd::Done<pd::v1::AllocIdResponse> done) override;

 private:
  // Asks the driver through `method`.
  template <typename Request, typename Response>
  void Ask(void (pd::Service::*method)(Request, pd::Reply<Response>), Request request,
           pd::Done<Response> done);

  CallNetwork& calls_;
  const Services& services_;
  const HostId host_;
};

class SimTimer final : public client::Timer {
 public:
  SimTimer(EventQueue& queue, HostId host) : queue_(queue), host_(host) {}

  void After(absl::Duration delay, Task task) override {
    queue_.After(host_, delay, std::move(task));
  }

 private:
  EventQueue& queue_;
  const HostId host_;
};

}  // namespace nokv::simulation
