#include "raftstore/raft/options.h"

#include "raftstore/raft/planted.h"

namespace nokv::raft {

absl::Status Validate(const Options& o) {
  if (o.id == kNobody || o.id >= kCountMax) return InvalidArgumentError("{} is no peer id", o.id);
  if (o.heartbeat_ticks == 0) return InvalidArgumentError("heartbeat_ticks is 0");
  if (o.election_ticks <= o.heartbeat_ticks || o.election_ticks > 1'000'000) {
    return InvalidArgumentError("election_ticks {} is not above heartbeat_ticks {}",
                                o.election_ticks, o.heartbeat_ticks);
  }
  if (o.lease_reads && !o.check_quorum && !Planted(Bug::kLeaseWithoutCheckQuorum)) {
    return InvalidArgumentError(
        "lease_reads needs check_quorum: without it followers elect another "
        "leader while the lease lasts");
  }
  if (o.lease_reads && (o.lease_ticks == 0 || o.lease_ticks >= o.election_ticks)) {
    return InvalidArgumentError("lease_ticks {} is not within [1, election_ticks {})",
                                o.lease_ticks, o.election_ticks);
  }
  if (o.inflight.messages == 0 || o.inflight.bytes == 0 || o.message_bytes_max == 0 ||
      o.entry_bytes_max == 0 || o.uncommitted_bytes_max == 0 || o.applying_bytes_max == 0 ||
      o.reads_waiting_max == 0) {
    return InvalidArgumentError("a limit of peer {} is 0", o.id);
  }
  return absl::OkStatus();
}

}  // namespace nokv::raft
