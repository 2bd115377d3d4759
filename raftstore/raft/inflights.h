// What is on its way and not yet acknowledged: a queue of (last index, bytes), limited in both.
//
// Full when the next message would exceed a limit; a single message larger than the limit in bytes
// may still go when nothing else is on its way, so that no entry is too large to ever be sent.
//
// Thread-safety: none.
#pragma once

#include "raftstore/raft/entry.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace nokv::raft {

class Inflights {
 public:
  struct Limits {
    size_t messages = 0;
    uint64_t bytes = 0;
  };

  bool IsFull(const Limits& limits) const {
    return count_ >= limits.messages || (count_ > 0 && bytes_ >= limits.bytes);
  }

  // `last` is above that of every item in the queue.
  void Add(Index last, uint64_t bytes);

  // Drops the items up to and with `index`.
  void FreeTo(Index index);

  void Clear();

  size_t count() const { return count_; }

  uint64_t bytes() const { return bytes_; }

  // Everything that decides what it does next, for comparing states.
  void AppendStateTo(std::string& out) const;

 private:
  struct Item {
    Index last = 0;
    uint64_t bytes = 0;
  };

  const Item& at(size_t position) const { return ring_[(head_ + position) % ring_.size()]; }

  std::vector<Item> ring_;  // Empty until first used, so an idle peer pays nothing.
  size_t head_ = 0;
  size_t count_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace nokv::raft
