// Bytes that stay in place until they are all let go together: the keys, computed values and
// network input of a round.
//
// Thread-safety: none.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace nokv::backend {

class Arena {
 public:
  // Room for `size` bytes; Take() makes them the caller's.
  char* Reserve(size_t size) {
    if (size > static_cast<size_t>(end_ - next_)) AddChunk(size);
    return next_;
  }

  // The first `size` bytes of what Reserve() returned last.
  std::string_view Take(size_t size) {
    const std::string_view taken(next_, size);
    next_ += size;
    return taken;
  }

  std::string_view Copy(std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(Reserve(bytes.size()), bytes.data(), bytes.size());
    return Take(bytes.size());
  }

  // Bytes of all chunks.
  size_t size_bytes() const { return size_bytes_; }

  // Lets everything go; keeps one ordinary chunk for the next use.
  void Clear() {
    if (chunks_.size() > 1) chunks_.resize(1);
    if (chunks_.empty()) return;
    if (chunks_[0].size > kChunkBytes) {
      chunks_.clear();
      next_ = end_ = nullptr;
      size_bytes_ = 0;
      return;
    }
    Use(chunks_[0]);
    size_bytes_ = chunks_[0].size;
  }

 private:
  static constexpr size_t kChunkBytes = 256 << 10;

  struct Chunk {
    std::unique_ptr<char[]> bytes;
    size_t size;
  };

  void Use(const Chunk& chunk) {
    next_ = chunk.bytes.get();
    end_ = next_ + chunk.size;
  }

  void AddChunk(size_t size) {
    const size_t chunk_bytes = size > kChunkBytes ? size : kChunkBytes;
    chunks_.push_back({std::unique_ptr<char[]>(new char[chunk_bytes]), chunk_bytes});
    size_bytes_ += chunk_bytes;
    Use(chunks_.back());
  }

  std::vector<Chunk> chunks_;
  char* next_ = nullptr;
  char* end_ = nullptr;
  size_t size_bytes_ = 0;
};

}  // namespace nokv::backend
