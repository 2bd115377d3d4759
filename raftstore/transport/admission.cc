#include "raftstore/transport/admission.h"

#include "engine/base/check.h"

namespace nokv::transport {
namespace {

absl::Status CheckCaller(const FrameHeader& header, const Hello& hello, const Identity& self) {
  if (header.cluster != self.cluster) {
    return FailedPreconditionError("store {} of cluster {:016x} called store {} of cluster {:016x}",
                                   header.store, header.cluster, self.store, self.cluster);
  }
  if (header.store == 0 || header.incarnation == 0) {
    return InvalidArgumentError("a call of store {}, incarnation {}", header.store,
                                header.incarnation);
  }
  if (hello.to != self.store) {
    return FailedPreconditionError("store {} called store {}, but this is store {}", header.store,
                                   hello.to, self.store);
  }
  if (header.store == self.store) {
    return FailedPreconditionError(
        "store {} called itself: two processes have its id, incarnations {} and {}", self.store,
        header.incarnation, self.incarnation);
  }
  if (hello.version_min > kVersion || hello.version_max < kVersion) {
    return UnimplementedError("store {} speaks versions {} to {}, store {} speaks {}", header.store,
                              hello.version_min, hello.version_max, self.store, kVersion);
  }
  if (hello.lane == Lane::kSnapshot) {
    return UnimplementedError("store {} has no lane for snapshots yet", self.store);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Admission::TakeHello(const FrameHeader& header, const Hello& hello) {
  RETURN_IF_ERROR(CheckCaller(header, hello, self_));
  const auto found = callers_.find(header.store);
  const uint64_t latest = found != callers_.end() ? found->second.incarnation : 0;
  if (header.incarnation > latest && header.incarnation - latest > kStartsMax) {
    return FailedPreconditionError(
        "store {} called as incarnation {} after {}: no store starts more than {} times meanwhile",
        header.store, header.incarnation, latest, kStartsMax);
  }
  if (found == callers_.end() && callers_.size() >= stores_max_) {
    return ResourceExhaustedError("store {} knows {} others already", self_.store, stores_max_);
  }
  Caller& caller = found != callers_.end() ? found->second : callers_[header.store];
  if (header.incarnation < caller.incarnation) {
    return FailedPreconditionError("incarnation {} of store {} is over, {} has been here",
                                   header.incarnation, header.store, caller.incarnation);
  }
  if (header.incarnation > caller.incarnation) caller = {.incarnation = header.incarnation};
  uint64_t& sequence = caller.sequence[static_cast<size_t>(hello.lane)];
  if (header.sequence <= sequence) {
    return FailedPreconditionError("store {} called with frame {} after its frame {} on lane {}",
                                   header.store, header.sequence, sequence, ToString(hello.lane));
  }
  sequence = header.sequence;
  return absl::OkStatus();
}

absl::Status Admission::TakeBatch(const FrameHeader& header, StoreId store, Lane lane) {
  if (header.cluster != self_.cluster || header.store != store) {
    return DataLossError("a frame of store {}, cluster {:016x} on a stream of store {}",
                         header.store, header.cluster, store);
  }
  const auto found = callers_.find(store);
  if (found == callers_.end() || found->second.incarnation != header.incarnation) {
    return FailedPreconditionError("incarnation {} of store {} is over", header.incarnation, store);
  }
  uint64_t& sequence = found->second.sequence[static_cast<size_t>(lane)];
  if (header.sequence != sequence + 1) {
    return DataLossError("frame {} of store {} on lane {} where {} must follow", header.sequence,
                         store, ToString(lane), sequence + 1);
  }
  sequence = header.sequence;
  return absl::OkStatus();
}

}  // namespace nokv::transport
