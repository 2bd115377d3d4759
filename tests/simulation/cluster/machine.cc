#include "tests/simulation/cluster/machine.h"

#include <array>

namespace nokv::simulation {
namespace {

constexpr int64_t kBirthMillis = 1'700'000'000'000;
constexpr int64_t kDriftPpmMax = 500;

}  // namespace

Machine::Process::Process(Machine& machine)
    : clock(machine.world().queue, machine.WallMillis()),
      executor(machine.world().queue, machine.host(), {.is_shuffled = true}),
      disk_executor(machine.world().queue, machine.host(),
                    {.delay_max = machine.world().disk_delay_max}),
      random(machine.world().queue.random().Next()),
      files(machine.disk_) {
  clock.set_rate_ppm(static_cast<int64_t>(random.Uniform(2 * kDriftPpmMax + 1)) - kDriftPpmMax);
}

uint64_t Machine::WallMillis() const {
  const auto passed = static_cast<int64_t>(world_.queue.now_nanos() / 1'000'000);
  return static_cast<uint64_t>(kBirthMillis + passed + jumped_millis_);
}

void Machine::BeginDeath(Process& process, Death death) {
  world_.queue.Kill(host_);
  if (death == Death::kProcess) {
    world_.network.Kill(host_);
    world_.calls.Kill(host_);
  } else {
    world_.network.Vanish(host_);
    world_.calls.Vanish(host_);
  }
  process.files.Kill();
}

void Machine::EndDeath(Death death) {
  if (death == Death::kProcess) return disk_.KillProcess();
  static constexpr std::array kModes = {vfs::PowerCutMode::kKeepNothing,
                                        vfs::PowerCutMode::kKeepEverything,
                                        vfs::PowerCutMode::kRandom, vfs::PowerCutMode::kReorder};
  Random& random = world_.queue.random();
  const vfs::PowerCutMode mode = kModes[random.Uniform(kModes.size())];
  disk_.PowerCut(random, mode);
}

}  // namespace nokv::simulation
