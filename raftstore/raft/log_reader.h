// What the core reads back from the durable log, and what its caller implements over it.
//
// The core never asks for anything that it has not handed out in a Ready and been told to be
// Persisted(). Entries that a later Ready replaces may stay visible until that one is persisted.
//
// Everything but ReadEntries() must be answered from memory: it is asked for each message.
//
// Thread-safety: called by the core only, within its inputs and TakeReady().
#pragma once

#include "engine/base/status.h"
#include "raftstore/raft/entry.h"
#include "raftstore/raft/message.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace nokv::raft {

class LogReader {
 public:
  virtual ~LogReader() = default;

  // The first entry that is still there; last_index() + 1 if none is. Entries before it are in the
  // state machine, or came in a snapshot.
  virtual Index first_index() const = 0;

  virtual Index last_index() const = 0;

  // For an index within [first_index() - 1, last_index()]; nothing outside.
  virtual std::optional<Term> TermAt(Index index) const = 0;

  // Appends to `out` the entries of [first, end), a part of the log that is there: at least one,
  // and no more than `bytes_max` by SizeBytes() beyond it. An error stops the peer.
  virtual absl::Status ReadEntries(Index first, Index end, uint64_t bytes_max,
                                   std::vector<Entry>& out) const = 0;

  // For `peer`, which needs entries that are gone. Must be at first_index() - 1 or later, and of a
  // configuration with the peer in it, or the peer would not take it. Null while none is ready: it
  // is asked for again when the peer next answers a heartbeat.
  virtual std::shared_ptr<const Snapshot> SnapshotFor(PeerId peer) const = 0;
};

}  // namespace nokv::raft
