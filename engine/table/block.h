// The verified bytes of one data block in memory, and searches in them.
//
// A block is parsed once, when it is read: every length, tag and restart is checked then, so that
// searches need no checks and can't fail. Besides the bytes it keeps, for each restart, its offset
// and the eight bytes of its key that follow what all keys of the block have in common: a search
// compares numbers in one or two cache lines and walks at most one restart interval.
//
// Lifetime: counted references. A slot holds one and drops it through the epoch, so a reader inside
// an EpochGuard uses a block that it found in a slot without counting, or takes a reference
// (BlockRef) to keep it for longer.
//
// Thread-safety: safe; the content never changes.
#pragma once

#include "engine/table/entry.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace nokv::table {

class Block;

// A counted reference to a block, or none. Thread-safety: a value.
class BlockRef {
 public:
  BlockRef() = default;

  // Takes a reference of its own. The caller's guard, slot or reference keeps `block` alive.
  explicit BlockRef(Block* block);

  BlockRef(BlockRef&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}

  BlockRef& operator=(BlockRef&& other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }

  ~BlockRef();

  Block* get() const { return block_; }

  // Gives the reference to the caller.
  Block* Release() { return std::exchange(block_, nullptr); }

  Block* operator->() const { return block_; }

  explicit operator bool() const { return block_ != nullptr; }

 private:
  Block* block_ = nullptr;
};

class Block {
 public:
  // Copies `content`; no block if it breaks the grammar.
  static BlockRef Parse(std::string_view content);

  // The newest version of `key` with sequence <= `bound`, if this block has the first version at or
  // after (key, bound). entry->key is `key` itself.
  bool Find(std::string_view key, Sequence bound, Entry* entry) const;

  struct Place {
    uint32_t offset = 0;    // Of an entry, or where the entries end.
    uint32_t shared = 0;    // The entry's key begins with this much of the key that was sought.
    bool same_key = false;  // All of it, and there is no more.
  };

  // The first version at or after (key, sequence) in the order of CompareVersions.
  Place Seek(std::string_view key, Sequence sequence) const;

  // The last restart at or before an entry.
  uint32_t RestartBefore(uint32_t entry_offset) const;

  std::string_view entries() const { return {bytes_, entries_bytes_}; }

  uint32_t restarts() const { return restarts_; }

  uint32_t restart_offset(uint32_t restart) const { return offsets_[restart]; }

  // What the allocator gave.
  size_t memory_bytes() const { return memory_bytes_; }

  // The mark of the CLOCK rule. Written only when it changes, so that hot blocks stay shared in
  // every core's cache.
  void MarkUsed() const {
    if (!used_.load(std::memory_order_relaxed)) used_.store(true, std::memory_order_relaxed);
  }

  // Clears the mark; tells whether it was set.
  bool TakeUsed() const { return used_.exchange(false, std::memory_order_relaxed); }

  void Ref() const { references_.fetch_add(1, std::memory_order_relaxed); }

  void Unref() const;

 private:
  friend class BlockCache;

  Block() = default;
  ~Block() = default;

  bool IndexEntries();
  std::string_view RestartKey(uint32_t restart) const;
  bool RestartIsAtOrBefore(uint32_t restart, std::string_view key, Sequence sequence) const;
  // The last restart at or before (key, sequence), else the first.
  uint32_t RestartFor(std::string_view key, Sequence sequence) const;
  uint32_t RestartAmongHeads(std::string_view key, Sequence sequence) const;
  // From a restart to the first version at or after (key, sequence), decoded if it is of that key.
  Place Walk(uint32_t restart, std::string_view key, Sequence sequence, Entry* entry) const;

  mutable std::atomic<uint32_t> references_{1};
  mutable std::atomic<bool> used_{false};
  uint32_t clock_position_ = 0;  // Guarded by the mutex of the cache that holds the block.
  uint32_t restarts_ = 0;
  uint32_t common_bytes_ = 0;  // What every key begins with.
  size_t entries_bytes_ = 0;
  size_t memory_bytes_ = 0;
  uint64_t* heads_ = nullptr;  // The three arrays stand behind the object, in its allocation.
  uint32_t* offsets_ = nullptr;
  char* bytes_ = nullptr;
};

inline BlockRef::BlockRef(Block* block) : block_(block) { block_->Ref(); }

inline BlockRef::~BlockRef() {
  if (block_ != nullptr) block_->Unref();
}

}  // namespace nokv::table
