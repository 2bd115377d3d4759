// Memory that grows in chunks and is freed all at once.
//
// Thread-safety: one thread allocates; anybody may read used_bytes().
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace nokv::lsm {

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // `size` bytes aligned to 8, never null.
  char* Allocate(size_t size) {
    size = (size + 7) & ~size_t{7};
    if (size > left_) return AllocateSlow(size);
    char* const result = next_;
    next_ += size;
    left_ -= size;
    return result;
  }

  size_t used_bytes() const { return used_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kFirstChunkBytes = 4 << 10;
  static constexpr size_t kChunkBytesMax = 1 << 20;

  char* AllocateSlow(size_t size) {
    if (size > chunk_bytes_ / 4) return NewChunk(size);
    next_ = NewChunk(chunk_bytes_);
    left_ = chunk_bytes_ - size;
    char* const result = next_;
    next_ += size;
    if (chunk_bytes_ < kChunkBytesMax) chunk_bytes_ *= 2;
    return result;
  }

  char* NewChunk(size_t size) {
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(size));
    used_.fetch_add(size, std::memory_order_relaxed);
    return chunks_.back().get();
  }

  char* next_ = nullptr;
  size_t left_ = 0;
  size_t chunk_bytes_ = kFirstChunkBytes;
  std::vector<std::unique_ptr<char[]>> chunks_;
  std::atomic<size_t> used_{0};
};

}  // namespace nokv::lsm
