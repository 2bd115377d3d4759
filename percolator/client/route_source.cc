#include "percolator/client/route_source.h"

#include "percolator/mvcc/key_codec.h"

namespace nokv::client {
namespace {

using pd::v1::GetRegionByKeyResponse;

// What a route must have to be of use.
absl::Status CheckRoute(const pd::v1::Route& route, const std::string& key) {
  const meta::v1::Region& region = route.region();
  if (region.id() == 0 || region.peers().empty() || !Contains(region, key)) {
    return InternalError("the placement driver answered key {} with region {} of {} peers",
                         mvcc::ShowKey(key), region.id(), region.peers_size());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AdoptCluster(Environment& environment, uint64_t cluster_id) {
  if (cluster_id == 0) return InternalError("the placement driver did not name its cluster");
  if (environment.cluster_id == 0) environment.cluster_id = cluster_id;
  if (environment.cluster_id == cluster_id) return absl::OkStatus();
  return FailedPreconditionError("the placement driver belongs to cluster {}, this client to {}",
                                 cluster_id, environment.cluster_id);
}

void RouteSource::Call() {
  pd::v1::GetRegionByKeyRequest request;
  request.set_cluster_id(environment_.cluster_id);
  request.set_key(asked_.front().key);
  environment_.seams.pd.GetRegionByKey(
      std::move(request),
      environment_.gate->Wrap<absl::StatusOr<GetRegionByKeyResponse>>(
          [this, key = asked_.front().key](absl::StatusOr<GetRegionByKeyResponse> response) {
            Take(key, response);
          }));
}

void RouteSource::Take(const std::string& key,
                       const absl::StatusOr<GetRegionByKeyResponse>& response) {
  absl::Status status = response.status();
  if (status.ok()) status = AdoptCluster(environment_, response->cluster_id());
  if (!status.ok()) return Failed(status);
  Serve(key, *response);
}

void RouteSource::Serve(const std::string& key, const GetRegionByKeyResponse& response) {
  const meta::v1::Region& region = response.route().region();
  absl::Status status = absl::OkStatus();
  if (!response.has_route()) {
    status = UnavailableError("no region of key {} is known to the placement driver yet",
                              mvcc::ShowKey(key));
  } else {
    status = CheckRoute(response.route(), key);
  }
  if (status.ok()) {
    for (const meta::v1::Store& store : response.route().stores()) {
      if (store.id() != 0 && !store.address().empty()) {
        cache_.SetAddress(store.id(), store.address());
      }
    }
    const uint64_t leader = response.route().leader_peer_id();
    const bool is_old = cache_.Insert(region, leader) == RegionCache::News::kOlder;
    if (is_old) {
      const std::optional<Target> known = cache_.Find(key);
      if (!known || known->is_doubtful) cache_.Replace(region, leader);
    }
  }
  for (Waiter& waiter : AnsweredForAll()) {
    if (waiter.key == key) {
      status.ok() ? waiter.done(Loaded{}) : waiter.done(status);
    } else if (status.ok() && Contains(region, waiter.key)) {
      waiter.done(Loaded{});
    } else {
      Add(std::move(waiter));
    }
  }
  Pump();
}

}  // namespace nokv::client
