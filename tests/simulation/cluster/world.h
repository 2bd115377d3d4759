// What all processes of a simulated cluster share: time, networks, who answers where, and the
// oracle.
//
// Thread-safety: none; a world has one thread.
#pragma once

#include "tests/simulation/cluster/call_network.h"
#include "tests/simulation/cluster/oracle.h"
#include "tests/simulation/cluster/seams.h"
#include "tests/simulation/event_queue.h"
#include "tests/simulation/network.h"

#include <absl/time/time.h>

#include <cstdint>
#include <string>

namespace nokv::simulation {

struct World {
  explicit World(uint64_t seed) : queue(seed), network(queue, {}), calls(queue, network) {
    services.on_timestamps = [this](const pd::v1::TsoResponse& given) {
      oracle.SawTimestamps(given.first_timestamp(), given.count());
    };
  }

  World(const World&) = delete;
  World& operator=(const World&) = delete;

  EventQueue queue;
  SimNetwork network;
  CallNetwork calls;
  Services services;
  Oracle oracle;
  absl::Duration disk_delay_max = absl::Milliseconds(2);  // Of what a disk does, unless it stalls.
};

// Hosts: the driver, stores from 1 on, clients from 101 on.
inline constexpr HostId kDriverHost = 99;

constexpr HostId StoreHostId(uint64_t store) { return store; }

constexpr HostId ClientHostId(uint64_t client) { return 100 + client; }

}  // namespace nokv::simulation
