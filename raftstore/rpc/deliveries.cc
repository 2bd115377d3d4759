#include "raftstore/rpc/deliveries.h"

#include <utility>
#include <vector>

namespace nokv::rpc {

uint64_t Deliveries::Begin(uint64_t now_nanos, std::function<void()> cancel) {
  MutexLock lock(mutex_);
  under_way_.emplace_hint(under_way_.end(), ++last_,
                          Delivery{.began_nanos = now_nanos, .cancel = std::move(cancel)});
  return last_;
}

void Deliveries::End(uint64_t delivery) {
  MutexLock lock(mutex_);
  under_way_.erase(delivery);
}

void Deliveries::CancelUpTo(uint64_t nanos) {
  std::vector<std::function<void()>> cancels;
  {
    MutexLock lock(mutex_);
    while (!under_way_.empty() && under_way_.begin()->second.began_nanos <= nanos) {
      cancels.push_back(std::move(under_way_.begin()->second.cancel));
      under_way_.erase(under_way_.begin());
    }
  }
  for (const std::function<void()>& cancel : cancels) cancel();
}

}  // namespace nokv::rpc
