// When a message arrives, if it does.
//
// Thread-safety: none.
#pragma once

#include "engine/base/random.h"
#include "raftstore/raft/entry.h"

#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

namespace nokv::raft::testing {

struct NetworkOptions {
  uint64_t latency_us_min = 500;
  uint64_t latency_us_max = 5'000;
  uint32_t lost_per_mille = 0;
  uint32_t repeated_per_mille = 0;
  uint32_t late_per_mille = 0;  // Take up to `late_us_max` instead.
  uint64_t late_us_max = 3'000'000;
};

class Network {
 public:
  Network(const NetworkOptions& options, uint64_t seed) : options_(options), random_(seed) {}

  // The delays after which a message arrives: none if it is lost, two if it is repeated.
  absl::InlinedVector<uint64_t, 2> Delays(PeerId from, PeerId to);

  // Nothing from `from` reaches `to` any more.
  void Cut(PeerId from, PeerId to) { cuts_.insert({from, to}); }

  void Heal() { cuts_.clear(); }

  void StopFaults();

  bool is_cut(PeerId from, PeerId to) const { return !cuts_.empty() && cuts_.contains({from, to}); }

 private:
  uint64_t Delay();

  NetworkOptions options_;
  Random random_;
  std::set<std::pair<PeerId, PeerId>> cuts_;
};

}  // namespace nokv::raft::testing
