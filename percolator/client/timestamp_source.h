// Timestamps of the placement driver, many to a call.
//
// A timestamp is above all that were handed out before it was asked for, by this client or another:
// it comes from a call that began after that. The first call of a client learns the cluster's id.
//
// A write that reads nothing wants its start only as a name that nobody else has. For such writes
// some are drawn ahead, as many as are used at a time, and so they don't wait for the driver.
//
// Thread-safety: none; only inside the gate.
#pragma once

#include "pd/timestamp.h"
#include "percolator/client/pd_queue.h"
#include "percolator/mvcc/timestamp.h"

#include <cstddef>
#include <cstdint>
#include <deque>

namespace nokv::client {

class TimestampSource final : public PdQueue<mvcc::Timestamp> {
 public:
  explicit TimestampSource(Environment& environment)
      : PdQueue(environment, "timestamp", pd::kSmallCallMax) {}

  void Draw(uint64_t deadline_nanos, WaiterDone done) {
    Add({.deadline_nanos = deadline_nanos, .key = {}, .done = std::move(done)});
  }

  // One that nobody else has and that was drawn not long ago, maybe before this call.
  void DrawName(uint64_t deadline_nanos, WaiterDone done);

 private:
  struct Spare {
    mvcc::Timestamp timestamp;
    uint64_t asked_nanos = 0;
  };

  void AskForSpare();
  void Call() override;
  void LearnCluster();
  void Take(const absl::StatusOr<pd::v1::TsoResponse>& response, uint64_t asked_nanos);

  std::deque<Spare> spares_;  // The oldest first.
  size_t spares_asked_ = 0;
};

}  // namespace nokv::client
