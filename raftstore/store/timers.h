// Which region has something to do at which tick.
//
// A region has at most one time that counts. Making it earlier takes effect at once; making it
// later does not: the region is woken at the old time and says again when. That is cheap where
// times move on with every message, as those of elections do.
//
// Thread-safety: none.
#pragma once

#include "raftstore/transport/envelope.h"

#include <cstdint>
#include <functional>
#include <queue>
#include <unordered_map>
#include <utility>
#include <vector>

namespace nokv::store {

class Timers {
 public:
  // Wake `region` at `tick` or before.
  void Set(transport::RegionId region, uint64_t tick) {
    const auto [at, is_new] = due_.try_emplace(region, tick);
    if (!is_new && at->second <= tick) return;
    at->second = tick;
    queue_.emplace(tick, region);
  }

  // Adds the regions that are due, each once. They have no time from then on.
  void TakeDue(uint64_t now, std::vector<transport::RegionId>& due) {
    while (!queue_.empty() && queue_.top().first <= now) {
      const auto [tick, region] = queue_.top();
      queue_.pop();
      const auto at = due_.find(region);
      if (at == due_.end() || at->second != tick) continue;  // It was made earlier since.
      due_.erase(at);
      due.push_back(region);
    }
  }

 private:
  using Due = std::pair<uint64_t, transport::RegionId>;

  std::priority_queue<Due, std::vector<Due>, std::greater<>> queue_;
  std::unordered_map<transport::RegionId, uint64_t> due_;
};

}  // namespace nokv::store
