#include "cmd/serve/first_regions.h"

#include "raftstore/region/region_proto.h"

namespace nokv::serve {

pd::v1::ScanRegionsRequest NeighboursOf(const region::RegionMeta& region, uint64_t cluster_id) {
  pd::v1::ScanRegionsRequest request;
  request.set_cluster_id(cluster_id);
  request.set_start_key(region.start);
  request.set_end_key(region.end);
  request.set_limit(1);  // If the first one is the region itself there is no room for another.
  return request;
}

absl::Status CheckNew(const region::RegionMeta& region,
                      const pd::v1::ScanRegionsResponse& neighbours) {
  if (neighbours.routes().empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const region::RegionMeta known,
                   region::FromProto(neighbours.routes(0).region()));
  if (known == region) return absl::OkStatus();
  return FailedPreconditionError(
      "the topology file has {}, and the placement driver knows {}: one of them was made from "
      "another file, or the region has changed since the cluster began. Nothing was made; start "
      "the store again with the file that the cluster began with",
      region::Describe(region), region::Describe(known));
}

}  // namespace nokv::serve
