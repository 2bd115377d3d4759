// What a store tells about itself, for people, metrics and tests.
//
// Thread-safety: values.
#pragma once

#include "raftstore/raft/entry.h"
#include "raftstore/region/region_meta.h"

#include <cstdint>
#include <string>
#include <vector>

namespace nokv::store {

struct PeerStatus {
  region::RegionMeta region;
  raft::PeerId peer = 0;
  raft::Term term = 0;
  raft::PeerId leader = 0;
  bool is_leader = false;
  bool may_evaluate = false;  // A leader that has what was acknowledged before it.
  raft::Index first = 0;      // Of the log.
  raft::Index last = 0;
  raft::Index committed = 0;
  raft::Index applied = 0;
};

struct Statistics {
  uint64_t rounds = 0;
  uint64_t log_writes = 0;        // Rounds that wrote to the log: one batch each.
  uint64_t entries = 0;           // Written, own and others'.
  uint64_t applied_entries = 0;   //
  uint64_t applied_commands = 0;  // Those that did nothing count too.
  uint64_t stale_commands = 0;    // They did nothing: the region had changed.
  uint64_t reads = 0;             // Answered from the engine.
  uint64_t read_rounds = 0;       // Confirmations, each shared by the reads of a region and round.
  uint64_t timestamp_calls = 0;   // Each shared by the writes of a round.
  uint64_t messages_dropped = 0;  // For want of room or of a peer.
  uint64_t messages_of_other_regions = 0;  // Dropped: their region is another one of the same id.
  uint64_t compactions = 0;
  uint64_t refused_busy = 0;
  uint64_t commands_waiting = 0;
  uint64_t unsynced_bytes = 0;
};

struct Report {
  bool is_admitted = false;  // By the placement driver. Until then the store takes no part.
  std::vector<std::string> why_not_ready;  // Nothing: as far as is known here all is well.
  Statistics statistics;
  std::vector<PeerStatus> peers;  // By region.
};

}  // namespace nokv::store
