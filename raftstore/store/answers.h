// Responses and refusals in the words of the contract.
//
// Thread-safety: pure functions.
#pragma once

#include "percolator/mvcc/one_phase.h"
#include "percolator/mvcc/reader.h"
#include "proto/errors.pb.h"
#include "proto/kv.pb.h"
#include "raftstore/region/region_meta.h"

#include <absl/time/time.h>

#include <cstdint>
#include <string_view>

namespace nokv::store {

using errors::v1::KeyError;
using errors::v1::RegionError;
using kv::v1::Command;
using kv::v1::CommandResult;

// --- The answer to a command, of the kind of the command.

CommandResult Refuse(const Command& command, RegionError error);
CommandResult RefuseKey(const Command& command, KeyError error);

// --- What is wrong with the route, or with the store.

RegionError ClusterIdMismatch(uint64_t wanted, uint64_t actual);
RegionError StoreNotMatch(uint64_t wanted, uint64_t actual);
RegionError RegionNotFound(region::RegionId region);
RegionError NotLeader(const region::RegionMeta& region, raft::PeerId leader);
RegionError EpochNotMatch(const region::RegionMeta& region);
RegionError KeyNotInRegion(const region::RegionMeta& region, std::string_view key);
RegionError ServerIsBusy(std::string_view what, absl::Duration wait);
RegionError StaleCommand(const region::RegionMeta& region);
RegionError DiskFull(uint64_t available_bytes, uint64_t wanted_bytes);
RegionError EntryTooLarge(region::RegionId region, uint64_t bytes, uint64_t bytes_max);

// No store will serve the command as it is.
RegionError NotServed(std::string_view why);

// --- What stands in the way at a key.

KeyError Locked(const mvcc::Blocked& blocked);
KeyError WriteConflict(const mvcc::Conflict& conflict, mvcc::Timestamp start);
KeyError RolledBackError(std::string_view key, mvcc::Timestamp start);
KeyError CommitTsTooSmall(std::string_view key, uint64_t commit_ts, uint64_t min_commit_ts);
KeyError CannotAddError(const mvcc::CannotAdd& cannot);

// --- Outcomes.

kv::v1::KeyValue ToProto(std::string_view key, mvcc::Found found);

}  // namespace nokv::store
