// The machine of the placement driver, and the process that comes and goes on it.
//
// Thread-safety: none; a world has one thread.
#pragma once

#include "pd/server/placement_driver.h"
#include "pd/service/service.h"
#include "tests/simulation/cluster/machine.h"

#include <absl/time/time.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace nokv::simulation {

class DriverHost {
 public:
  // `regions` are those of a new cluster.
  DriverHost(World& world, std::vector<pd::Region> regions);
  ~DriverHost();

  void Start();
  void Stop(Death death);

  bool is_up() const { return running_ != nullptr; }

  // Of the cluster, once the driver has started for the first time.
  uint64_t cluster_id() const { return cluster_id_; }

  // The machine's date jumps.
  void JumpClock(int64_t millis);
  void StallDisk(absl::Duration duration);

 private:
  // What it is made of, in the order in which it is made.
  struct Process : Machine::Process {
    using Machine::Process::Process;

    std::unique_ptr<pd::PlacementDriver> driver = {};
    std::unique_ptr<pd::Service> service = {};
  };

  void Tick();

  Machine machine_;
  const std::vector<pd::Region> regions_;
  uint64_t cluster_id_ = 0;
  std::unique_ptr<Process> running_;
};

}  // namespace nokv::simulation
