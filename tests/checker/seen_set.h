// A set of short rows of words, kept one after the other in one array. Compares rows and not only
// their hashes: taking two configurations for one would make good histories bad.
//
// Thread-safety: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace nokv::checker {

class SeenSet {
 public:
  SeenSet() : slots_(kSlotsMin) {}

  // False if it was there.
  bool Insert(std::span<const uint64_t> row);

  void Clear();

  size_t memory_bytes() const {
    return words_.capacity() * sizeof(uint64_t) + slots_.capacity() * sizeof(Slot);
  }

 private:
  static constexpr size_t kSlotsMin = 1 << 6;

  struct Slot {
    uint64_t hash = 0;
    uint64_t at = 0;  // Of the row's length in words_, plus 1; 0: the slot is free.
  };

  bool IsRow(const Slot& slot, std::span<const uint64_t> row) const;
  void Grow();

  std::vector<uint64_t> words_;  // Each row behind its length.
  std::vector<Slot> slots_;      // A power of two, at most half of them taken.
  size_t rows_ = 0;
};

}  // namespace nokv::checker
