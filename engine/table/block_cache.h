// A budget of bytes for table blocks in memory, kept by the CLOCK rule.
//
// The cache is not looked up: each table holds a slot per block, and a reader inside an EpochGuard
// loads the slot with one atomic load. The cache owns what the slots point to: it charges every
// block's real bytes and, when over budget, clears slots whose block was not used since the hand
// last passed and retires the blocks through the epoch.
//
// Thread-safety: safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace nokv::table {

// The verified bytes of one block. Freed by the last of: its slot (through the epoch), its pins.
class Block;

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

 private:
  friend class Table;
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace nokv::table
