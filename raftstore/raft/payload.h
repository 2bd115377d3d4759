// The bytes of an entry, shared by everyone who holds the entry and freed with the last of them.
//
// An entry is encoded once. The unstable tail, the batch for the durable log, the message to every
// follower and the apply queue all hold the same bytes through a handle of eight bytes, where
// std::shared_ptr<const std::string> takes sixteen, two allocations and two hops, and absl::Cord
// sixteen and a tree to flatten.
//
// Thread-safety: the bytes never change, and handles to them may be copied and dropped on any
// thread. One handle belongs to one thread at a time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace nokv::raft {

class Payload {
 public:
  Payload() = default;
  explicit Payload(std::string_view bytes);

  Payload(const Payload& other) : block_(other.block_) {
    if (block_ != nullptr) block_->references.fetch_add(1, std::memory_order_relaxed);
  }

  Payload(Payload&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}

  Payload& operator=(Payload other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }

  ~Payload() {
    if (block_ != nullptr) Release();
  }

  // Valid as long as any handle to the same bytes.
  std::string_view view() const {
    if (block_ == nullptr) return {};
    return {reinterpret_cast<const char*>(block_ + 1), block_->size};
  }

  size_t size() const { return block_ == nullptr ? 0 : block_->size; }

  bool empty() const { return block_ == nullptr; }

  friend bool operator==(const Payload& a, const Payload& b) {
    return a.block_ == b.block_ || a.view() == b.view();
  }

 private:
  struct Block {  // The bytes follow it.
    std::atomic<uint32_t> references;
    size_t size;
  };

  void Release();

  Block* block_ = nullptr;
};

}  // namespace nokv::raft
