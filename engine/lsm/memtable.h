// The changes of one column family that are not in tables yet, as an index over the log.
//
// Each key has one node with a chain of versions, newest first; the versions say where in the log
// the record is. A hash table leads to the node, for point reads and for changes of a key that is
// there; a skip list (Pugh, "Skip Lists", 1990) holds the nodes in key order, and is touched by a
// write only if the key is new. So a read costs two cache misses, and an update three.
//
// Invariants
// 1. A node or version is complete before the one pointer that publishes it is stored (release).
// 2. Nothing is ever removed or changed but pointers that lead to newer things.
// 3. A chain is in strictly descending order of sequence.
//
// Thread-safety: one writer; any number of readers beside it. Readers choose the state that they
// see by a bound on the sequence.
#pragma once

#include "engine/log/record.h"
#include "engine/lsm/arena.h"
#include "engine/lsm/range_tombstones.h"
#include "engine/table/entry.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace nokv::lsm {

inline constexpr uint32_t kNoOrdinal = UINT32_MAX;

struct MemVersion {
  Sequence sequence;  // Also the position of the record.
  const MemVersion* older;
  uint32_t record_bytes;
  uint32_t ordinal;  // kNoOrdinal if the value is small.
  bool is_delete;
  bool has_expiry;

  // The newest version at or below `bound` in the chain from this one on, or null.
  static const MemVersion* AtOrBelow(const MemVersion* version, Sequence bound) {
    while (version != nullptr && version->sequence > bound) version = version->older;
    return version;
  }
};

class MemTable {
 public:
  struct Node;

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

  // A place in key order. Thread-safety: none; beside the writer.
  class Cursor {
   public:
    explicit Cursor(const MemTable& table) : table_(&table) {}

    bool Valid() const { return node_ != nullptr; }

    void SeekToFirst();
    void SeekToLast();
    void Seek(std::string_view target);         // First key >= target.
    void SeekForPrev(std::string_view target);  // Last key <= target.
    void Next();
    void Prev();

    std::string_view key() const;
    const MemVersion* versions() const;  // The newest.

   private:
    const MemTable* table_;
    const Node* node_ = nullptr;
  };

 private:
  static constexpr int kHeightMax = 12;
  struct HashTable;

  const Node* FindNode(std::string_view key, uint64_t hash) const;
  // First node with key >= target; `before`, if set, gets the last node before it on each level.
  Node* FindNotBefore(std::string_view target, Node** before) const;
  const Node* FindLastBefore(std::string_view target) const;  // Null if there is none.
  Node* NewNode(std::string_view key, int height, const MemVersion& version);
  void InsertIntoHash(Node* node, uint64_t hash);
  void GrowHash();
  int RandomHeight();

  Arena arena_;
  Node* const head_;
  std::atomic<int> height_{1};
  std::atomic<size_t> keys_{0};
  uint64_t random_state_ = 0x9e3779b97f4a7c15;  // The same shape for the same keys: repeatable.

  std::atomic<HashTable*> hash_;
  std::vector<std::unique_ptr<HashTable>> hash_tables_;  // Old ones stay for their readers.
  std::atomic<size_t> table_bytes_{0};

  std::atomic<const RangeTombstones*> range_tombstones_{nullptr};
  std::vector<std::unique_ptr<const RangeTombstones>> range_tombstone_sets_;
  std::vector<table::RangeTombstone> range_tombstone_list_;
};

}  // namespace nokv::lsm
