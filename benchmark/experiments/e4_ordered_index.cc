// E4: which structure indexes a memtable of 23-byte keys?
//
// A skiplist, a B-tree, an adaptive radix tree, and a skiplist whose keys are also in a hash
// table, so that point reads and updates of a known key are one probe and only new keys pay the
// ordered insert. All are single-threaded here, and all hold pointers to the keys, as a memtable
// holds pointers into the log. Latches and copy-on-write would cost each of them extra, the trees
// more than the skiplist, which needs one compare-and-swap per level.
#include "benchmark/experiments/experiment.h"
#include "benchmark/experiments/radix_tree.h"
#include "benchmark/ycsb/operations.h"
#include "benchmark/ycsb/zipfian.h"
#include "engine/base/random.h"

#include <absl/container/btree_set.h>
#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <deque>
#include <memory>

namespace nokv::bench {
namespace {

constexpr uint32_t kKeys = 1'000'000;
constexpr uint32_t kReads = 500'000;
constexpr uint32_t kSeeks = 50'000;
constexpr int kRowsOfSeek = 50;

struct Key {
  char bytes[kKeyBytes];

  std::string_view view() const { return {bytes, kKeyBytes}; }
};

uint64_t PrefixOf(std::string_view key) {  // The digits only: "user" is in all keys.
  uint64_t word;
  std::memcpy(&word, key.data() + 4, sizeof(word));
  return __builtin_bswap64(word);
}

class SkipList {
 public:
  struct Node {
    uint64_t prefix;  // Decides nearly all comparisons without touching the key.
    const Key* key;
    Node* next[1];  // As many as the node is high.
  };

  SkipList() : head_(NewNode(0, nullptr, kHeightMax)) {}

  void Insert(const Key* key) {
    Node* before[kHeightMax];
    const uint64_t prefix = PrefixOf(key->view());
    FindBefore(prefix, key->view(), before);
    const int height = DrawHeight();
    Node* node = NewNode(prefix, key, height);
    for (int level = 0; level < height; ++level) {
      node->next[level] = before[level]->next[level];
      before[level]->next[level] = node;
    }
  }

  const Node* Seek(std::string_view key) const {
    Node* before[kHeightMax];
    return FindBefore(PrefixOf(key), key, before);
  }

  const Key* Find(std::string_view key) const {
    const Node* node = Seek(key);
    return node != nullptr && node->key->view() == key ? node->key : nullptr;
  }

  uint64_t Scan(std::string_view first, int rows) const {
    uint64_t sum = 0;
    for (const Node* node = Seek(first); node != nullptr && rows > 0; node = node->next[0], --rows)
      sum += static_cast<uint64_t>(node->key->bytes[kKeyBytes - 1]);
    return sum;
  }

  size_t memory_bytes() const { return memory_bytes_; }

 private:
  static constexpr int kHeightMax = 12;

  Node* FindBefore(uint64_t prefix, std::string_view key, Node** before) const {
    Node* node = head_;
    for (int level = kHeightMax - 1; level >= 0; --level) {
      while (Node* next = node->next[level]) {
        if (next->prefix > prefix) break;
        if (next->prefix == prefix && next->key->view() >= key) break;
        node = next;
      }
      before[level] = node;
    }
    return node->next[0];
  }

  int DrawHeight() {
    int height = 1;
    while (height < kHeightMax && random_.OneIn(4)) ++height;
    return height;
  }

  Node* NewNode(uint64_t prefix, const Key* key, int height) {
    const size_t size = sizeof(Node) + static_cast<size_t>(height - 1) * sizeof(Node*);
    if (used_ + size > kBlockBytes) {
      blocks_.push_back(std::make_unique<char[]>(kBlockBytes));
      used_ = 0;
    }
    auto* node = new (blocks_.back().get() + used_) Node{prefix, key, {}};
    for (int level = 0; level < height; ++level) node->next[level] = nullptr;
    used_ += size;
    memory_bytes_ += size;
    return node;
  }

  static constexpr size_t kBlockBytes = 1 << 20;

  std::deque<std::unique_ptr<char[]>> blocks_;
  size_t used_ = kBlockBytes;
  size_t memory_bytes_ = 0;
  Random random_{1};
  Node* const head_;
};

class BTree {
 public:
  void Insert(const Key* key) { keys_.insert({PrefixOf(key->view()), key}); }

  const Key* Find(std::string_view key) const {
    const auto found = keys_.find(EntryOf(key));
    return found == keys_.end() ? nullptr : found->key;
  }

  uint64_t Scan(std::string_view first, int rows) const {
    uint64_t sum = 0;
    auto at = keys_.lower_bound(EntryOf(first));
    for (; at != keys_.end() && rows > 0; ++at, --rows)
      sum += static_cast<uint64_t>(at->key->bytes[kKeyBytes - 1]);
    return sum;
  }

  size_t memory_bytes() const { return 0; }  // Not told by the container.

 private:
  struct Entry {
    uint64_t prefix;
    const Key* key;

    bool operator<(const Entry& other) const {
      if (prefix != other.prefix) return prefix < other.prefix;
      return std::memcmp(key->bytes, other.key->bytes, kKeyBytes) < 0;
    }
  };

  static Entry EntryOf(std::string_view key) {
    return {PrefixOf(key), reinterpret_cast<const Key*>(key.data())};
  }

  absl::btree_set<Entry> keys_;
};

class RadixIndex {
 public:
  void Insert(const Key* key) { tree_.Insert(key->view()); }

  const Key* Find(std::string_view key) const {
    return reinterpret_cast<const Key*>(tree_.Find(key));
  }

  uint64_t Scan(std::string_view first, int rows) const {
    uint64_t sum = 0;
    tree_.Scan(first, rows,
               [&](const char* key) { sum += static_cast<uint64_t>(key[kKeyBytes - 1]); });
    return sum;
  }

  size_t memory_bytes() const { return tree_.memory_bytes(); }

 private:
  RadixTree tree_{kKeyBytes};
};

// Slots of eight bytes: sixteen bits of the hash and the address of the key.
class HashedSkipList {
 public:
  HashedSkipList() : slots_(std::bit_ceil(size_t{kKeys} * 2)) {}

  void Insert(const Key* key) {
    const uint64_t hash = HashOf(key->view());
    size_t at = hash & (slots_.size() - 1);
    while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = (hash & kTagMask) | reinterpret_cast<uint64_t>(key);
    list_.Insert(key);
  }

  const Key* Find(std::string_view key) const {
    const uint64_t hash = HashOf(key);
    for (size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
      if (slots_[at] == 0) return nullptr;
      if (((slots_[at] ^ hash) & kTagMask) != 0) continue;
      const auto* found = reinterpret_cast<const Key*>(slots_[at] & ~kTagMask);
      if (found->view() == key) return found;
    }
  }

  uint64_t Scan(std::string_view first, int rows) const { return list_.Scan(first, rows); }

  size_t memory_bytes() const { return list_.memory_bytes() + slots_.size() * sizeof(uint64_t); }

 private:
  static constexpr uint64_t kTagMask = 0xffff'0000'0000'0000;

  static uint64_t HashOf(std::string_view key) {
    uint64_t words[2];
    std::memcpy(words, key.data() + kKeyBytes - sizeof(words), sizeof(words));
    const auto product = static_cast<unsigned __int128>(words[0] ^ 0x9e3779b97f4a7c15) *
                         (words[1] ^ 0xd1342543de82ef95);
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }

  std::vector<uint64_t> slots_;
  SkipList list_;
};

struct Inputs {
  std::vector<Key> keys;
  std::vector<Key> zipf_reads;
  std::vector<Key> seeks;
};

Inputs MakeInputs() {
  Inputs inputs;
  inputs.keys.resize(kKeys);
  for (uint32_t i = 0; i < kKeys; ++i) FormatKey(i, inputs.keys[i].bytes);
  Random random(2);
  const Zipfian zipfian(kKeys);
  for (uint32_t i = 0; i < kReads; ++i) {
    inputs.zipf_reads.push_back(inputs.keys[zipfian.Next(random) * 7919 % kKeys]);
  }
  for (uint32_t i = 0; i < kSeeks; ++i) inputs.seeks.push_back(inputs.keys[random.Uniform(kKeys)]);
  return inputs;
}

template <typename Index>
void Measure(Experiment& experiment, const char* name, const Inputs& inputs) {
  const auto per = [](uint64_t start, uint64_t count) {
    return static_cast<double>(MonotonicNanos() - start) / static_cast<double>(count);
  };
  Index index;
  uint64_t start = MonotonicNanos();
  for (const Key& key : inputs.keys) index.Insert(&key);
  experiment.Record(fmt::format("{}: insert in random order", name), "ns", per(start, kKeys));

  start = MonotonicNanos();
  for (const Key& key : inputs.zipf_reads) {
    Must(index.Find(key.view()) != nullptr, "find a key that was inserted");
  }
  experiment.Record(fmt::format("{}: point read, zipfian", name), "ns", per(start, kReads));

  start = MonotonicNanos();
  for (const Key& key : inputs.seeks) {
    Must(index.Find(key.view()) != nullptr, "find a key that was inserted");
  }
  experiment.Record(fmt::format("{}: point read, uniform", name), "ns", per(start, kSeeks));

  start = MonotonicNanos();
  for (const Key& key : inputs.seeks) KeepAlive(index.Scan(key.view(), kRowsOfSeek));
  experiment.Record(fmt::format("{}: seek and 50 rows", name), "ns", per(start, kSeeks));
  if (index.memory_bytes() > 0) {
    experiment.Record(fmt::format("{}: memory", name), "bytes/key",
                      static_cast<double>(index.memory_bytes()) / kKeys);
  }
}

}  // namespace
}  // namespace nokv::bench

int main(int argc, char** argv) {
  using namespace nokv::bench;
  Experiment experiment("e4_ordered_index", "Which structure indexes a memtable of 1M keys?");
  int exit_code = 0;
  if (!experiment.Parse(argc, argv, &exit_code)) return exit_code;
  const Inputs inputs = MakeInputs();
  for (int round = 0; round < experiment.rounds(); ++round) {
    Measure<SkipList>(experiment, "skiplist", inputs);
    Measure<BTree>(experiment, "B-tree", inputs);
    Measure<RadixIndex>(experiment, "radix tree", inputs);
    Measure<HashedSkipList>(experiment, "hash and skiplist", inputs);
  }
  return experiment.Finish();
}
