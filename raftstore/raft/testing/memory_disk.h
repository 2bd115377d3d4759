// What a peer of a test keeps over a crash: its log, hard state, and the state machine as last
// flushed.
//
// Invariant: first ≤ applied + 1, as for a real store, whose log is cut only behind what is
// flushed.
//
// Thread-safety: none. A copy is another disk.
#pragma once

#include "raftstore/raft/config_change.h"
#include "raftstore/raft/log_reader.h"
#include "raftstore/raft/raft.h"
#include "raftstore/raft/ready.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace nokv::raft::testing {

class MemoryDisk : public LogReader {
 public:
  // Of a newcomer, which waits for a snapshot.
  MemoryDisk() = default;

  // Of a first peer of a group: it begins where its bootstrap snapshot ends.
  explicit MemoryDisk(Configuration configuration);

  Index first_index() const override { return base_ + 1; }

  Index last_index() const override { return base_ + entries_.size(); }

  std::optional<Term> TermAt(Index index) const override;
  absl::Status ReadEntries(Index first, Index end, uint64_t bytes_max,
                           std::vector<Entry>& out) const override;
  std::shared_ptr<const Snapshot> SnapshotFor(PeerId peer) const override;

  // Entries, hard state and snapshot of a Ready, at once.
  void Write(const Ready& ready);

  // The state machine as of `applied` is durable.
  void Flush(Index applied, const Configuration& configuration);

  // Forgets the entries up to and with `index`, which is flushed. Peers that need one of them get
  // the snapshot, which stands for everything up to its own index.
  void Compact(Index index, std::shared_ptr<const Snapshot> snapshot);

  // Somebody needs a newer snapshot than there is. Asking clears it.
  bool TakeSnapshotWanted() { return std::exchange(is_snapshot_wanted_, false); }

  // What a peer starts with.
  InitialState initial_state() const { return {hard_state_, applied_, configuration_}; }

  const std::shared_ptr<const Snapshot>& snapshot() const { return snapshot_; }

  const std::vector<Entry>& entries() const { return entries_; }

  Index applied() const { return applied_; }

  // Everything on it, for comparing states.
  void AppendStateTo(std::string& out) const;

  // From now on reading entries fails.
  void Break() { is_broken_ = true; }

 private:
  HardState hard_state_;
  Index base_ = 0;
  Term base_term_ = 0;
  std::vector<Entry> entries_;
  Index applied_ = 0;
  Configuration configuration_;  // As of applied_.
  std::shared_ptr<const Snapshot> snapshot_;
  mutable bool is_snapshot_wanted_ = false;
  bool is_broken_ = false;
};

}  // namespace nokv::raft::testing
