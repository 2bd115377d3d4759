// How stores and clients reach the placement driver: the seam, in the words of its contract.
//
// A network client implements it in a process; in a simulation the driver's service stands behind
// a simulated network. Calls never block and may be made at any time; each is answered once, with
// the response or with the status of what failed: Unavailable and DeadlineExceeded may be tried
// again, anything else not. `done` comes on the executor that the implementation was given, never
// inside the call. When an implementation is destroyed, what waits is forgotten.
//
// Thread-safety: implementations are safe.
#pragma once

#include "engine/base/status.h"
#include "proto/pd.pb.h"

#include <functional>

namespace nokv::pd {

template <typename Response>
using Done = std::function<void(absl::StatusOr<Response>)>;

class PdClient {
 public:
  virtual ~PdClient() = default;

  // Calls for timestamps that are made while one is under way share the next.
  virtual void Tso(v1::TsoRequest request, Done<v1::TsoResponse> done) = 0;

  virtual void StoreHeartbeat(v1::StoreHeartbeatRequest request,
                              Done<v1::StoreHeartbeatResponse> done) = 0;
  virtual void RegionHeartbeat(v1::RegionHeartbeatRequest request,
                               Done<v1::RegionHeartbeatResponse> done) = 0;
  virtual void GetRegionByKey(v1::GetRegionByKeyRequest request,
                              Done<v1::GetRegionByKeyResponse> done) = 0;
  virtual void ScanRegions(v1::ScanRegionsRequest request, Done<v1::ScanRegionsResponse> done) = 0;
  virtual void AllocId(v1::AllocIdRequest request, Done<v1::AllocIdResponse> done) = 0;
};

}  // namespace nokv::pd
