#include "engine/lsm/memtable.h"

#include "engine/base/check.h"
#include "engine/table/table.h"

#include <cstring>
#include <new>

namespace nokv::lsm {

// Linear probing; a slot holds 16 bits of the hash above the 48 bits of a pointer.
struct MemTable::HashTable {
  explicit HashTable(size_t slot_count) : mask(slot_count - 1), slots(slot_count) {}

  static uint64_t Pack(const MemNode* node, uint64_t hash) {
    return (hash & kTagMask) | reinterpret_cast<uint64_t>(node);
  }

  static MemNode* NodeOf(uint64_t slot) { return reinterpret_cast<MemNode*>(slot & ~kTagMask); }

  static constexpr uint64_t kTagMask = 0xffffull << 48;

  const size_t mask;
  std::vector<std::atomic<uint64_t>> slots;
};

MemTable::MemTable(size_t keys_expected) : tree_(&arena_), hash_(nullptr) {
  size_t slots = 64;
  while (slots < 2 * keys_expected) slots *= 2;
  hash_tables_.push_back(std::make_unique<HashTable>(slots));
  hash_.store(hash_tables_.back().get());
  table_bytes_.store(slots * sizeof(uint64_t));
}

MemTable::~MemTable() = default;

MemNode* MemTable::NewNode(std::string_view key, const MemVersion& version) {
  char* const memory = arena_.Allocate(sizeof(MemNode) + key.size());
  auto* const node = new (memory) MemNode;
  node->first = version;
  node->first.older = nullptr;
  node->newest.store(&node->first, std::memory_order_relaxed);
  node->key_size = static_cast<uint32_t>(key.size());
  if (!key.empty()) std::memcpy(memory + sizeof(MemNode), key.data(), key.size());
  return node;
}

MemNode* MemTable::FindNode(std::string_view key, uint64_t hash) const {
  const HashTable& table = *hash_.load(std::memory_order_acquire);
  for (size_t i = hash & table.mask;; i = (i + 1) & table.mask) {
    const uint64_t slot = table.slots[i].load(std::memory_order_acquire);
    if (slot == 0) return nullptr;
    if (((slot ^ hash) & HashTable::kTagMask) != 0) continue;
    MemNode* const node = HashTable::NodeOf(slot);
    if (node->key() == key) return node;
  }
}

void MemTable::InsertIntoHash(MemNode* node, uint64_t hash) {
  HashTable& table = *hash_.load(std::memory_order_relaxed);
  size_t i = hash & table.mask;
  while (table.slots[i].load(std::memory_order_relaxed) != 0) i = (i + 1) & table.mask;
  table.slots[i].store(HashTable::Pack(node, hash), std::memory_order_release);
}

void MemTable::GrowHash() {
  const HashTable& old = *hash_.load(std::memory_order_relaxed);
  auto grown = std::make_unique<HashTable>(2 * (old.mask + 1));
  // The low bits of the hash are needed again, and only the tag is kept: hash the keys once more.
  for (const std::atomic<uint64_t>& slot : old.slots) {
    const uint64_t packed = slot.load(std::memory_order_relaxed);
    if (packed == 0) continue;
    const uint64_t hash = table::Table::HashKey(HashTable::NodeOf(packed)->key());
    size_t i = hash & grown->mask;
    while (grown->slots[i].load(std::memory_order_relaxed) != 0) i = (i + 1) & grown->mask;
    grown->slots[i].store(packed, std::memory_order_relaxed);
  }
  table_bytes_.fetch_add((grown->mask + 1) * sizeof(uint64_t), std::memory_order_relaxed);
  hash_tables_.push_back(std::move(grown));
  hash_.store(hash_tables_.back().get(), std::memory_order_release);
}

void MemTable::Add(std::string_view key, uint64_t hash, const MemVersion& version) {
  if (MemNode* const node = FindNode(key, hash); node != nullptr) {
    const MemVersion* const newest = node->newest.load(std::memory_order_relaxed);
    NOKV_DCHECK(newest->sequence < version.sequence);
    auto* const added = new (arena_.Allocate(sizeof(MemVersion))) MemVersion(version);
    added->older = newest;
    node->newest.store(added, std::memory_order_release);
    return;
  }

  MemNode* const node = NewNode(key, version);
  tree_.Insert(node);
  const size_t keys = keys_.load(std::memory_order_relaxed) + 1;
  keys_.store(keys, std::memory_order_relaxed);
  if (2 * keys > hash_.load(std::memory_order_relaxed)->mask) GrowHash();
  InsertIntoHash(node, hash);
}

std::vector<std::string_view> MemTable::SampleKeys(size_t count) const {
  std::vector<std::string_view> keys;
  for (const std::atomic<uint64_t>& slot : hash_.load(std::memory_order_acquire)->slots) {
    const uint64_t packed = slot.load(std::memory_order_acquire);
    if (packed == 0) continue;
    if (keys.size() == count) break;
    keys.push_back(HashTable::NodeOf(packed)->key());
  }
  return keys;
}

void MemTable::AddRangeTombstone(const table::RangeTombstone& tombstone) {
  range_tombstone_list_.push_back(tombstone);
  range_tombstone_sets_.push_back(std::make_unique<const RangeTombstones>(range_tombstone_list_));
  range_tombstones_.store(range_tombstone_sets_.back().get(), std::memory_order_release);
}

void MemTable::PrefetchSlot(uint64_t hash) const {
  const HashTable& table = *hash_.load(std::memory_order_acquire);
  __builtin_prefetch(&table.slots[hash & table.mask]);
}

void MemTable::PrefetchNode(uint64_t hash) const {
  const HashTable& table = *hash_.load(std::memory_order_acquire);
  for (size_t i = hash & table.mask;; i = (i + 1) & table.mask) {
    const uint64_t slot = table.slots[i].load(std::memory_order_acquire);
    if (slot == 0) return;
    if (((slot ^ hash) & HashTable::kTagMask) != 0) continue;
    const MemNode* const node = HashTable::NodeOf(slot);
    __builtin_prefetch(node);
    __builtin_prefetch(node + 1);  // The key; most often in the next cache line.
    return;
  }
}

const MemVersion* MemTable::Find(std::string_view key, uint64_t hash, Sequence bound) const {
  const MemNode* const node = FindNode(key, hash);
  if (node == nullptr) return nullptr;
  return MemVersion::AtOrBelow(node->newest.load(std::memory_order_acquire), bound);
}

}  // namespace nokv::lsm
