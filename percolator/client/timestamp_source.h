// Timestamps of the placement driver, many to a call.
//
// A timestamp is above all that were handed out before it was asked for, by this client or another:
// it comes from a call that began after that. The first call of a client learns the cluster's id.
//
// Thread-safety: none; only inside the gate.
#pragma once

#include "percolator/client/pd_queue.h"
#include "percolator/mvcc/timestamp.h"

#include <cstdint>

namespace nokv::client {

class TimestampSource final : public PdQueue<mvcc::Timestamp> {
 public:
  explicit TimestampSource(Environment& environment) : PdQueue(environment, "timestamp") {}

  void Draw(uint64_t deadline_nanos, WaiterDone done) {
    Add({.deadline_nanos = deadline_nanos, .key = {}, .done = std::move(done)});
  }

 private:
  void Call() override;
  void LearnCluster();
  void Take(const absl::StatusOr<pd::v1::TsoResponse>& response);
};

}  // namespace nokv::client
