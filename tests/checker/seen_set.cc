#include "tests/checker/seen_set.h"

#include <algorithm>
#include <utility>

namespace nokv::checker {
namespace {

uint64_t Hash(std::span<const uint64_t> row) {
  uint64_t hash = row.size();
  for (const uint64_t word : row) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
    hash ^= hash >> 29;
  }
  hash *= 0xbf58476d1ce4e5b9ull;
  return hash ^ (hash >> 32);
}

}  // namespace

bool SeenSet::Insert(std::span<const uint64_t> row) {
  if (2 * (rows_ + 1) > slots_.size()) Grow();
  const uint64_t hash = Hash(row);
  const size_t mask = slots_.size() - 1;
  size_t i = hash & mask;
  for (; slots_[i].at != 0; i = (i + 1) & mask) {
    if (slots_[i].hash == hash && IsRow(slots_[i], row)) return false;
  }
  slots_[i] = {.hash = hash, .at = words_.size() + 1};
  words_.push_back(row.size());
  words_.insert(words_.end(), row.begin(), row.end());
  ++rows_;
  return true;
}

void SeenSet::Clear() {
  words_.clear();
  slots_.assign(kSlotsMin, {});
  rows_ = 0;
}

bool SeenSet::IsRow(const Slot& slot, std::span<const uint64_t> row) const {
  const uint64_t* found = words_.data() + slot.at - 1;
  return *found == row.size() && std::equal(row.begin(), row.end(), found + 1);
}

void SeenSet::Grow() {
  const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(2 * slots_.size()));
  const size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.at == 0) continue;
    size_t i = slot.hash & mask;
    while (slots_[i].at != 0) i = (i + 1) & mask;
    slots_[i] = slot;
  }
}

}  // namespace nokv::checker
