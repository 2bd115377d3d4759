// What a store begins with: regions of a topology file, if the placement driver knows no others.
//
// A region is made once on each of its stores, from a file each. Were the files unlike, its peers
// would be of different regions: two quorums, or replicas that drift apart.
//
// Thread-safety: pure functions.
#pragma once

#include "engine/base/status.h"
#include "proto/pd.pb.h"
#include "raftstore/region/region_meta.h"

namespace nokv::serve {

// Asks for what shares keys with the region.
pd::v1::ScanRegionsRequest NeighboursOf(const region::RegionMeta& region, uint64_t cluster_id);

// Whether the region may be made here. FailedPrecondition, with both regions, if the driver has
// answered with another one. A driver that knows none of its keys has nothing against it: a cluster
// begins so.
absl::Status CheckNew(const region::RegionMeta& region,
                      const pd::v1::ScanRegionsResponse& neighbours);

}  // namespace nokv::serve
