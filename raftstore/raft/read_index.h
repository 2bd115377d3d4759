// Reads that wait until a quorum has confirmed that this leader still leads (thesis section 6.4).
//
// One round of heartbeats confirms every read that waited when it began; reads that come during a
// round wait for the next. A round is repeated with every heartbeat until a quorum has answered it,
// so that lost messages delay a read and never lose it.
//
// Invariant: the index of a round is the commit index at its start, which is at least that at the
// arrival of each of its reads.
//
// Thread-safety: none.
#pragma once

#include "raftstore/raft/ready.h"

#include <cstdint>
#include <string>
#include <vector>

namespace nokv::raft {

class ReadQueue {
 public:
  void Add(uint64_t context) { waiting_.push_back(context); }

  bool has_waiting() const { return !waiting_.empty(); }

  bool has_round() const { return !asked_.empty(); }

  size_t size() const { return waiting_.size() + asked_.size(); }

  // The round to name in heartbeats; only ever grows. 0 before the first.
  uint64_t round() const { return round_; }

  // Begins a round for everything that waits. There must be something, and no round.
  void StartRound(Index commit);

  // A quorum has confirmed up to `round`. Adds the reads that this answers to `out`.
  void Confirm(uint64_t round, std::vector<ReadState>& out);

  // Gives up all reads; their contexts go to `out`.
  void Drop(std::vector<uint64_t>& out);

  void AppendStateTo(std::string& out) const;

 private:
  std::vector<uint64_t> waiting_;
  std::vector<uint64_t> asked_;  // Those of the current round.
  uint64_t round_ = 0;
  Index index_ = 0;  // Of the current round.
};

}  // namespace nokv::raft
