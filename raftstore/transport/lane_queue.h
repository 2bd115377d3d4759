// Messages that wait for one lane to one store: bounded, in order, taken in batches.
//
// Invariant: messages and bytes, of those that wait and those that were taken and not settled, are
// never above their bounds, but for a single message larger than the bound in an empty queue.
//
// Thread-safety: none.
#pragma once

#include "raftstore/transport/envelope.h"
#include "raftstore/transport/options.h"

#include <deque>
#include <vector>

namespace nokv::transport {

// A message that was not sent, or may not have arrived: the sender's region should know.
struct Undelivered {
  RegionId region = 0;
  raft::PeerId to = raft::kNobody;
  bool is_snapshot = false;

  friend auto operator<=>(const Undelivered&, const Undelivered&) = default;
};

Undelivered About(const Envelope& envelope);

// One entry for each region, peer and kind.
void Unite(std::vector<Undelivered>& undelivered);

class LaneQueue {
 public:
  explicit LaneQueue(const Options& options) : options_(options) {}

  // False if the queue is full: the message is left to the caller.
  bool Push(Envelope& envelope);

  // The next batch; empty if nothing waits. Its messages count until Settle().
  std::vector<Envelope> Take();

  // The batch that was taken is gone, one way or the other.
  void Settle();

  // Forgets all that waits and was taken, and says what that was.
  std::vector<Undelivered> Clear();

  bool empty() const { return waiting_.empty(); }

  size_t messages() const { return waiting_.size() + taken_.size(); }

  uint64_t bytes() const { return waiting_bytes_ + taken_bytes_; }

 private:
  const Options options_;
  std::deque<Envelope> waiting_;
  uint64_t waiting_bytes_ = 0;
  std::vector<Undelivered> taken_;
  uint64_t taken_bytes_ = 0;
};

}  // namespace nokv::transport
