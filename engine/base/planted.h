// Mistakes that tests plant into the engine to prove that they would find them.
//
// `if (Planted(Bug::kName))` stands at the line that a rule of the design protects, and makes that
// line wrong. In every shipped build Planted() is a constant false and the mistake is not even
// compiled; tests/engine builds the engine a second time with NOKV_PLANTED_BUGS, turns on one bug
// after the other and requires that the crash tests object.
//
// Thread-safety: the bug is chosen before an engine is opened, and then only read.
#pragma once

#include <cstdint>

namespace nokv {

enum class Bug : uint8_t {
  kNone = 0,

  // Rule 1, nothing durable points at something that is not.
  kInstallBeforeSegmentSync,  // A table is installed before the segments it refers to are synced.
  kRecycleBeforeEditDurable,  // A segment is removed or reused before the edit that frees it is.
  kSealWithoutSync,           // A full segment is sealed without a sync of it.
  kClosedBeforeLogSync,       // The manifest says that the log is whole before it is durable.
  kInstallBeforeTableSync,    // A table is installed without a sync of its file.

  // Rule 2, recovery.
  kRecoveryDoesNotSyncWhatItRead,  // New writes follow replayed ones that are not durable.
  kResyncPastHoleSilently,         // Records behind a damaged one are used as if nothing was there.

  // Rule 3, visibility.
  kBatchVisibleEntryByEntry,  // Replay keeps the first changes of a batch whose end is missing.

  // Rule 4, liveness.
  kLivenessIgnoresSnapshots,  // A value that only a snapshot needs is counted as dead.
  kLivenessCountsTwice,       // A dead value is counted dead twice, so a live one looks dead.
  kCollectFreesLiveSegment,   // Garbage collection frees a segment without moving what lives there.

  // Rule 5, checkpoints.
  kCheckpointSharesActiveSegment,    // The active segment is linked without being sealed first.
  kCheckpointSharesRecycledSegment,  // A segment with several links is reused in place.
  kCheckpointNotSynced,              // A checkpoint returns before its files are durable.

  // Rule 6, expiry.
  kExpiredDroppedAboveBottom,    // Compaction drops an expired record that hides an older one.
  kTombstoneDroppedAboveBottom,  // The same for a deletion.

  // Groups.
  kRoundIsNoBatch,          // The records of a round are not tied together.
  kHeldOnlyIfAlive,         // A segment with nothing alive goes before older ones do.
  kHeldFreedBeforeLogSync,  // A segment goes because of a record that is not durable.
  kMovedEntryCuts,          // An entry that is moved forward takes those behind it with it.
  kMarkAheadOfData,         // A flush makes a mark durable whose data is not flushed.
  kSyncToldEarly,           // A round is said to be durable before it is.
  kReferredNotHeld,         // A segment goes that only values in memtables need.
  kHeadBeginsLate,          // The head of a value begins at its second byte.

  // Durability levels.
  kPowerWriteNotSynced,  // An L2 write is acknowledged without a sync.

  kCount,
};

#ifdef NOKV_PLANTED_BUGS

inline Bug planted_bug = Bug::kNone;

inline bool Planted(Bug bug) { return planted_bug == bug; }

#else

constexpr bool Planted(Bug) { return false; }

#endif

}  // namespace nokv
