// A machine with a client process: the client library, and workers that use it.
//
// Thread-safety: none; a world has one thread.
#pragma once

#include "tests/simulation/cluster/machine.h"
#include "tests/simulation/cluster/recorder.h"
#include "tests/simulation/cluster/worker.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace nokv::simulation {

class ClientHost {
 public:
  // The clients of a world are numbered from 1. The options must outlive it.
  ClientHost(World& world, Recorder& recorder, uint64_t number, const WorkloadOptions& options);

  void Start();

  // Its workers begin nothing any more.
  void Rest();

  // No worker waits for anything.
  bool is_idle() const;

  // Reads every key once.
  void ReadAll() { workers_.front()->ReadAll(); }

 private:
  Machine machine_;
  Machine::Process process_;
  SimKvNetwork network_;
  SimPdClient pd_;
  SimTimer timer_;
  client::Client client_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace nokv::simulation
