// Mistakes that tests plant into the placement driver to prove that they would find them.
//
// `if (Planted(Bug::kName))` stands at the line that a rule protects, and makes that line wrong. In
// every shipped build Planted() is a constant false and the mistake is not even compiled; a test
// builds the driver a second time with NOKV_PLANTED_BUGS, turns on one bug after the other and
// requires that the crash test objects.
//
// Thread-safety: the bug is chosen before a driver is opened, and then only read.
#pragma once

#include <cstdint>

namespace nokv::pd {

enum class Bug : uint8_t {
  kNone = 0,

  kTimestampWindowNotSaved,   // Timestamps are given without a saved window.
  kIdWindowNotSaved,          // Ids are given without a saved window.
  kWindowSavedWithoutSync,    // A window survives the process, but not a power cut.
  kClockFollowedBackwards,    // A clock that goes back takes the timestamps with it.
  kRestartTrustsClock,        // A restarted driver starts at its clock, whatever was saved.
  kSeenIdGivenAgain,          // An id that a heartbeat named is given to somebody else.
  kClusterIdToldBeforeSaved,  // The cluster id is told before it is durable.

  kCount,
};

#ifdef NOKV_PLANTED_BUGS

inline Bug planted_bug = Bug::kNone;

inline bool Planted(Bug bug) { return planted_bug == bug; }

#else

constexpr bool Planted(Bug) { return false; }

#endif

}  // namespace nokv::pd
