// The whole log of a peer: the durable part behind a LogReader, and the tail that is kept here.
//
//   first                           applying       persisted  handed    last
//     │  read back from the LogReader   │  kept in the tail, until handed out to apply  │
//     ├─────────────────────────────────┼──────────────┼─────────┼──────────────────────┤
//                        applied ≤ applying ≤ min(committed, persisted)
//
// `persisted` counts what is durable of the log as it is now. Writes complete in order but late,
// and entries may be replaced while their write is on its way: each write in flight remembers how
// far what it wrote is still the log, and that only shrinks. So an entry that was replaced, and
// came back in a third write, is not taken for durable when the first completes.
//
// Invariants: committed entries are never replaced. Entries are handed out to apply only when they
// are committed and persisted.
//
// Thread-safety: none.
#pragma once

#include "engine/base/status.h"
#include "raftstore/raft/entry.h"
#include "raftstore/raft/inflights.h"
#include "raftstore/raft/log_reader.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace nokv::raft {

class Log {
 public:
  // The durable log must reach from `applied` or before to `committed` or behind.
  Log(const LogReader& durable, Index committed, Index applied);

  // For a copy that goes on over a copy of the durable log.
  void ReadFrom(const LogReader& durable) { durable_ = &durable; }

  Index first_index() const;

  Index last_index() const { return tail_first_ + tail_.size() - 1; }

  Term last_term() const;

  Index committed() const { return committed_; }

  Index applied() const { return applied_; }

  Index persisted() const { return persisted_; }

  // Nothing for an index that is compacted or not there yet.
  std::optional<Term> TermAt(Index index) const;

  bool Matches(Index index, Term term) const { return TermAt(index) == term; }

  // True if a log that ends in this entry has all that is committed here (Raft section 5.4.1).
  bool IsAtLeast(Index last, Term last_term) const;

  // The last index up to `index` at which an entry of `term` or an older one stands: no entry
  // behind it can be the same in a log that has `term` at `index`. Makes a repair take one message
  // for each differing term and not for each entry.
  Index LastIndexOfTermAtMost(Index index, Term term) const;

  // Entries from `first` on: at least one, up to `bytes_max`, none if there are none. NotFound if
  // they are compacted.
  absl::StatusOr<std::vector<Entry>> Read(Index first, uint64_t bytes_max) const;

  std::shared_ptr<const Snapshot> SnapshotFor(PeerId peer) const {
    return durable_->SnapshotFor(peer);
  }

  // True if an entry within (applied, committed] changes the configuration.
  absl::StatusOr<bool> HasUnappliedConfigChange() const;

  // The first of `entries`, which follow an entry that matches, that is not in the log yet: past
  // their end if all are. FailedPrecondition if a committed entry differs.
  absl::StatusOr<Index> FirstNew(std::span<const Entry> entries) const;

  // Replaces everything from the first of `entries` on; no committed entry is among it.
  void Append(std::span<const Entry> entries);

  // Replaces the whole log, now or when the write with it completes.
  void Restore(std::shared_ptr<const Snapshot> snapshot);

  void CommitTo(Index index);

  // What the next Ready is to write, and the moment it is taken.
  bool has_unwritten() const { return handed_ < last_index() || HasUnwrittenSnapshot(); }

  bool has_pending_snapshot() const { return snapshot_ != nullptr; }

  std::vector<Entry> TakeUnwritten(uint64_t write, std::shared_ptr<const Snapshot>& snapshot);

  // All writes up to and with `write` are durable.
  void Persisted(uint64_t write);

  // What can be applied and has not been handed out.
  bool has_appliable() const { return applying_ < AppliableEnd() && applying_bytes_left(); }

  absl::StatusOr<std::vector<Entry>> TakeAppliable();
  void Applied(Index index);

  void set_applying_bytes_max(uint64_t bytes) { applying_bytes_max_ = bytes; }

  // Everything that decides what the log does next, without what is durable.
  void AppendStateTo(std::string& out) const;

 private:
  struct Write {
    uint64_t number = 0;
    Index last = 0;  // What it wrote is the log up to here; 0 if nothing of it is any more.
    Index snapshot = 0;
  };

  Index AppliableEnd() const { return snapshot_ ? 0 : std::min(committed_, persisted_); }

  bool applying_bytes_left() const { return applying_now_.bytes() < applying_bytes_max_; }

  bool HasUnwrittenSnapshot() const { return snapshot_ != nullptr && !is_snapshot_handed_; }

  void TrimTail();

  const LogReader* durable_;
  std::vector<Entry> tail_;
  Index tail_first_;  // The index of the first entry of the tail, also if that is empty.
  std::shared_ptr<const Snapshot> snapshot_;  // Until it is persisted.
  bool is_snapshot_handed_ = false;
  std::vector<Write> writes_;  // In flight, oldest first.
  Index handed_;               // The last entry handed out to be written.
  Index persisted_;
  Index committed_;
  Index applying_;
  Index applied_;
  Inflights applying_now_;
  uint64_t applying_bytes_max_ = 4 << 20;
};

}  // namespace nokv::raft
