// What a region remembers beside its entries, as bytes. Format: README.md.
//
// Thread-safety: pure functions and values.
#pragma once

#include "engine/base/status.h"
#include "raftstore/raft/entry.h"
#include "raftstore/raft/message.h"

#include <memory>
#include <string>
#include <string_view>

namespace nokv::log_store {

struct RegionState {
  raft::HardState hard_state;
  // The log begins behind it, and the state machine may not have it yet. Null if it has.
  std::shared_ptr<const raft::Snapshot> snapshot;
};

std::string Encode(const RegionState& state);

// Empty bytes are the state of a newcomer. DataLoss for bytes that are none, Unimplemented for
// those of a newer version.
absl::StatusOr<RegionState> DecodeRegionState(std::string_view bytes);

}  // namespace nokv::log_store
