// Goes through every state that a small group can reach, as far as bounds allow.
//
// The network is a set of messages: any of them may be delivered next, again, later or never, so
// that loss, repetition, delay and reordering need no actions of their own. A write may complete at
// any time, a peer may crash at any time with any part of its pending writes done, and campaign,
// propose and change the group as often as the bounds say. There is no time: timeouts can happen
// always.
//
// What makes it fast: a core is a function of its state and input. Each distinct state of a single
// peer is kept once, with what each input turned it into, so that a step of the group is mostly two
// look-ups. A state of the group is a few numbers, and is visited once.
//
// Checked in each state: election safety, one vote, log matching, leader completeness, state
// machine safety, durability on a quorum, one change at a time.
//
// Thread-safety: none.
#pragma once

#include "raftstore/raft/config_change.h"

#include <cstdint>
#include <string>
#include <vector>

namespace nokv::raft::testing {

struct ExplorerOptions {
  std::vector<PeerId> voters = {1, 2, 3};
  PeerId newcomer = kNobody;               // A peer with nothing, for a change to add.
  std::vector<ConfigChange> changes = {};  // Those that may be proposed, one after the other.
  uint32_t elections_max = 2;
  uint32_t proposals_max = 1;
  uint32_t crashes_max = 0;
  bool has_slow_disks = false;  // Else every write completes at once.
  bool pre_vote = false;
  uint64_t message_bytes_max = 1 << 20;
  uint64_t states_max = 200'000;
  uint64_t seed = 0;              // 0: breadth first. Else one random path after the other.
  uint32_t path_length_max = 60;  // Of random paths.
};

struct ExplorerResult {
  std::string violation = {};     // Empty: none.
  std::vector<std::string> path;  // The inputs that led to it.
  uint64_t states = 0;            // Of the group, distinct.
  uint64_t transitions = 0;
  uint64_t paths = 0;  // If random.
  uint64_t peer_states = 0;
  uint64_t messages = 0;     // Distinct.
  bool is_complete = false;  // Nothing more is reachable within the other bounds.
};

ExplorerResult Explore(const ExplorerOptions& options);

std::string ToString(const ExplorerResult& result);

}  // namespace nokv::raft::testing
