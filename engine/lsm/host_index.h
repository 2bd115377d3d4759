// Finds where the values of a segment live: one lookup for each value that is read.
//
// A hash table that is never more than half full, so its size follows the number of segments that
// live and not how far their numbers lie apart: one old value that nobody overwrites can keep the
// first segment alive for ever, while numbers go on growing.
//
// Thread-safety: built by one thread; then immutable.
#pragma once

#include "engine/log/value_host.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace nokv::lsm {

class HostIndex {
 public:
  HostIndex() = default;

  // For `count` segments, which Add() names.
  explicit HostIndex(size_t count)
      : slots_(count == 0 ? 0 : std::bit_ceil(2 * count)),
        shift_(count == 0 ? 0 : 32 - std::countr_zero(slots_.size())) {}

  // Each segment once. `host` is not null.
  void Add(uint32_t segment, const log::ValueHost* host) {
    size_t at = FirstSlot(segment);
    while (slots_[at].host != nullptr) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {host, segment};
  }

  // Null if the segment is unknown.
  const log::ValueHost* Find(uint32_t segment) const {
    if (slots_.empty()) return nullptr;
    for (size_t at = FirstSlot(segment);; at = (at + 1) & (slots_.size() - 1)) {
      const Slot& slot = slots_[at];
      if (slot.host == nullptr || slot.segment == segment) return slot.host;
    }
  }

  size_t slot_count() const { return slots_.size(); }

 private:
  struct Slot {
    const log::ValueHost* host = nullptr;
    uint32_t segment = 0;
  };

  // Numbers in a row, which is what segments mostly have, fall into slots of their own.
  size_t FirstSlot(uint32_t segment) const { return (segment * 0x9e3779b1u) >> shift_; }

  std::vector<Slot> slots_;  // A power of two of them.
  int shift_ = 0;
};

}  // namespace nokv::lsm
