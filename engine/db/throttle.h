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
  uint64_t disk_bytes_target = 0;   // From here on writers wait; 0: no bound.
};

// What is known about the values on disk.
struct ValueSpace {
  uint64_t live_bytes = 0;       // Referred to by tables.
  uint64_t replaced_bytes = 0;   // Of them, by entries that newer ones replace, as far as is known.
  uint64_t unflushed_bytes = 0;  // In the log, not in tables yet.
  double unflushed_share = 0;    // How many of those replace others.
};

// Bytes that will turn out to be live. An entry that a newer one replaces counts as live until the
// two meet in a merge; how many there are is estimated when a memtable is flushed.
uint64_t LikelyLiveBytes(const ValueSpace& space);

// How much disk space `live_bytes` may take before writers wait, so that it stays below
// `space_target` times as much. Small databases may take `overshoot_bytes` more than they hold.
uint64_t DiskTarget(double space_target, uint64_t live_bytes, uint64_t overshoot_bytes);

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
