#include "percolator/client/timestamp_source.h"

#include "percolator/client/route_source.h"

namespace nokv::client {
namespace {

constexpr size_t kTimestampsMax = 262'144;  // Of one call, by the contract.

}  // namespace

void TimestampSource::Call() {
  if (environment_.cluster_id == 0) return LearnCluster();
  pd::v1::TsoRequest request;
  request.set_cluster_id(environment_.cluster_id);
  request.set_count(static_cast<uint32_t>(std::min(asked_.size(), kTimestampsMax)));
  environment_.seams.pd.Tso(
      std::move(request),
      environment_.gate->Wrap<absl::StatusOr<pd::v1::TsoResponse>>(
          [this](absl::StatusOr<pd::v1::TsoResponse> response) { Take(response); }));
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

void TimestampSource::Take(const absl::StatusOr<pd::v1::TsoResponse>& response) {
  if (!response.ok()) return Failed(response.status());
  const mvcc::Timestamp first(response->first_timestamp());
  const uint64_t count = response->count();
  if (count == 0 || !first.is_drawn() || UINT64_MAX - count <= first.bits()) {
    return Failed(InternalError("the placement driver answered with {} timestamps from {}", count,
                                first.bits()));
  }
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
  environment_.driver_clock.Learn(first.bits(), environment_.now_nanos());
