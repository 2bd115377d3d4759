// Routes from the placement driver into the cache: one call under way, for whoever needs the
// region.
//
// Thread-safety: none; only inside the gate.
#pragma once

#include "percolator/client/pd_queue.h"
#include "percolator/client/region_cache.h"

#include <cstdint>
#include <string>

namespace nokv::client {

// InvalidArgument if it makes no sense, FailedPrecondition if it is not the cluster known so far.
absl::Status AdoptCluster(Environment& environment, uint64_t cluster_id);

struct Loaded {};

class RouteSource final : public PdQueue<Loaded> {
 public:
  RouteSource(Environment& environment, RegionCache& cache)
      : PdQueue(environment, "route"), cache_(cache) {}

  // Has the region of `key` in the cache when `done` is called with OK. Unavailable if the driver
  // knows none at present.
  void Load(std::string key, uint64_t deadline_nanos, WaiterDone done) {
    Add({.deadline_nanos = deadline_nanos, .key = std::move(key), .done = std::move(done)});
  }

 private:
  void Call() override;
  void Take(const std::string& key, const absl::StatusOr<pd::v1::GetRegionByKeyResponse>& response);
  void Serve(const std::string& key, const pd::v1::GetRegionByKeyResponse& response);

  RegionCache& cache_;
};

}  // namespace nokv::client
