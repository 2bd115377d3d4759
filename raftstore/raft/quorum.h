// Majorities and joint majorities, as arithmetic over values that peers have reached.
//
// A configuration has one or two sets of voters. With two (joint consensus, thesis section 4.3),
// everything needs a majority of each. An empty set agrees with everything, so that the second set
// need not be there, and a group without voters decides nothing: callers never ask it.
//
// Thread-safety: pure functions.
#pragma once

#include "raftstore/raft/entry.h"

#include <absl/functional/function_ref.h>

#include <cstdint>
#include <limits>
#include <span>

namespace nokv::raft {

using PeerSet = std::span<const PeerId>;  // Ascending, without repetition.

inline constexpr uint64_t kAnything = std::numeric_limits<uint64_t>::max();

// The highest value that a majority of `voters` has reached; kAnything for no voters.
uint64_t ReachedByMajority(PeerSet voters, absl::FunctionRef<uint64_t(PeerId)> reached);

// The highest value that both a majority of `incoming` and a majority of `outgoing` has reached.
uint64_t ReachedByJoint(PeerSet incoming, PeerSet outgoing,
                        absl::FunctionRef<uint64_t(PeerId)> reached);

enum class Ballot : uint8_t { kMissing, kGranted, kRefused };
enum class VoteResult : uint8_t { kPending, kWon, kLost };

VoteResult CountVotes(PeerSet incoming, PeerSet outgoing,
                      absl::FunctionRef<Ballot(PeerId)> ballot_of);

}  // namespace nokv::raft
