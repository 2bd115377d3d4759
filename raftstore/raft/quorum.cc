#include "raftstore/raft/quorum.h"

#include "raftstore/raft/planted.h"

#include <absl/container/inlined_vector.h>

#include <algorithm>
#include <functional>

namespace nokv::raft {
namespace {

// Up to seven voters are sorted on the stack; this runs for every acknowledgement.
using Values = absl::InlinedVector<uint64_t, 7>;

uint64_t Majority(Values& values) {
  if (values.empty()) return kAnything;
  std::sort(values.begin(), values.end(), std::greater<>());
  return values[values.size() / 2];  // As many have reached it as stand up to here: n / 2 + 1.
}

VoteResult CountMajority(PeerSet voters, absl::FunctionRef<Ballot(PeerId)> ballot_of) {
  if (voters.empty()) return VoteResult::kWon;
  size_t granted = 0;
  size_t missing = 0;
  for (const PeerId voter : voters) {
    const Ballot ballot = ballot_of(voter);
    granted += ballot == Ballot::kGranted;
    missing += ballot == Ballot::kMissing;
  }
  const size_t needed = voters.size() / 2 + 1;
  if (granted >= needed) return VoteResult::kWon;
  return granted + missing >= needed ? VoteResult::kPending : VoteResult::kLost;
}

}  // namespace

uint64_t ReachedByMajority(PeerSet voters, absl::FunctionRef<uint64_t(PeerId)> reached) {
  Values values;
  for (const PeerId voter : voters) values.push_back(reached(voter));
  return Majority(values);
}

uint64_t ReachedByJoint(PeerSet incoming, PeerSet outgoing,
                        absl::FunctionRef<uint64_t(PeerId)> reached) {
  if (Planted(Bug::kJointIsUnion)) {
    Values values;
    for (const PeerId voter : incoming) values.push_back(reached(voter));
    for (const PeerId voter : outgoing) {
      if (!std::binary_search(incoming.begin(), incoming.end(), voter)) {
        values.push_back(reached(voter));
      }
    }
    return Majority(values);
  }
  return std::min(ReachedByMajority(incoming, reached), ReachedByMajority(outgoing, reached));
}

VoteResult CountVotes(PeerSet incoming, PeerSet outgoing,
                      absl::FunctionRef<Ballot(PeerId)> ballot_of) {
  const VoteResult a = CountMajority(incoming, ballot_of);
  const VoteResult b = CountMajority(outgoing, ballot_of);
  if (a == VoteResult::kLost || b == VoteResult::kLost) return VoteResult::kLost;
  return a == VoteResult::kWon && b == VoteResult::kWon ? VoteResult::kWon : VoteResult::kPending;
}

}  // namespace nokv::raft
