// The keys of a round, numbered in the order in which they were first named.
//
// Open addressing with linear probing, at most half full. A slot belongs to the round whose number
// it bears, so forgetting everything costs nothing. The hash depends on where the index lies in
// memory: no client can choose keys that all collide.
//
// Thread-safety: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace nokv::backend {

class KeyIndex {
 public:
  KeyIndex();

  KeyIndex(const KeyIndex&) = delete;
  KeyIndex& operator=(const KeyIndex&) = delete;

  void Clear();

  // The number of `key`, which is size() - 1 if it is new. The bytes must stay until Clear().
  uint32_t NumberOf(std::string_view key);

  uint32_t size() const { return size_; }

 private:
  struct Slot {
    uint32_t round = 0;
    uint32_t number = 0;
    uint64_t hash = 0;
    std::string_view key;
  };

  // The slot of the key, or the free one that it would take.
  Slot& SlotOfKey(std::string_view key, uint64_t hash);
  void Grow();

  std::vector<Slot> slots_;
  uint32_t round_ = 1;
  uint32_t size_ = 0;
};

}  // namespace nokv::backend
