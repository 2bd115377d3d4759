// Which entry of a region's log is whose.
//
// A proposal is known by index *and* term: another leader's entry may come to stand at the index.
// What an entry that is committed says about the proposals, in the order in which they were made:
//   of an older term than the entry:  lost. Terms never fall along a log, so nothing of that term
//   is
//                                     committed at or behind the entry.
//   of the entry's term and index:    this is it.
//   anything else:                    nothing yet.
//
// Thread-safety: none; a region owns its own.
#pragma once

#include "raftstore/raft/entry.h"
#include "raftstore/store/latches.h"

#include <deque>
#include <optional>
#include <vector>

namespace nokv::store {

struct Proposal {
  raft::Index index = 0;
  raft::Term term = 0;
  std::vector<WriteId> writes;  // Of the entry's commands, in their order.
};

class Proposals {
 public:
  // Later than all others, by term and then by index.
  void Add(Proposal proposal);

  // The entry `index` of `term` is committed: its proposal, if it was made here. Moves those that
  // are lost for certain to `lost`.
  std::optional<Proposal> Resolve(raft::Index index, raft::Term term, std::vector<Proposal>& lost);

  bool empty() const { return waiting_.empty(); }

  const std::deque<Proposal>& waiting() const { return waiting_; }

 private:
  std::deque<Proposal> waiting_;
};

}  // namespace nokv::store
