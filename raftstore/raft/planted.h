// Mistakes that tests plant into the core to prove that they would find them.
//
// `if (Planted(Bug::kName))` stands at the line that a rule protects, and makes that line wrong. In
// every shipped build Planted() is a constant false and the mistake is not even compiled; the tests
// build the core a second time with NOKV_PLANTED_BUGS, turn on one bug after the other and require
// that the explorer or the simulation objects.
//
// Thread-safety: the bug is chosen before a core is created, and then only read.
#pragma once

#include <cstdint>

namespace nokv::raft {

enum class Bug : uint8_t {
  kNone = 0,

  // What is promised before it is durable.
  kVoteBeforeSync,         // A granted vote leaves before it is persisted.
  kVoteRequestBeforeSync,  // A candidate asks for votes with a log that it may still lose.
  kAckBeforeSync,          // A follower acknowledges entries before they are persisted.
  kOwnAckBeforeSync,       // A leader counts its own copy before it is persisted.
  kHardStateAfterEntries,  // The hard state of a Ready is handed out with the next one.
  kReplacedWriteCounts,    // Entries replaced while in flight count when the old write completes.

  // What a term means.
  kStaleProposalAccepted,  // A proposal evaluated in an older term is accepted.
  kCommitOlderTerm,        // An older term's entry is committed by counting copies.
  kSecondVote,             // A second candidate gets a vote of the same term.
  kVoteIgnoresLog,         // A vote goes to a candidate whose log lacks committed entries.
  kCommitPastMatch,        // A heartbeat commits entries that were never compared.

  // Reads.
  kReadWithoutConfirmation,  // A leader answers a read without asking whether it still leads.
  kReadBeforeOwnTerm,        // A new leader answers before an entry of its term is committed.
  kLeaseWithoutCheckQuorum,  // Leases while followers vote with their leader alive.
  kLeaseKeptInTransfer,      // A lease goes on after the successor was told to campaign.
  kLeaseForgottenByRestart,  // A restarted peer votes at once, though it may have backed a lease.

  // Membership.
  kTwoChangesAtOnce,  // A change is proposed while another is not applied.
  kJointIsUnion,      // A joint quorum is a majority of all peers together.

  kCount,
};

#ifdef NOKV_PLANTED_BUGS

inline Bug planted_bug = Bug::kNone;

inline bool Planted(Bug bug) { return planted_bug == bug; }

#else

constexpr bool Planted(Bug) { return false; }

#endif

}  // namespace nokv::raft
