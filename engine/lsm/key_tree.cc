#include "engine/lsm/key_tree.h"

#include "engine/base/check.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

namespace nokv::lsm {
namespace {

constexpr uint32_t kSlots = KeyTree::Order::kSlots;
constexpr uint32_t kHalf = (kSlots + 1) / 2;

// The eight bytes behind the first `skipped` ones, as a number in key order; zeros behind the end.
uint64_t HeadOf(std::string_view key, size_t skipped) {
  NOKV_DCHECK(skipped <= key.size());
  uint64_t head = 0;
  const size_t left = key.size() - skipped;
  if (left >= sizeof(head)) {
    std::memcpy(&head, key.data() + skipped, sizeof(head));
  } else if (left > 0) {
    std::memcpy(&head, key.data() + skipped, left);
  }
  return __builtin_bswap64(head);
}

uint32_t CommonPrefix(std::string_view a, std::string_view b) {
  const size_t size = std::min(a.size(), b.size());
  const auto end = std::mismatch(a.begin(), a.begin() + static_cast<ptrdiff_t>(size), b.begin());
  return static_cast<uint32_t>(end.first - a.begin());
}

// Two lines: a node of a key of up to eighty bytes.
void Prefetch(const MemNode* node) {
  __builtin_prefetch(node);
  __builtin_prefetch(reinterpret_cast<const char*>(node) + 64);
}

}  // namespace

struct KeyTree::Page {
  std::atomic<uint64_t> order{0};
  uint32_t level = 0;  // 0: a leaf.
  uint32_t prefix_size = 0;
  std::array<uint64_t, kSlots> heads;
  std::array<MemNode*, kSlots> keys;

  Order Load() const { return Order(order.load(std::memory_order_acquire)); }

  // How many of the keys are below `target`, or at it too.
  uint32_t Rank(Order seen, std::string_view target, bool or_equal) const {
    const uint64_t head = HeadOf(target, prefix_size);
    uint32_t below = 0;
    uint32_t same = 0;
    for (uint32_t slot = 0; slot < seen.count(); ++slot) {
      below += static_cast<uint32_t>(heads[slot] < head);
      same += static_cast<uint32_t>(heads[slot] == head);
    }
    uint32_t end = below + same;
    while (below < end) {
      const uint32_t middle = (below + end) / 2;
      const int relation = keys[seen.slot(middle)]->key().compare(target);
      if (relation < 0 || (relation == 0 && or_equal)) {
        below = middle + 1;
      } else {
        end = middle;
      }
    }
    return below;
  }

  // Fills the next slot; it counts when `Publish` has stored an order that names it.
  uint32_t Fill(MemNode* key) {
    const uint32_t slot = Order(order.load(std::memory_order_relaxed)).count();
    heads[slot] = HeadOf(key->key(), prefix_size);
    keys[slot] = key;
    return slot;
  }

  void Publish(uint32_t rank) {
    const Order old(order.load(std::memory_order_relaxed));
    order.store(old.WithNextSlotAt(rank).bits(), std::memory_order_release);
  }
};

// Links of a page that is in the tree lead to pages that are in the tree.
struct KeyTree::Leaf : Page {
  std::atomic<Leaf*> next{nullptr};
  std::atomic<Leaf*> prev{nullptr};

  void Append(MemNode* node) {
    const uint32_t rank = Fill(node);
    Publish(rank);
  }
};

// The child behind a key has the keys from it on.
struct KeyTree::Inner : Page {
  std::atomic<Page*> first_child{nullptr};
  std::array<std::atomic<Page*>, kSlots> children{};

  std::atomic<Page*>& Child(Order seen, uint32_t rank) {
    return rank == 0 ? first_child : children[seen.slot(rank - 1)];
  }

  const std::atomic<Page*>& Child(Order seen, uint32_t rank) const {
    return rank == 0 ? first_child : children[seen.slot(rank - 1)];
  }

  // To be asked once a child has been loaded. The writer stores the order that names a right half
  // before the left one takes the place of both, so a child that is only half of what `seen` says
  // shows here.
  bool StillHas(Order seen) const { return Load().bits() == seen.bits(); }

  void Insert(uint32_t rank, MemNode* separator, Page* child) {
    children[Fill(separator)].store(child, std::memory_order_relaxed);
    Publish(rank);
  }
};

KeyTree::Order KeyTree::Order::WithNextSlotAt(uint32_t rank) const {
  NOKV_DCHECK(rank <= count() && count() < kSlots);
  const uint64_t slots = bits_ >> 4;
  const uint64_t before = slots & ((uint64_t{1} << (4 * rank)) - 1);
  const uint64_t behind = (slots >> (4 * rank)) << (4 * rank + 4);
  const uint64_t added = uint64_t{count()} << (4 * rank);
  return Order(((before | added | behind) << 4) | (count() + 1));
}

KeyTree::KeyTree(Arena* arena) : arena_(arena), root_(NewPage<Leaf>(0, {})) {}

template <typename PageType>
PageType* KeyTree::NewPage(uint32_t level, const Fences& fences) {
  auto* const page = new (arena_->Allocate(sizeof(PageType))) PageType;
  page->level = level;
  if (fences.low != nullptr && fences.high != nullptr) {
    page->prefix_size = CommonPrefix(fences.low->key(), fences.high->key());
  }
  return page;
}

const KeyTree::Leaf* KeyTree::FindLeaf(std::string_view key) const {
  const Page* page = root_.load(std::memory_order_acquire);
  while (page->level > 0) {
    const auto& inner = *static_cast<const Inner*>(page);
    const Order order = inner.Load();
    const Page* const child =
        inner.Child(order, inner.Rank(order, key, true)).load(std::memory_order_acquire);
    if (inner.StillHas(order)) page = child;
  }
  return static_cast<const Leaf*>(page);
}

void KeyTree::Insert(MemNode* node) {
  const std::string_view key = node->key();
  std::array<Step, kLevelsMax> way;
  Fences fences;
  Page* page = root_.load(std::memory_order_relaxed);
  while (page->level > 0) {
    auto& inner = *static_cast<Inner*>(page);
    const Order order = inner.Load();
    const uint32_t rank = inner.Rank(order, key, true);
    way[page->level] = {&inner, rank, fences};
    if (rank > 0) fences.low = inner.keys[order.slot(rank - 1)];
    if (rank < order.count()) fences.high = inner.keys[order.slot(rank)];
    page = inner.Child(order, rank).load(std::memory_order_relaxed);
  }
  auto* const leaf = static_cast<Leaf*>(page);
  const Order order = leaf->Load();
  const uint32_t rank = leaf->Rank(order, key, false);
  if (order.count() == kSlots) return ReplaceFullLeaf(leaf, rank, node, fences, way.data());
  leaf->Fill(node);
  leaf->Publish(rank);
}

void KeyTree::ReplaceFullLeaf(Leaf* leaf, uint32_t rank, MemNode* node, const Fences& fences,
                              const Step* way) {
  const Order order = leaf->Load();
  std::array<MemNode*, kSlots + 1> nodes;
  for (uint32_t i = 0; i < kSlots; ++i) nodes[i < rank ? i : i + 1] = leaf->keys[order.slot(i)];
  nodes[rank] = node;
  // Keys that come in order leave full pages behind them.
  const bool is_ascending = rank == kSlots && order.slot(kSlots - 1) == kSlots - 1;
  const uint32_t left_size = is_ascending ? kSlots : kHalf;
  auto* const left = NewPage<Leaf>(0, {fences.low, nodes[left_size]});
  auto* const right = NewPage<Leaf>(0, {nodes[left_size], fences.high});
  for (uint32_t i = 0; i < left_size; ++i) left->Append(nodes[i]);
  for (uint32_t i = left_size; i < nodes.size(); ++i) right->Append(nodes[i]);
  Leaf* const prev = leaf->prev.load(std::memory_order_relaxed);
  Leaf* const next = leaf->next.load(std::memory_order_relaxed);
  left->prev.store(prev, std::memory_order_relaxed);
  left->next.store(right, std::memory_order_relaxed);
  right->prev.store(left, std::memory_order_relaxed);
  right->next.store(next, std::memory_order_relaxed);
  if (prev != nullptr) prev->next.store(left, std::memory_order_release);
  if (next != nullptr) next->prev.store(right, std::memory_order_release);
  Replace(way, 1, left, nodes[left_size], right);
}

void KeyTree::Replace(const Step* way, uint32_t level, Page* left, MemNode* separator,
                      Page* right) {
  NOKV_CHECK(level < kLevelsMax);
  const Step& step = way[level];
  if (step.page == nullptr) {
    auto* const root = NewPage<Inner>(level, {});
    root->first_child.store(left, std::memory_order_relaxed);
    root->Insert(0, separator, right);
    root_.store(root, std::memory_order_release);
    return;
  }
  Inner& inner = *step.page;
  const Order order = inner.Load();
  if (order.count() < kSlots) {
    // Between the two stores the old child still answers for the left one: it has all its keys.
    inner.Insert(step.rank, separator, right);
    inner.Child(order, step.rank).store(left, std::memory_order_release);
    return;
  }

  std::array<MemNode*, kSlots + 1> keys;
  std::array<Page*, kSlots + 2> children;
  for (uint32_t i = 0; i < kSlots; ++i) {
    const uint32_t to = i < step.rank ? i : i + 1;
    keys[to] = inner.keys[order.slot(i)];
    children[to + 1] = inner.Child(order, i + 1).load(std::memory_order_relaxed);
  }
  if (step.rank > 0) children[0] = inner.first_child.load(std::memory_order_relaxed);
  keys[step.rank] = separator;
  children[step.rank] = left;
  children[step.rank + 1] = right;
  auto* const lower = NewPage<Inner>(level, {step.fences.low, keys[kHalf]});
  auto* const upper = NewPage<Inner>(level, {keys[kHalf], step.fences.high});
  lower->first_child.store(children[0], std::memory_order_relaxed);
  upper->first_child.store(children[kHalf + 1], std::memory_order_relaxed);
  for (uint32_t i = 0; i < kHalf; ++i) lower->Insert(i, keys[i], children[i + 1]);
  for (uint32_t i = kHalf + 1; i < keys.size(); ++i) {
    upper->Insert(i - kHalf - 1, keys[i], children[i + 1]);
  }
  Replace(way, level + 1, lower, keys[kHalf], upper);
}

void KeyTree::Cursor::Stand(uint32_t rank) {
  rank_ = rank;
  node_ = leaf_->keys[order_.slot(rank)];
}

void KeyTree::Cursor::EnterAtFirst(const Leaf* leaf) {
  leaf_ = leaf;
  if (leaf == nullptr) return;
  order_ = leaf->Load();
  if (order_.count() == 0) {  // Only the first leaf of all, before the first key.
    leaf_ = nullptr;
    return;
  }
  for (uint32_t rank = 1; rank < order_.count(); ++rank) Prefetch(leaf->keys[order_.slot(rank)]);
  __builtin_prefetch(leaf->next.load(std::memory_order_relaxed));
  Stand(0);
}

void KeyTree::Cursor::EnterAtLast(const Leaf* leaf) {
  leaf_ = leaf;
  if (leaf == nullptr) return;
  order_ = leaf->Load();
  if (order_.count() == 0) {
    leaf_ = nullptr;
    return;
  }
  Stand(order_.count() - 1);
}

void KeyTree::Cursor::SeekToFirst() {
  const Page* page = tree_->root_.load(std::memory_order_acquire);
  while (page->level > 0) {
    page = static_cast<const Inner*>(page)->first_child.load(std::memory_order_acquire);
  }
  EnterAtFirst(static_cast<const Leaf*>(page));
}

void KeyTree::Cursor::SeekToLast() {
  const Page* page = tree_->root_.load(std::memory_order_acquire);
  while (page->level > 0) {
    const auto& inner = *static_cast<const Inner*>(page);
    const Order order = inner.Load();
    const Page* const child = inner.Child(order, order.count()).load(std::memory_order_acquire);
    if (inner.StillHas(order)) page = child;
  }
  EnterAtLast(static_cast<const Leaf*>(page));
}

void KeyTree::Cursor::Seek(std::string_view target) {
  leaf_ = tree_->FindLeaf(target);
  order_ = leaf_->Load();
  const uint32_t rank = leaf_->Rank(order_, target, false);
  if (rank == order_.count()) return EnterAtFirst(leaf_->next.load(std::memory_order_acquire));
  Stand(rank);
  for (uint32_t ahead = rank + 1; ahead < order_.count(); ++ahead) {
    Prefetch(leaf_->keys[order_.slot(ahead)]);
  }
}

void KeyTree::Cursor::SeekForPrev(std::string_view target) {
  leaf_ = tree_->FindLeaf(target);
  order_ = leaf_->Load();
  const uint32_t rank = leaf_->Rank(order_, target, true);
  if (rank == 0) return EnterAtLast(leaf_->prev.load(std::memory_order_acquire));
  Stand(rank - 1);
}

void KeyTree::Cursor::Next() {
  if (rank_ + 1 < order_.count()) return Stand(rank_ + 1);
  EnterAtFirst(leaf_->next.load(std::memory_order_acquire));
}

void KeyTree::Cursor::Prev() {
  if (rank_ > 0) return Stand(rank_ - 1);
  EnterAtLast(leaf_->prev.load(std::memory_order_acquire));
}

}  // namespace nokv::lsm
