// A cluster in simulated time, with faults, decided by one seed.
//
// Peers have clocks of different rates and disks that take time; messages are lost, repeated,
// delayed and reordered; the network is cut, in both directions or in one; peers crash with or
// without what they were writing, change, and hand over leadership. Clients read and write
// registers all the while: a write is evaluated on the leader against what it has applied, and
// proposed a moment later. At the end faults stop, and the cluster must recover.
//
// Checked after every step: Invariants. And of what clients see:
//   - a read sees every write that was acknowledged, and every read that ended, before it began;
//   - a write's evaluation still holds where it is applied.
//
// Thread-safety: none.
#pragma once

#include <cstdint>
#include <string>

namespace nokv::raft::testing {

struct SimulationOptions {
  uint64_t seed = 0;
  uint64_t seconds = 300;           // Of which the last 30 are without faults.
  bool with_leases = false;         // Else the seed decides.
  bool without_membership = false;  // Else the seed decides.
};

struct SimulationResult {
  std::string violation = {};  // Empty: none.
  uint64_t trace = 0;          // Digest of every event: the same for the same options.
  uint64_t events = 0;
  uint64_t messages = 0;
  uint64_t elections = 0;
  uint64_t crashes = 0;
  uint64_t partitions = 0;
  uint64_t config_changes = 0;
  uint64_t snapshots = 0;
  uint64_t writes = 0;  // Acknowledged.
  uint64_t reads = 0;   // Answered.
  uint64_t lease_reads = 0;

  void Add(const SimulationResult& other);
};

SimulationResult Simulate(const SimulationOptions& options);

std::string ToString(const SimulationResult& result);

}  // namespace nokv::raft::testing
