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

// What is known about the values on disk.
struct ValueSpace {
  uint64_t live_bytes = 0;       // Referred to by tables.
  uint64_t upper_bytes = 0;      // Of them, by entries above the bottom level.
  uint64_t unflushed_bytes = 0;  // In the log, not in tables yet.
  double drop_ratio = 0;  // How many entries each upper one has lately been found to replace.
};

// Bytes that will turn out to be live. Each entry above the bottom may replace one below it, which
// counts as live until the two meet; how often that is so, the last merges tell.
uint64_t LikelyLiveBytes(const ValueSpace& space);

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
