#include "gateway/backend/key_index.h"

#include <xxhash.h>

#include <utility>

namespace nokv::backend {
namespace {

constexpr size_t kSlotsMin = 256;
constexpr size_t kSlotsKeptMax = 32 << 10;

}  // namespace

KeyIndex::KeyIndex() : slots_(kSlotsMin) {}

void KeyIndex::Clear() {
  size_ = 0;
  ++round_;
  if (round_ != 0 && slots_.size() <= kSlotsKeptMax) return;
  slots_ = std::vector<Slot>(kSlotsMin);
  round_ = 1;
}

uint32_t KeyIndex::NumberOf(std::string_view key) {
  const uint64_t hash =
      XXH3_64bits_withSeed(key.data(), key.size(), reinterpret_cast<uintptr_t>(this));
  Slot& slot = SlotOfKey(key, hash);
  if (slot.round == round_) return slot.number;
  slot = {.round = round_, .number = size_++, .hash = hash, .key = key};
  const uint32_t number = slot.number;
  if (2 * size_t{size_} > slots_.size()) Grow();
  return number;
}

KeyIndex::Slot& KeyIndex::SlotOfKey(std::string_view key, uint64_t hash) {
  const size_t mask = slots_.size() - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    Slot& slot = slots_[i];
    if (slot.round != round_ || (slot.hash == hash && slot.key == key)) return slot;
  }
}

void KeyIndex::Grow() {
  const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(2 * slots_.size()));
  for (const Slot& slot : old) {
    if (slot.round == round_) SlotOfKey(slot.key, slot.hash) = slot;
  }
}

}  // namespace nokv::backend
