// Which values of a segment have been read with their checksum checked, so that the next reader
// need not do it again.
//
// Thread-safety: safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace nokv::log {

class CheckedValues {
 public:
  explicit CheckedValues(size_t ordinals) : words_((ordinals + 63) / 64) {}

  bool Contains(uint32_t ordinal) const {
    return (words_[ordinal / 64].load(std::memory_order_relaxed) & BitOf(ordinal)) != 0;
  }

  void Add(uint32_t ordinal) {
    words_[ordinal / 64].fetch_or(BitOf(ordinal), std::memory_order_relaxed);
  }

 private:
  static uint64_t BitOf(uint32_t ordinal) { return uint64_t{1} << (ordinal % 64); }

  std::vector<std::atomic<uint64_t>> words_;
};

}  // namespace nokv::log
