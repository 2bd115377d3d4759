#include "tests/simulation/event_queue.h"

#include "engine/base/check.h"

#include <algorithm>
#include <utility>

namespace nokv::simulation {

void EventQueue::After(HostId host, absl::Duration delay, Action action) {
  NOKV_CHECK(delay >= absl::ZeroDuration());
  heap_.push_back({.at_nanos = now_nanos_ + Nanos(delay),
                   .order = ++order_,
                   .host = host,
                   .life = lives_[host],
                   .action = std::move(action)});
  std::push_heap(heap_.begin(), heap_.end(), IsLater);
}

void EventQueue::Pause(HostId host, absl::Duration duration) {
  uint64_t& until = paused_until_[host];
  until = std::max(until, now_nanos_ + Nanos(duration));
}

bool EventQueue::RunOne() {
  if (heap_.empty()) return false;
  std::pop_heap(heap_.begin(), heap_.end(), IsLater);
  Event event = std::move(heap_.back());
  heap_.pop_back();
  now_nanos_ = std::max(now_nanos_, event.at_nanos);
  if (event.life != lives_[event.host]) return true;
  const auto pause = paused_until_.find(event.host);
  if (pause != paused_until_.end() && pause->second > now_nanos_) {
    event.at_nanos = pause->second;
    heap_.push_back(std::move(event));
    std::push_heap(heap_.begin(), heap_.end(), IsLater);
    return true;
  }
  ++events_;
  Trace(event.host);
  event.action();
  return true;
}

void EventQueue::RunFor(absl::Duration duration) {
  const uint64_t end = now_nanos_ + Nanos(duration);
  while (!heap_.empty() && heap_.front().at_nanos <= end) RunOne();
  now_nanos_ = std::max(now_nanos_, end);
}

absl::Duration EventQueue::Between(absl::Duration min, absl::Duration max) {
  return min + absl::Nanoseconds(random_.Uniform(Nanos(max - min) + 1));
}

void EventQueue::Trace(uint64_t value) {
  for (const uint64_t part : {now_nanos_, value}) {
    trace_ = (trace_ ^ part) * 0x9e3779b97f4a7c15;
    trace_ ^= trace_ >> 29;
  }
}

}  // namespace nokv::simulation
