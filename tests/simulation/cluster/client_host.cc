#include "tests/simulation/cluster/client_host.h"

#include <algorithm>

namespace nokv::simulation {

ClientHost::ClientHost(World& world, Recorder& recorder, uint64_t number,
                       const WorkloadOptions& options)
    : machine_(world, ClientHostId(number)),
      process_(machine_),
      network_(world.calls, world.services, machine_.host()),
      pd_(world.calls, world.services, machine_.host()),
      timer_(world.queue, machine_.host()),
      client_({.network = network_,
               .pd = pd_,
               .timer = timer_,
               .clock = process_.clock,
               .executor = process_.executor},
              {.seed = process_.random.Next(), .attempt_timeout = options.attempt_timeout}) {
  for (uint64_t i = 0; i < options.workers; ++i) {
    workers_.push_back(std::make_unique<Worker>(world, machine_.host(), client_, recorder, options,
                                                number * 100 + i));
  }
}

void ClientHost::Start() {
  for (const auto& worker : workers_) worker->Start();
}

void ClientHost::Rest() {
  for (const auto& worker : workers_) worker->Rest();
}

bool ClientHost::is_idle() const {
  return std::none_of(workers_.begin(), workers_.end(),
                      [](const auto& worker) { return worker->is_busy(); });
}

}  // namespace nokv::simulation
