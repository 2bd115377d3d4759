// The durable log of one region, as its Raft core reads it.
//
// Thread-safety: one thread at a time, like the core; the engine below is shared.
#pragma once

#include "engine/groups.h"
#include "raftstore/log_store/region_state.h"
#include "raftstore/raft/log_reader.h"

#include <memory>
#include <optional>
#include <vector>

namespace nokv::log_store {

using RegionId = GroupId;

// Who makes snapshots of regions for peers whose entries are gone.
class SnapshotSource {
 public:
  virtual ~SnapshotSource() = default;

  // See raft::LogReader::SnapshotFor.
  virtual std::shared_ptr<const raft::Snapshot> SnapshotFor(RegionId region, raft::PeerId peer) = 0;
};

class RegionLog final : public raft::LogReader {
 public:
  // `snapshots` may be null: then there is never one.
  RegionLog(const Groups& groups, RegionId region, SnapshotSource* snapshots, RegionState state)
      : groups_(groups), region_(region), snapshots_(snapshots), state_(std::move(state)) {}

  raft::Index first_index() const override;
  raft::Index last_index() const override;
  std::optional<raft::Term> TermAt(raft::Index index) const override;
  absl::Status ReadEntries(raft::Index first, raft::Index end, uint64_t bytes_max,
                           std::vector<raft::Entry>& out) const override;
  std::shared_ptr<const raft::Snapshot> SnapshotFor(raft::PeerId peer) const override;

  RegionId region() const { return region_; }

  const raft::HardState& hard_state() const { return state_.hard_state; }

  // The snapshot behind which the log begins, if the state machine does not have it yet.
  std::shared_ptr<const raft::Snapshot> pending_snapshot() const;

 private:
  friend class LogStore;

  const Groups& groups_;
  const RegionId region_;
  SnapshotSource* const snapshots_;
  RegionState state_;
};

}  // namespace nokv::log_store
