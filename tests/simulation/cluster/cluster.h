// A whole cluster in one thread: the placement driver, stores and clients, each on a machine of its
// own, with everything that production runs on but threads, sockets and disks.
//
// Thread-safety: none; a world has one thread.
#pragma once

#include "raftstore/region/region_meta.h"
#include "raftstore/store/store.h"
#include "tests/simulation/cluster/client_host.h"
#include "tests/simulation/cluster/driver_host.h"
#include "tests/simulation/cluster/recorder.h"
#include "tests/simulation/cluster/store_host.h"
#include "tests/simulation/cluster/world.h"

#include <absl/time/time.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace nokv::simulation {

struct ClusterOptions {
  uint64_t seed = 1;
  uint64_t stores = 3;
  uint64_t regions = 1;  // Each on three stores.
  uint64_t clients = 2;
  uint64_t registers = 4;  // Keys of each kind.
  uint64_t counters = 2;
  WorkloadOptions workload = {};  // Its keys are ours to set.
  absl::Duration disk_delay_max = absl::Milliseconds(2);
  nokv::Options engine = {};
  store::Options store = {};
};

class Cluster {
 public:
  explicit Cluster(ClusterOptions options);

  // Everything at once, the clients too.
  void Start();

  // Ends the process; another begins after the pause. Nothing if it is down already.
  void KillStore(uint64_t store, Death death, absl::Duration pause);
  void KillDriver(Death death, absl::Duration pause);

  // The store dies within a change that it makes to its disk soon.
  void KillStoreWithinChange(uint64_t store, uint64_t change, Death death, absl::Duration pause);

  // One start of a store in so many ends within a change that it makes to its disk; 0 for none.
  void set_failing_starts_one_in(uint64_t one_in) { failing_starts_one_in_ = one_in; }

  // Asks every store that is up what it has.
  void Inspect();

  // What is still missing for all to be well, as the last Inspect() saw it; empty if nothing is.
  std::string WhatIsMissing();

  World& world() { return world_; }

  DriverHost& driver() { return driver_; }

  // Stores and clients are numbered from 1.
  StoreHost& store(uint64_t number) { return *stores_[number - 1]; }

  ClientHost& client(uint64_t number) { return *clients_[number - 1]; }

  uint64_t stores() const { return stores_.size(); }

  uint64_t clients() const { return clients_.size(); }

  Recorder& recorder() { return recorder_; }

  const ClusterOptions& options() const { return options_; }

 private:
  void StartStore(uint64_t store);
  StoreHost::Doom DoomOf(uint64_t store, uint64_t change, Death death, absl::Duration pause);

  World world_;
  Recorder recorder_;
  ClusterOptions options_;
  std::vector<region::RegionMeta> regions_;
  DriverHost driver_;
  std::vector<std::unique_ptr<StoreHost>> stores_;
  std::vector<std::unique_ptr<ClientHost>> clients_;
  uint64_t failing_starts_one_in_ = 0;
  std::map<uint64_t, store::Report> reports_;  // By store; of those that answered lately.
};

}  // namespace nokv::simulation
