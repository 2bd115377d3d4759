// The changes of one column family that are not in tables yet, as an index over the log.
//
// Each key has one node with a chain of versions, newest first; the versions say where in the log
// the record is. A hash table leads to the node, for point reads and for changes of a key that is
// there; a tree holds the nodes in key order, and is touched by a write only if the key is new. So
// a read costs two cache misses, and an update three.
//
// Thread-safety: one writer; any number of readers beside it. Readers choose the state that they
// see by a bound on the sequence.
#pragma once

#include "engine/log/record.h"
#include "engine/lsm/arena.h"
#include "engine/lsm/key_tree.h"
#include "engine/lsm/mem_node.h"
#include "engine/lsm/range_tombstones.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace nokv::lsm {

class MemTable {
 public:
  // `keys_expected` sizes the hash table; it grows beyond by itself.
  explicit MemTable(size_t keys_expected);
  ~MemTable();

  MemTable(const MemTable&) = delete;
  MemTable& operator=(const MemTable&) = delete;

  // The hash that Add and Find want: table::Table::HashKey.
  void Add(std::string_view key, uint64_t hash, const MemVersion& version);

  void AddRangeTombstone(const table::RangeTombstone& tombstone);

  // The newest version of `key` at or below `bound`, or null.
  const MemVersion* Find(std::string_view key, uint64_t hash, Sequence bound) const;

  // Start loading what Find(key, hash) will look at, the second what the first has led to. Whoever
  // looks for many keys calls each for all of them, and then waits for memory once, not many times.
  void PrefetchSlot(uint64_t hash) const;
  void PrefetchNode(uint64_t hash) const;

  // As of now; immutable. Null if there are none.
  const RangeTombstones* range_tombstones() const {
    return range_tombstones_.load(std::memory_order_acquire);
  }

  // As they were added.
  const std::vector<table::RangeTombstone>& range_tombstone_list() const {
    return range_tombstone_list_;
  }

  bool empty() const { return keys() == 0 && range_tombstones() == nullptr; }

  size_t keys() const { return keys_.load(std::memory_order_relaxed); }

  size_t used_bytes() const {
    return arena_.used_bytes() + table_bytes_.load(std::memory_order_relaxed);
  }

  // At most `count` keys, chosen by their hash. Beside the writer.
  std::vector<std::string_view> SampleKeys(size_t count) const;

  // Beside the writer.
  KeyTree::Cursor NewCursor() const { return KeyTree::Cursor(tree_); }

 private:
  struct HashTable;

  MemNode* FindNode(std::string_view key, uint64_t hash) const;
  MemNode* NewNode(std::string_view key, const MemVersion& version);
  void InsertIntoHash(MemNode* node, uint64_t hash);
  void GrowHash();

  Arena arena_;
  KeyTree tree_;
  std::atomic<size_t> keys_{0};

  std::atomic<HashTable*> hash_;
  std::vector<std::unique_ptr<HashTable>> hash_tables_;  // Old ones stay for their readers.
  std::atomic<size_t> table_bytes_{0};

  std::atomic<const RangeTombstones*> range_tombstones_{nullptr};
  std::vector<std::unique_ptr<const RangeTombstones>> range_tombstone_sets_;
  std::vector<table::RangeTombstone> range_tombstone_list_;
};

}  // namespace nokv::lsm
