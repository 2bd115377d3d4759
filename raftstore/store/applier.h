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

  // Applies what was added and tells the peers. DataLoss or Unimplemented for an entry that can't
  // be read: it must not be skipped. After ResourceExhausted what is left waits for the next call.
  absl::Status Run();

  bool empty() const { return waiting_.empty(); }

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
  command::Entry decoded_;
};

}  // namespace nokv::store
