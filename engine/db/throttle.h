// When the database makes writers wait, and how long: pure functions of its debts.
//
// A throttle returns a delay; who sleeps it is decided by the caller. It grows smoothly from
// nothing, so that writers meet a slope and not a wall.
//
// Thread-safety: pure functions.
#pragma once

#include <absl/time/time.h>

#include <cstdint>

namespace nokv {

struct Debts {
  uint64_t immutable_memtables = 0;
  uint64_t immutable_memtables_max = 0;
  uint64_t level0_tables = 0;
  uint64_t level0_tables_slow = 0;  // From here on writers wait.
  uint64_t disk_bytes = 0;          // Log, values and tables.
  uint64_t disk_bytes_target = 0;   // What the space target allows; 0: no bound.
};

// How long a write of `bytes` should wait.
absl::Duration ThrottleDelay(const Debts& debts, uint64_t bytes);

// The part of the overhead that the space target allows, spent on each kind of garbage.
struct SpaceBudget {
  double dead_share_known;  // Of live bytes: dead values found by merging, not yet collected.
  double upper_share_max;   // Entries above the bottom level per entry in it.
  double log_share;         // Of live bytes: log that is not in tables yet.
};

SpaceBudget DivideSpace(double space_target);

}  // namespace nokv
