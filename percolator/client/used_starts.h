// Which writes have had which start timestamps lately.
//
// A start is a write's identity: a store that finds it in a key's history says that the write is
// done. So one that is used again for another write would be acknowledged, and never written.
//
// Thread-safety: none.
#pragma once

#include "percolator/mvcc/timestamp.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>

namespace nokv::client {

class UsedStarts {
 public:
  // Of the latest so many.
  static constexpr size_t kStartsMax = 4'096;

  // False if another write has the start. `what` tells writes apart: asking for the same once more
  // is how a caller finds out what became of it.
  bool Take(mvcc::Timestamp start, uint64_t what) {
    const auto [found, is_new] = writes_.try_emplace(start.bits(), what);
    if (!is_new) return found->second == what;
    order_.push_back(start.bits());
    if (order_.size() > kStartsMax) {
      writes_.erase(order_.front());
      order_.pop_front();
    }
    return true;
  }

 private:
  std::unordered_map<uint64_t, uint64_t> writes_;
  std::deque<uint64_t> order_;  // The oldest first.
};

}  // namespace nokv::client
