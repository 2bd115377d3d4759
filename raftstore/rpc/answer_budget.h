// Bytes of answers that a service holds because its clients have not taken them yet.
//
// Invariant: answers of reads are within `bytes_max` together. Those of writes can't be withheld,
// and are small; their number is bounded by that of the commands under way.
//
// Thread-safety: safe.
#pragma once

#include "proto/kv.pb.h"

#include <atomic>
#include <cstdint>

namespace nokv::rpc {

class AnswerBudget {
 public:
  explicit AnswerBudget(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  AnswerBudget(const AnswerBudget&) = delete;
  AnswerBudget& operator=(const AnswerBudget&) = delete;

  // Counts `result`, of `bytes`, in, and returns what it was counted as. Without room here, or with
  // whoever asks, that of a read is replaced by a refusal, which is no lie: a read changes nothing.
  uint64_t Take(kv::v1::CommandResult& result, uint64_t bytes, bool has_room = true);

  // The client has taken so many, or is gone.
  void Give(uint64_t bytes) { bytes_ -= bytes; }

  // More than half of it is taken.
  bool is_scarce() const { return bytes_ > bytes_max_ / 2; }

 private:
  bool TryTake(uint64_t bytes);

  const uint64_t bytes_max_;
  std::atomic<uint64_t> bytes_ = 0;
};

}  // namespace nokv::rpc
