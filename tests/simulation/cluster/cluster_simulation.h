// One seed, one cluster, one history: a while of work and harm, then peace, in which everything
// must come right, then the verdict.
//
// Thread-safety: one thread; different simulations may run on different ones.
#pragma once

#include "tests/simulation/cluster/cluster.h"
#include "tests/simulation/cluster/nemesis.h"

#include <cstdint>
#include <optional>
#include <string>

namespace nokv::simulation {

struct SimulationOptions {
  uint64_t seed = 1;
  uint64_t seconds = 60;                       // Of work and harm.
  std::optional<ClusterOptions> cluster = {};  // Drawn from the seed if not given.
  std::optional<Harm> harm = {};
};

struct SimulationResult {
  std::string violation = {};  // The first; empty if there was none.
  std::string setting = {};    // What the seed decided, for people.
  uint64_t trace = 0;
  uint64_t events = 0;
  uint64_t operations = 0;
  uint64_t unknown = 0;  // Operations whose outcome nobody knows.
  uint64_t dropped = 0;  // Those that certainly had none.
  uint64_t acts = 0;     // Of harm.
  uint64_t terms = 0;    // That had leaders.
  uint64_t replicas_compared = 0;
  uint64_t timestamps = 0;
  double healing_seconds = 0;  // Until all was well.

  void Add(const SimulationResult& other);
};

std::string ToString(const SimulationResult& result);

// Sizes and bounds in which everything happens within a minute.
ClusterOptions DrawCluster(uint64_t seed);

SimulationResult Simulate(const SimulationOptions& options);

}  // namespace nokv::simulation
