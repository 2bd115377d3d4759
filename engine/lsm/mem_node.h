// A key of a memtable and the versions of its value: where in the log each of its records is.
//
// Invariants
// 1. A node or version is complete before the one pointer that publishes it is stored (release).
// 2. A chain is in strictly descending order of sequence; nothing is ever removed from it.
//
// Thread-safety: one writer; any number of readers beside it.
#pragma once

#include "engine/table/entry.h"

#include <atomic>
#include <cstdint>
#include <string_view>

namespace nokv::lsm {

inline constexpr uint32_t kNoOrdinal = UINT32_MAX;

struct MemVersion {
  Sequence sequence = 0;  // Also the position of the record.
  const MemVersion* older = nullptr;
  uint32_t record_bytes = 0;
  uint32_t ordinal = kNoOrdinal;  // Which it stays if the value is small.
  bool is_delete = false;
  bool has_expiry = false;
  bool is_part = false;  // The record's value is a reference to where the value stands.

  // The newest version at or below `bound` in the chain from this one on, or null.
  static const MemVersion* AtOrBelow(const MemVersion* version, Sequence bound) {
    while (version != nullptr && version->sequence > bound) version = version->older;
    return version;
  }
};

// Followed by the key. The first version is part of the node, so that a key written once costs one
// cache miss.
struct MemNode {
  std::atomic<const MemVersion*> newest;
  MemVersion first;
  uint32_t key_size;

  std::string_view key() const { return {reinterpret_cast<const char*>(this + 1), key_size}; }
};

}  // namespace nokv::lsm
