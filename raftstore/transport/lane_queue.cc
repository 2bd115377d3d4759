#include "raftstore/transport/lane_queue.h"

#include "engine/base/check.h"

#include <algorithm>
#include <utility>

namespace nokv::transport {

absl::Status Validate(const Options& options) {
  if (options.queue_messages_max == 0 || options.queue_bytes_max == 0) {
    return InvalidArgumentError("queue_messages_max {}, queue_bytes_max {}: at least 1",
                                options.queue_messages_max, options.queue_bytes_max);
  }
  if (options.batch_messages_max == 0 || options.batch_messages_max > kBatchMessagesMax) {
    return InvalidArgumentError("batch_messages_max {}: 1 to {}", options.batch_messages_max,
                                kBatchMessagesMax);
  }
  if (options.batch_bytes_max > kBatchBytesMax) {
    return InvalidArgumentError("batch_bytes_max {}: at most {}", options.batch_bytes_max,
                                kBatchBytesMax);
  }
  if (options.backoff_min <= absl::ZeroDuration() || options.backoff_max < options.backoff_min) {
    return InvalidArgumentError("backoff_min {}, backoff_max {}",
                                absl::FormatDuration(options.backoff_min),
                                absl::FormatDuration(options.backoff_max));
  }
  if (options.handshake_time_max <= absl::ZeroDuration() ||
      options.send_time_max <= absl::ZeroDuration()) {
    return InvalidArgumentError("handshake_time_max {}, send_time_max {}",
                                absl::FormatDuration(options.handshake_time_max),
                                absl::FormatDuration(options.send_time_max));
  }
  return absl::OkStatus();
}

Undelivered About(const Envelope& envelope) {
  return {.region = envelope.region,
          .to = envelope.message.to,
          .is_snapshot = envelope.message.type == raft::MessageType::kSnapshot};
}

void Unite(std::vector<Undelivered>& undelivered) {
  std::sort(undelivered.begin(), undelivered.end());
  undelivered.erase(std::unique(undelivered.begin(), undelivered.end()), undelivered.end());
}

bool LaneQueue::Push(Envelope& envelope) {
  const uint64_t size = SizeBytes(envelope);
  const bool fits = messages() < options_.queue_messages_max &&
                    (bytes() + size <= options_.queue_bytes_max || messages() == 0);
  if (!fits) return false;
  waiting_bytes_ += size;
  waiting_.push_back(std::move(envelope));
  return true;
}

std::vector<Envelope> LaneQueue::Take() {
  NOKV_CHECK(taken_.empty());
  std::vector<Envelope> batch;
  while (!waiting_.empty() && batch.size() < options_.batch_messages_max) {
    const uint64_t size = SizeBytes(waiting_.front());
    if (!batch.empty() && taken_bytes_ + size > options_.batch_bytes_max) break;
    taken_bytes_ += size;
    taken_.push_back(About(waiting_.front()));
    batch.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  waiting_bytes_ -= taken_bytes_;
  return batch;
}

void LaneQueue::Settle() {
  taken_.clear();
  taken_bytes_ = 0;
}

std::vector<Undelivered> LaneQueue::Clear() {
  std::vector<Undelivered> undelivered = std::move(taken_);
  for (const Envelope& envelope : waiting_) undelivered.push_back(About(envelope));
  waiting_.clear();
  waiting_bytes_ = 0;
  Settle();
  Unite(undelivered);
  return undelivered;
}

}  // namespace nokv::transport
