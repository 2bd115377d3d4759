#include "raftstore/rpc/kv_core.h"

namespace nokv::rpc {

void KvCore::EndThoseWhoTakeNothing() {
  if (!answers.is_scarce()) return;
  const uint64_t now_nanos = clock.MonotonicNanos();
  const auto time_max = static_cast<uint64_t>(absl::ToInt64Nanoseconds(limits.taking_time_max));
  if (now_nanos > time_max) deliveries.CancelUpTo(now_nanos - time_max);
}

}  // namespace nokv::rpc
