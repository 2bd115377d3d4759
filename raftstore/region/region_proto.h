// A region in the words of the contracts between processes, and back.
//
// Thread-safety: pure functions.
#pragma once

#include "proto/meta.pb.h"
#include "raftstore/region/region_meta.h"

namespace nokv::region {

meta::v1::Region ToProto(const RegionMeta& region);

meta::v1::Peer ToProto(const Peer& peer);

// InvalidArgument for what is no valid region, or has peers in a joint configuration.
absl::StatusOr<RegionMeta> FromProto(const meta::v1::Region& region);

}  // namespace nokv::region
