#include "percolator/client/timestamp_source.h"

#include "percolator/client/route_source.h"

namespace nokv::client {
namespace {

static_assert(mvcc::Timestamp::kCounterBits == pd::kCounterBits);

constexpr size_t kSparesMax = 4096;

// A store looks at all versions of the key above a write's start. So a start is better young.
constexpr absl::Duration kSpareAgeMax = absl::Milliseconds(20);

}  // namespace

void TimestampSource::DrawName(uint64_t deadline_nanos, WaiterDone done) {
  const uint64_t now_nanos = environment_.now_nanos();
  const auto age_max = static_cast<uint64_t>(absl::ToInt64Nanoseconds(kSpareAgeMax));
  while (!spares_.empty() && now_nanos - spares_.front().asked_nanos > age_max) {
    spares_.pop_front();
  }
  if (spares_.empty()) {
    Draw(deadline_nanos, std::move(done));
    return AskForSpare();
  }
  const mvcc::Timestamp name = spares_.front().timestamp;
  spares_.pop_front();
  AskForSpare();
  done(name);
}

// Each one that is used asks for its successor, and one that had to be waited for brings another.
// So there are as many as writes come at a time, and none is asked for while nobody writes.
void TimestampSource::AskForSpare() {
  if (spares_.size() + spares_asked_ >= kSparesMax) return;
  ++spares_asked_;
  const uint64_t now_nanos = environment_.now_nanos();
  Draw(environment_.DeadlineAfter(kSpareAgeMax),
       [this, now_nanos](const absl::StatusOr<mvcc::Timestamp>& spare) {
         --spares_asked_;
         if (spare.ok()) spares_.push_back({.timestamp = *spare, .asked_nanos = now_nanos});
       });
}

void TimestampSource::Call() {
  if (environment_.cluster_id == 0) return LearnCluster();
  pd::v1::TsoRequest request;
  request.set_cluster_id(environment_.cluster_id);
  request.set_count(static_cast<uint32_t>(asked_.size()));
  environment_.seams.pd.Tso(
      std::move(request),
      environment_.gate->Wrap<absl::StatusOr<pd::v1::TsoResponse>>(
          [this, asked_nanos = environment_.now_nanos()](
              absl::StatusOr<pd::v1::TsoResponse> response) { Take(response, asked_nanos); }));
}

void TimestampSource::LearnCluster() {
  environment_.seams.pd.GetRegionByKey(
      pd::v1::GetRegionByKeyRequest(),
      environment_.gate->Wrap<absl::StatusOr<pd::v1::GetRegionByKeyResponse>>(
          [this](absl::StatusOr<pd::v1::GetRegionByKeyResponse> response) {
            absl::Status status = response.status();
            if (status.ok()) status = AdoptCluster(environment_, response->cluster_id());
            if (!status.ok()) return Failed(status);
            Call();
          }));
}

void TimestampSource::Take(const absl::StatusOr<pd::v1::TsoResponse>& response,
                           uint64_t asked_nanos) {
  if (!response.ok()) return Failed(response.status());
  const mvcc::Timestamp first(response->first_timestamp());
  const uint64_t count = response->count();
  if (count == 0 || !first.is_drawn() || UINT64_MAX - count <= first.bits()) {
    return Failed(InternalError("the placement driver answered with {} timestamps from {}", count,
                                first.bits()));
  }
  environment_.driver_clock.Learn(first.bits(), asked_nanos, environment_.now_nanos());
  uint64_t next = 0;
  for (Waiter& waiter : Answered()) {
    if (next < count) {
      waiter.done(mvcc::Timestamp(first.bits() + next));
    } else {
      Add(std::move(waiter));  // It gave fewer than were asked for.
    }
    ++next;
  }
  Pump();
}

}  // namespace nokv::client
