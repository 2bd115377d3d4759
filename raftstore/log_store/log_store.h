// The durable logs of all regions of a store: rounds written as one batch, synced together.
//
// Invariant: what a Ready writes is there as a whole or not at all, and in the order of the rounds.
//
// Thread-safety: none for the set of regions (Create, Remove, Write); SyncTo is safe. The loop of a
// shard owns a store of its own over groups that it shares with others.
#pragma once

#include "engine/groups.h"
#include "raftstore/log_store/region_log.h"
#include "raftstore/raft/ready.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

namespace nokv::log_store {

struct RegionReady {
  RegionId region = 0;
  const raft::Ready* ready = nullptr;
};

struct WrittenRound {
  uint64_t position = 0;   // Of its end, for SyncTo().
  bool must_sync = false;  // False if nobody waits for it: only commit indexes moved.
};

class LogStore {
 public:
  // Finds the regions that there are. `groups` and `snapshots` (which may be null) outlive the
  // store. DataLoss or Unimplemented for a state that can't be read, naming the region.
  static absl::StatusOr<std::unique_ptr<LogStore>> Open(Groups& groups, SnapshotSource* snapshots);

  std::vector<RegionId> Regions() const;

  // Null if there is none. Stays where it is until the region is removed.
  RegionLog* Find(RegionId region);

  // A newcomer, which waits for a snapshot: nothing is written before its first Ready.
  // AlreadyExists.
  absl::StatusOr<RegionLog*> Create(RegionId region);

  // A first peer of a new group: its log begins behind the bootstrap snapshot, which it has
  // pending. Durable once a sync up to the position is.
  absl::StatusOr<uint64_t> Bootstrap(RegionId region, const raft::Configuration& configuration);

  // Writes what the Readies of a round ask for, at most one of each region; those that write
  // nothing are left out. All of it happens or nothing; after a failure the regions must stop.
  absl::StatusOr<WrittenRound> Write(std::span<const RegionReady> round);

  // Calls `done` once everything before `position` is durable, on an executor's thread; see
  // Groups::SyncTo.
  void SyncTo(uint64_t position, std::function<void(absl::Status)> done);

  // Drops entries up to and with `index`. InvalidArgument if the region's data does not have them
  // (its mark is lower). Needs no sync of its own.
  absl::Status Compact(RegionId region, raft::Index index);

  // Forgets the region, its log and its mark. Its RegionLog is gone.
  absl::StatusOr<uint64_t> Remove(RegionId region);

 private:
  LogStore(Groups& groups, SnapshotSource* snapshots) : groups_(groups), snapshots_(snapshots) {}

  RegionState StateAfter(const RegionLog& log, const raft::Ready& ready) const;

  Groups& groups_;
  SnapshotSource* const snapshots_;
  std::unordered_map<RegionId, std::unique_ptr<RegionLog>> regions_;
};

}  // namespace nokv::log_store
