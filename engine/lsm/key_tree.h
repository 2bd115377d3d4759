// The keys of a memtable in order: a B+ tree that one thread fills while others read.
//
// A page has fifteen slots, which are filled once and never changed, and one word that says which
// of them there are and in what order (Mao, Kohler, Morris: "Cache Craftiness for Fast Multicore
// Key-Value Storage", 2012). Adding a key fills the next slot and stores a new word. A full page is
// not split but replaced by two new ones; it stays as it was for those who still read it.
//
// A slot holds the eight bytes of its key that follow what all keys of the page have in common, so
// that a search looks at keys only where these eight are the same.
//
// Invariants
// 1. A page is complete before the one store that publishes it, or a slot of it (release).
// 2. Between its lower and its upper fence a page (with all below it) has every key, from the time
//    that it is published until it is replaced. The fences never change.
// 3. So whoever holds a page, replaced or not, finds in it and by its links every key that was
//    there when he came to the tree. Keys added since he may see or not.
//
// Thread-safety: one writer; any number of cursors beside it.
#pragma once

#include "engine/lsm/arena.h"
#include "engine/lsm/mem_node.h"

#include <atomic>
#include <cstdint>
#include <string_view>

namespace nokv::lsm {

class KeyTree {
  struct Page;
  struct Leaf;
  struct Inner;

 public:
  // `arena` outlives the tree; nodes do too.
  explicit KeyTree(Arena* arena);

  KeyTree(const KeyTree&) = delete;
  KeyTree& operator=(const KeyTree&) = delete;

  // No node of the same key is in the tree.
  void Insert(MemNode* node);

  // The slots of a page in key order, and their number, in one word.
  class Order {
   public:
    static constexpr uint32_t kSlots = 15;

    Order() = default;

    explicit Order(uint64_t bits) : bits_(bits) {}

    uint64_t bits() const { return bits_; }

    uint32_t count() const { return bits_ & 15; }

    uint32_t slot(uint32_t rank) const { return (bits_ >> (4 + 4 * rank)) & 15; }

    // With slot number count() at `rank`, before those that were there and behind it.
    Order WithNextSlotAt(uint32_t rank) const;

   private:
    uint64_t bits_ = 0;
  };

  // A place in key order. What it shows of a leaf is what the leaf had when it came there.
  // Thread-safety: none; beside the writer.
  class Cursor {
   public:
    explicit Cursor(const KeyTree& tree) : tree_(&tree) {}

    bool Valid() const { return leaf_ != nullptr; }

    void SeekToFirst();
    void SeekToLast();
    void Seek(std::string_view target);         // First key >= target.
    void SeekForPrev(std::string_view target);  // Last key <= target.
    void Next();
    void Prev();

    const MemNode& node() const { return *node_; }

   private:
    void EnterAtFirst(const Leaf* leaf);  // Which may be null.
    void EnterAtLast(const Leaf* leaf);
    void Stand(uint32_t rank);

    const KeyTree* const tree_;
    const Leaf* leaf_ = nullptr;
    Order order_;
    uint32_t rank_ = 0;
    const MemNode* node_ = nullptr;
  };

 private:
  // A tree of 2^32 keys has at most eleven levels: pages are split into halves of eight.
  static constexpr uint32_t kLevelsMax = 16;

  // The bounds of what belongs into a page; null: there is none.
  struct Fences {
    const MemNode* low = nullptr;
    const MemNode* high = nullptr;
  };

  // Where the way from the root to a leaf went on.
  struct Step {
    Inner* page = nullptr;
    uint32_t rank = 0;
    Fences fences;
  };

  const Leaf* FindLeaf(std::string_view key) const;
  void ReplaceFullLeaf(Leaf* leaf, uint32_t rank, MemNode* node, const Fences& fences,
                       const Step* way);
  // Puts `left` in the place where `way` went on from `level`, and `right` behind it.
  void Replace(const Step* way, uint32_t level, Page* left, MemNode* separator, Page* right);

  template <typename PageType>
  PageType* NewPage(uint32_t level, const Fences& fences);

  Arena* const arena_;
  std::atomic<Page*> root_;
};

}  // namespace nokv::lsm
