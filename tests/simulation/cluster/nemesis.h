// Does harm to a cluster, as the world's seed decides: some kinds of it in each world, each in
// another measure.
//
// Thread-safety: none; a world has one thread.
#pragma once

#include "tests/simulation/cluster/cluster.h"

#include <absl/time/time.h>

#include <cstdint>
#include <string>

namespace nokv::simulation {

struct Harm {
  bool kills = false;           // Of processes, one or all at once.
  bool power_cuts = false;      // The kills are mostly power cuts.
  bool within_changes = false;  // Processes die in the middle of a change of their disk.
  bool driver = false;          // The driver dies, too.
  bool partitions =
      false;             // Full, one-way, of one host or between two; of clients and driver, too.
  bool streams = false;  // Between stores: late frames, broken and half-open streams.
  bool calls = false;    // Late and lost commands and answers.
  bool pauses = false;   // Of a process, for up to many elections.
  bool stalls = false;   // Of a disk.
  bool clocks = false;   // Dates jump.
  absl::Duration interval_max = absl::Seconds(2);  // Between two acts.
};

Harm DrawHarm(Random& random);

// For people: the names of what is done.
std::string Describe(const Harm& harm);

class Nemesis {
 public:
  Nemesis(Cluster& cluster, const Harm& harm) : cluster_(cluster), harm_(harm) {}

  Nemesis(const Nemesis&) = delete;
  Nemesis& operator=(const Nemesis&) = delete;

  void Begin();

  // No more harm; what was cut is healed. Who is down or paused comes back when it would have.
  void End();

  uint64_t acts() const { return acts_; }

 private:
  void ActLater();
  void Act();
  void Kill();
  void Cut();
  void Pause();

  // Often one that leads a region: there most can go wrong.
  uint64_t AnyStore();

  // Between 100 ms and 6.4 s, mostly short: long enough for an election, short enough for two.
  absl::Duration AnyWhile() {
    return absl::Milliseconds((100 + random().Uniform(100)) << random().Uniform(6));
  }

  HostId AnyHost();
  Death AnyDeath();

  Random& random() { return cluster_.world().queue.random(); }

  Cluster& cluster_;
  const Harm harm_;
  bool is_over_ = false;
  uint64_t acts_ = 0;
};

}  // namespace nokv::simulation
