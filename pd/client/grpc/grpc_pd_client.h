// The way to the placement driver over gRPC: timestamps and heartbeats over streams, unary calls
// for the rest. For one process; of one store, if it reports one. README.md tells more.
//
// Thread-safety: safe. The destructor forgets what waits.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "pd/client/pd_client.h"
#include "proto/net/poller.h"

#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace nokv::pd {

struct GrpcPdOptions {
  std::string address = {};  // HOST:PORT of the driver.
  uint64_t cluster_id = 0;   // That it must serve; 0: the one that it tells first.
  absl::Duration timeout = absl::Seconds(2);
  size_t calls_max = 65'536;  // That wait; more are Unavailable.
};

class PdConnection;

class GrpcPdClient final : public PdClient {
 public:
  // `executor` takes the answers. It and `clock` outlive the client. `poller` is the process's.
  GrpcPdClient(const GrpcPdOptions& options, Executor& executor, Clock& clock,
               std::shared_ptr<net::Poller> poller);
  ~GrpcPdClient() override;

  // 0 until the driver has told it.
  uint64_t cluster_id() const;

  void Tso(v1::TsoRequest request, Done<v1::TsoResponse> done) override;
  void StoreHeartbeat(v1::StoreHeartbeatRequest request,
                      Done<v1::StoreHeartbeatResponse> done) override;
  void RegionHeartbeat(v1::RegionHeartbeatRequest request,
                       Done<v1::RegionHeartbeatResponse> done) override;
  void GetRegionByKey(v1::GetRegionByKeyRequest request,
                      Done<v1::GetRegionByKeyResponse> done) override;
  void ScanRegions(v1::ScanRegionsRequest request, Done<v1::ScanRegionsResponse> done) override;
  void AllocId(v1::AllocIdRequest request, Done<v1::AllocIdResponse> done) override;

 private:
  const std::shared_ptr<PdConnection> connection_;
};

}  // namespace nokv::pd
