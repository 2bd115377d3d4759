// What must hold of a cluster after every step of it, and the first thing that did not.
//
//   election safety        at most one leader in a term
//   one vote               a peer grants one candidate in a term, over crashes too
//   leader append-only     a leader neither changes nor removes an entry of its log
//   log matching           index and term name one entry with one predecessor, in every log
//   leader completeness    a leader has every entry that was committed in an earlier term
//   state machine safety   all peers apply the same entry at the same index, in order
//   durability             what is committed is on the disks of a quorum
//   one change at a time   none is proposed while another is not applied by its proposer
//   monotony               terms and commit indexes of a peer do not fall while it runs
//
// Thread-safety: none.
#pragma once

#include "raftstore/raft/testing/node.h"

#include <absl/container/inlined_vector.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace nokv::raft::testing {

class Invariants {
 public:
  // The disk of a peer that is in the cluster, or null; whether it runs or not.
  using DiskOf = std::function<const MemoryDisk*(PeerId)>;

  explicit Invariants(DiskOf disk_of) : disk_of_(std::move(disk_of)) {}

  // To be called after each input to `node` and its Drain(), with what came of it.
  void AfterStep(const Node& node, const Effects& effects);

  // The node runs again from its disk.
  void AfterRestart(const Node& node);

  // What did not hold, with the numbers; empty as long as all is well.
  const std::string& violation() const { return violation_; }

  // How much was seen, to know that a test tests.
  uint64_t elections() const { return leaders_.size(); }

  Index committed() const { return committed_.size() - 1; }

 private:
  struct Known {  // An entry by its term.
    Term term = 0;
    Term previous_term = 0;
    uint64_t digest = 0;
  };

  struct Committed {
    Term term = 0;
    uint64_t digest = 0;
    Term in_term = 0;  // The lowest term of a peer that knew it to be committed.
  };

  struct Seen {  // A peer as it was after its last step.
    Term term = 0;
    Role role = Role::kFollower;
    Index commit = 0;
    Index applied = 0;
    Index first = 1;                    // Of `terms`.
    std::vector<Term> terms;            // Of its log.
    std::vector<Index> config_changes;  // In its log, ascending.
  };

  void Violate(std::string text);
  void CheckRole(const Node& node, const Seen& seen);
  void CheckLog(const Node& node, Seen& seen);
  void CheckEntry(const Node& node, const Entry& entry, Term previous_term, Seen& seen);
  void CheckCommit(const Node& node, const Effects& effects, const Seen& seen);
  void CheckApplied(const Node& node, const Effects& effects, Seen& seen);
  bool IsDurable(Index index, Term term, const std::vector<PeerId>& voters) const;

  DiskOf disk_of_;
  std::string violation_;
  std::map<Term, PeerId> leaders_;
  std::map<std::pair<PeerId, Term>, PeerId> votes_;
  std::vector<absl::InlinedVector<Known, 2>> known_;                                // By index.
  std::vector<Committed> committed_ = std::vector<Committed>(kBootstrapIndex + 1);  // By index.
  std::map<PeerId, Seen> seen_;
};

}  // namespace nokv::raft::testing
