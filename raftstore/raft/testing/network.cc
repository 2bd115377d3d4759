#include "raftstore/raft/testing/network.h"

namespace nokv::raft::testing {

absl::InlinedVector<uint64_t, 2> Network::Delays(PeerId from, PeerId to) {
  if (is_cut(from, to) || random_.Uniform(1000) < options_.lost_per_mille) return {};
  if (random_.Uniform(1000) < options_.repeated_per_mille) return {Delay(), Delay()};
  return {Delay()};
}

uint64_t Network::Delay() {
  const bool is_late = random_.Uniform(1000) < options_.late_per_mille;
  const uint64_t max = is_late ? options_.late_us_max : options_.latency_us_max;
  return options_.latency_us_min + random_.Uniform(max - options_.latency_us_min + 1);
}

void Network::StopFaults() {
  Heal();
  options_.lost_per_mille = options_.repeated_per_mille = options_.late_per_mille = 0;
}

}  // namespace nokv::raft::testing
