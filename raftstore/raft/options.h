// What a peer is told about itself and its limits when it is created.
//
// Time is counted in ticks that the caller gives. A caller that was held up gives the ticks of the
// time that passed before it asks anything else: a lease is only as honest as its ticks.
//
// Thread-safety: values.
#pragma once

#include "engine/base/status.h"
#include "raftstore/raft/entry.h"
#include "raftstore/raft/inflights.h"

#include <cstdint>

namespace nokv::raft {

struct Options {
  PeerId id = kNobody;
  uint64_t seed = 0;  // For election timeouts; different for each peer.

  uint32_t election_ticks = 10;  // A timeout is drawn from [election_ticks, 2 * election_ticks).
  uint32_t heartbeat_ticks = 3;

  bool pre_vote = true;      // Ask whether an election could be won before starting one.
  bool check_quorum = true;  // A leader that hears no quorum steps down; peers that hear a leader
                             // refuse to vote.

  // Answer reads by lease: without a round of messages while a quorum has promised not to vote.
  // Needs check_quorum, and clocks of which none runs faster than another by more than the factor
  // (election_ticks - 1) / lease_ticks.
  bool lease_reads = false;
  uint32_t lease_ticks = 6;

  uint64_t message_bytes_max = 1 << 20;         // Of one append, unless a single entry is larger.
  uint64_t entry_bytes_max = 8 << 20;           // Larger proposals are refused.
  Inflights::Limits inflight = {256, 8 << 20};  // To one follower, not yet acknowledged.
  uint64_t uncommitted_bytes_max = 64 << 20;    // Proposed here and not yet handed out to apply.
  uint64_t applying_bytes_max = 4 << 20;        // Handed out to apply and not yet applied.
  uint32_t reads_waiting_max = 1 << 16;
};

// InvalidArgument that names the option.
absl::Status Validate(const Options& options);

}  // namespace nokv::raft
