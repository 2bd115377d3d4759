// A budget of bytes for table blocks in memory, kept by the CLOCK rule.
//
// The cache is not looked up: each table holds a slot per block, and a reader inside an EpochGuard
// loads the slot with one atomic load. The cache owns what the slots point to: it charges every
// block's real bytes and, when over budget, clears slots whose block was not used since the hand
// last passed and retires the blocks through the epoch.
//
// Slots are written only under the cache's mutex, which only misses and closing tables take. A
// block that is installed evicts others, never itself, whatever the budget: a table whose blocks
// keep driving each other out is slow, and one that can't keep any would be slower. What an
// iterator pins is no longer charged once it has left its slot.
//
// Thread-safety: safe.
#pragma once

#include "engine/table/block.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace nokv::table {

using BlockSlot = std::atomic<Block*>;

class BlockCache {
 public:
  explicit BlockCache(uint64_t capacity_bytes);
  ~BlockCache();  // Every table that used it is gone by then.

  uint64_t capacity_bytes() const;
  uint64_t used_bytes() const;  // Blocks, and what Charge() added.
  uint64_t hits() const;        // Approximate: counted per thread shard.
  uint64_t misses() const;

  // Adds memory that a table holds as long as it is open (index, filter); negative gives it back.
  void Charge(int64_t bytes);

  // For tables:

  // Puts `fresh` into `slot`, or drops it if another thread was faster. Returns the slot's block,
  // good for as long as the caller's EpochGuard.
  Block* Install(BlockSlot& slot, BlockRef fresh);

  // Empties the slots of a table that closes.
  void Remove(std::span<BlockSlot> slots);

  void CountHit();

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace nokv::table
