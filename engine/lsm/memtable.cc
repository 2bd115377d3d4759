#include "engine/lsm/memtable.h"

#include "engine/base/check.h"
#include "engine/table/table.h"

#include <cstring>
#include <new>

namespace nokv::lsm {

// Followed by `height` links and then the key. The first version is part of the node, so that a
// key written once costs one cache miss.
struct MemTable::Node {
  std::atomic<const MemVersion*> newest;
  MemVersion first;
  uint32_t key_size;
  uint32_t height;

  std::atomic<Node*>* links() { return reinterpret_cast<std::atomic<Node*>*>(this + 1); }

  const std::atomic<Node*>* links() const {
    return reinterpret_cast<const std::atomic<Node*>*>(this + 1);
  }

  Node* next(int level) const { return links()[level].load(std::memory_order_acquire); }

  std::string_view key() const {
    return {reinterpret_cast<const char*>(links() + height), key_size};
  }
};

// Linear probing; a slot holds 16 bits of the hash above the 48 bits of a pointer.
struct MemTable::HashTable {
  explicit HashTable(size_t slot_count) : mask(slot_count - 1), slots(slot_count) {}

  static uint64_t Pack(const Node* node, uint64_t hash) {
    return (hash & kTagMask) | reinterpret_cast<uint64_t>(node);
  }

  static Node* NodeOf(uint64_t slot) { return reinterpret_cast<Node*>(slot & ~kTagMask); }

  static constexpr uint64_t kTagMask = 0xffffull << 48;

  const size_t mask;
  std::vector<std::atomic<uint64_t>> slots;
};

MemTable::MemTable(size_t keys_expected)
    : head_(NewNode({}, kHeightMax, MemVersion{})), hash_(nullptr) {
  size_t slots = 64;
  while (slots < 2 * keys_expected) slots *= 2;
  hash_tables_.push_back(std::make_unique<HashTable>(slots));
  hash_.store(hash_tables_.back().get());
  table_bytes_.store(slots * sizeof(uint64_t));
}

MemTable::~MemTable() = default;

MemTable::Node* MemTable::NewNode(std::string_view key, int height, const MemVersion& version) {
  const size_t links_bytes = sizeof(std::atomic<Node*>) * static_cast<size_t>(height);
  char* const memory = arena_.Allocate(sizeof(Node) + links_bytes + key.size());
  Node* const node = new (memory) Node;
  node->first = version;
  node->newest.store(&node->first, std::memory_order_relaxed);
  node->key_size = static_cast<uint32_t>(key.size());
  node->height = static_cast<uint32_t>(height);
  for (int level = 0; level < height; ++level)
    new (&node->links()[level]) std::atomic<Node*>(nullptr);
  char* const key_bytes = memory + sizeof(Node) + links_bytes;
  if (!key.empty()) std::memcpy(key_bytes, key.data(), key.size());
  return node;
}

int MemTable::RandomHeight() {
  random_state_ ^= random_state_ << 13;
  random_state_ ^= random_state_ >> 7;
  random_state_ ^= random_state_ << 17;
  // A quarter of the nodes reach each next level.
  const int zeros = __builtin_ctzll(random_state_ | (uint64_t{1} << 40));
  const int height = 1 + zeros / 2;
  return height < kHeightMax ? height : kHeightMax;
}

const MemTable::Node* MemTable::FindNode(std::string_view key, uint64_t hash) const {
  const HashTable& table = *hash_.load(std::memory_order_acquire);
  for (size_t i = hash & table.mask;; i = (i + 1) & table.mask) {
    const uint64_t slot = table.slots[i].load(std::memory_order_acquire);
    if (slot == 0) return nullptr;
    if (((slot ^ hash) & HashTable::kTagMask) != 0) continue;
    const Node* node = HashTable::NodeOf(slot);
    if (node->key() == key) return node;
  }
}

void MemTable::InsertIntoHash(Node* node, uint64_t hash) {
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
  if (const Node* found = FindNode(key, hash); found != nullptr) {
    Node* const node = const_cast<Node*>(found);
    const MemVersion* const newest = node->newest.load(std::memory_order_relaxed);
    NOKV_DCHECK(newest->sequence < version.sequence);
    auto* const added = new (arena_.Allocate(sizeof(MemVersion))) MemVersion(version);
    added->older = newest;
    node->newest.store(added, std::memory_order_release);
    return;
  }

  Node* before[kHeightMax];
  FindNotBefore(key, before);
  const int height = RandomHeight();
  const int list_height = height_.load(std::memory_order_relaxed);
  for (int level = list_height; level < height; ++level) before[level] = head_;
  if (height > list_height) height_.store(height, std::memory_order_relaxed);

  Node* const node = NewNode(key, height, version);
  node->first.older = nullptr;
  for (int level = 0; level < height; ++level) {
    node->links()[level].store(before[level]->links()[level].load(std::memory_order_relaxed),
                               std::memory_order_relaxed);
    before[level]->links()[level].store(node, std::memory_order_release);
  }
  const size_t keys = keys_.load(std::memory_order_relaxed) + 1;
  keys_.store(keys, std::memory_order_relaxed);
  if (2 * keys > hash_.load(std::memory_order_relaxed)->mask) GrowHash();
  InsertIntoHash(node, hash);
}

void MemTable::AddRangeTombstone(const table::RangeTombstone& tombstone) {
  range_tombstone_list_.push_back(tombstone);
  range_tombstone_sets_.push_back(std::make_unique<const RangeTombstones>(range_tombstone_list_));
  range_tombstones_.store(range_tombstone_sets_.back().get(), std::memory_order_release);
}

const MemVersion* MemTable::Find(std::string_view key, uint64_t hash, Sequence bound) const {
  const Node* node = FindNode(key, hash);
  if (node == nullptr) return nullptr;
  return MemVersion::AtOrBelow(node->newest.load(std::memory_order_acquire), bound);
}

MemTable::Node* MemTable::FindNotBefore(std::string_view target, Node** before) const {
  Node* node = head_;
  for (int level = height_.load(std::memory_order_relaxed) - 1;; --level) {
    Node* next = node->next(level);
    while (next != nullptr && next->key() < target) {
      node = next;
      next = node->next(level);
    }
    if (before != nullptr) before[level] = node;
    if (level == 0) return next;
  }
}

const MemTable::Node* MemTable::FindLastBefore(std::string_view target) const {
  const Node* node = head_;
  for (int level = height_.load(std::memory_order_relaxed) - 1; level >= 0; --level) {
    for (const Node* next = node->next(level); next != nullptr && next->key() < target;
         next = node->next(level)) {
      node = next;
    }
  }
  return node == head_ ? nullptr : node;
}

void MemTable::Cursor::SeekToFirst() { node_ = table_->head_->next(0); }

void MemTable::Cursor::SeekToLast() {
  const Node* node = table_->head_;
  for (int level = table_->height_.load(std::memory_order_relaxed) - 1; level >= 0; --level) {
    while (const Node* next = node->next(level)) node = next;
  }
  node_ = node == table_->head_ ? nullptr : node;
}

void MemTable::Cursor::Seek(std::string_view target) {
  node_ = table_->FindNotBefore(target, nullptr);
}

void MemTable::Cursor::SeekForPrev(std::string_view target) {
  Seek(target);
  if (node_ == nullptr || node_->key() != target) node_ = table_->FindLastBefore(target);
}

void MemTable::Cursor::Next() { node_ = node_->next(0); }

void MemTable::Cursor::Prev() { node_ = table_->FindLastBefore(node_->key()); }

std::string_view MemTable::Cursor::key() const { return node_->key(); }

const MemVersion* MemTable::Cursor::versions() const {
  return node_->newest.load(std::memory_order_acquire);
}

}  // namespace nokv::lsm
