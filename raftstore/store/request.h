// A command as it came from outside: whom it is for, and whether it can be done at all.
//
// Nothing in a command is believed. What these functions let through has keys of the region and of
// their owner, sizes within the bounds, and only what this store serves.
//
// Thread-safety: pure functions.
#pragma once

#include "percolator/mvcc/one_phase.h"
#include "percolator/mvcc/reader.h"
#include "raftstore/region/region_meta.h"
#include "raftstore/store/answers.h"
#include "raftstore/store/ident.h"
#include "raftstore/store/options.h"

#include <optional>
#include <variant>

namespace nokv::store {

// A refusal, or nothing if there is nothing to refuse.
using Refusal = std::optional<RegionError>;

// Null if nothing is asked.
const kv::v1::Context* ContextOf(const Command& command);

// Whether it came to the right cluster and store.
Refusal CheckStore(const kv::v1::Context& context, const Ident& ident);

// Whether it is for `peer`, and for the region as it is. Its leader says so; others may be behind.
Refusal CheckRegion(const kv::v1::Context& context, const region::RegionMeta& region,
                    raft::PeerId peer);

// Of a get, a batch of gets or a scan: keys, numbers, the timestamp.
Refusal CheckRead(const Command& command, const region::RegionMeta& region, const Options& options);

mvcc::Timestamp ReadTimestamp(const Command& command);

// The scan of a request that was checked, within the region.
mvcc::ScanRequest ScanWithin(const kv::v1::ScanRequest& request, const region::RegionMeta& region,
                             const Options& options);

// The write of one step that is asked for; it points into the request.
std::variant<mvcc::OnePhase, RegionError> ReadWrite(const kv::v1::PrewriteRequest& request,
                                                    const region::RegionMeta& region,
                                                    const Options& options);

}  // namespace nokv::store
