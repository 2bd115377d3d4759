#include "pd/client/timestamp_sharing.h"

#include "engine/base/check.h"
#include "pd/timestamp.h"

#include <algorithm>
#include <utility>

namespace nokv::pd {
namespace {

constexpr uint64_t kTimestampsPerRequestMax = kTimestampsPerMs;  // As the contract has it.

}  // namespace

absl::Status TimestampSharing::Add(uint32_t count, TsoDone& done) {
  if (count > kTimestampsPerRequestMax) {
    return InvalidArgumentError("{} timestamps asked for at once; 1 to {} are given", count,
                                kTimestampsPerRequestMax);
  }
  if (waiting_.size() >= waiting_max_) {
    return UnavailableError("{} calls wait for timestamps already", waiting_.size());
  }
  waiting_.push_back({.count = std::max(count, 1u), .done = std::move(done)});
  return absl::OkStatus();
}

uint32_t TimestampSharing::BeginRequest() {
  if (asked_count_ > 0) return 0;
  while (!waiting_.empty()) {
    const uint64_t count = asked_count_ + waiting_.front().count;
    if (!asked_.empty() && count > kSmallCallMax) break;
    asked_count_ += waiting_.front().count;
    asked_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return static_cast<uint32_t>(asked_count_);
}

absl::Status TimestampSharing::Check(const absl::StatusOr<v1::TsoResponse>& response) const {
  RETURN_IF_ERROR(response.status());
  const uint64_t first = response->first_timestamp();
  if (response->count() != asked_count_ || first > UINT64_MAX - asked_count_) {
    return InternalError("{} timestamps from {} on were given, but {} were asked for",
                         response->count(), first, asked_count_);
  }
  if (first <= newest_) {
    return InternalError("the placement driver gave timestamp {} after {}: it goes back", first,
                         newest_);
  }
  return absl::OkStatus();
}

TimestampSharing::Answers TimestampSharing::EndRequest(
    const absl::StatusOr<v1::TsoResponse>& response) {
  NOKV_CHECK(asked_count_ > 0);
  Answers answers;
  if (absl::Status status = Check(response); !status.ok()) {
    for (Waiting& waiting : asked_) answers.emplace_back(std::move(waiting.done), status);
    for (Waiting& waiting : waiting_) answers.emplace_back(std::move(waiting.done), status);
    waiting_.clear();
  } else {
    uint64_t next = response->first_timestamp();
    for (Waiting& waiting : asked_) {
      v1::TsoResponse part;
      part.set_first_timestamp(next);
      part.set_count(waiting.count);
      next += waiting.count;
      answers.emplace_back(std::move(waiting.done), std::move(part));
    }
    newest_ = next - 1;
  }
  asked_.clear();
  asked_count_ = 0;
  return answers;
}

}  // namespace nokv::pd
