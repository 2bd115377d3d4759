// Puts committed entries into the engine: the changes of many regions as one write, together with
// the marks that say how far each region is applied.
//
// Invariant: an entry's changes and its mark are one write, so after a crash the engine has each
// entry as a whole or not, and the mark tells. Every command is checked against the region as it is
// at that moment; one that was evaluated for another state of it does nothing, on every peer alike.
//
// Thread-safety: the loop only.
#pragma once

#include "engine/db.h"
#include "raftstore/command/command.h"
#include "raftstore/raft/entry.h"
#include "raftstore/store/engine_snapshot.h"
#include "raftstore/store/peer.h"

#include <absl/container/inlined_vector.h>

#include <deque>
#include <vector>

namespace nokv::store {

class Applier {
 public:
  Applier(DB& db, const Families& families, Shared& shared)
      : db_(db), families_(families), shared_(shared) {}

  // Entries of a peer behind those added before. The peer stays.
  void Add(Peer& peer, std::vector<raft::Entry> entries);

  // Applies some of what was added, as one write, tells the peers and adds them to `applied`.
  // DataLoss or Unimplemented for an entry that can't be read: it must not be skipped. Where the
  // disk is full or the database far behind nothing happens, and the next call tries again.
  absl::Status Run(std::vector<Peer*>& applied);

  // Something is left to apply, and the engine took what came before it.
  bool has_work() const { return !waiting_.empty() && !is_held_up_; }

 private:
  struct Waiting {
    Peer* peer = nullptr;
    raft::Entry entry;
  };

  using Effects = absl::InlinedVector<bool, 16>;

  absl::Status Gather(const Waiting& waiting, WriteBatch& batch, Effects& effects);
  bool IsStale(const Peer& peer, const command::Command& command) const;
  absl::Status Write(const WriteBatch& batch, const std::vector<GroupMark>& marks);

  DB& db_;
  const Families families_;
  Shared& shared_;
  std::deque<Waiting> waiting_;
  bool is_held_up_ = false;
  command::Entry decoded_;
};

}  // namespace nokv::store
