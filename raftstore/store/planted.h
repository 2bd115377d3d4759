// Mistakes that tests plant into the store to prove that they would find them.
//
// `if (Planted(Bug::kName))` stands at the line that a rule protects, and makes that line wrong. In
// every shipped build Planted() is a constant false and the mistake is not even compiled; the tests
// build the store a second time with NOKV_PLANTED_BUGS, turn on one bug after the other and require
// that something objects.
//
// Thread-safety: the bug is chosen before a store is opened, and then only read.
#pragma once

#include <cstdint>

namespace nokv::store {

enum class Bug : uint8_t {
  kNone = 0,

  // Rules of evaluation.
  kEvaluateBeforeOwnTerm,    // A leader evaluates before it has applied an entry of its own term.
  kStaleEvaluationAccepted,  // What was evaluated in an older term is proposed in the present one.
  kNoWithoutReadIndex,       // A conflict is answered without asking whether this peer still leads.
  kReadWithoutReadIndex,     // A read is answered from what this peer happens to have.

  // What is known of a proposal.
  kProposalKnownByIndexOnly,  // The answer of another leader's entry goes to whoever was there.
  kUnknownIsRefused,          // Loss of leadership refuses what may still be committed.
  kAnswerBeforeApply,         // A write is answered when it was proposed.

  // Apply.
  kApplyWithoutEpochCheck,  // A command evaluated for another range is applied.
  kMarkWithoutData,         // The mark runs ahead of the data: a crash loses what was applied.

  // Who belongs together.
  kRegionsNotCompared,  // Peers of unlike regions with one id work together.

  // Latches.
  kReadIgnoresLatches,  // A snapshot read does not wait for a write that may commit below it.
  kWritesShareKeys,     // Two writes of a key are evaluated side by side.

  // What waits for the disk.
  kSendBeforeSync,  // Promises leave before what they promise is durable.

  kCount,
};

#ifdef NOKV_PLANTED_BUGS

inline Bug planted_bug = Bug::kNone;

inline bool Planted(Bug bug) { return planted_bug == bug; }

#else

constexpr bool Planted(Bug) { return false; }

#endif

}  // namespace nokv::store
