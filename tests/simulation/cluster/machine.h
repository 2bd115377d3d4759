// A machine of the cluster: a disk and a date that stay, and what each process on it is given.
//
// Thread-safety: none; a world has one thread.
#pragma once

#include "engine/base/random.h"
#include "engine/vfs/fault_file_system.h"
#include "engine/vfs/mem_file_system.h"
#include "tests/simulation/cluster/disk_executor.h"
#include "tests/simulation/cluster/world.h"
#include "tests/simulation/host.h"

#include <absl/time/time.h>

#include <cstdint>

namespace nokv::simulation {

// How a process ends.
enum class Death : uint8_t {
  kProcess,   // Killed: its machine goes on, with everything that was written.
  kPowerCut,  // What was not synced meets its fate; nobody is told.
};

class Machine {
 public:
  // What a process has while it lives.
  struct Process {
    explicit Process(Machine& machine);

    SimClock clock;
    SimExecutor executor;
    DiskExecutor disk_executor;
    Random random;
    vfs::FaultFileSystem files;
  };

  Machine(World& world, HostId host) : world_(world), host_(host) {}

  // Nothing of the process happens from here on: then whoever made it destroys what it is made of.
  void BeginDeath(Process& process, Death death);

  // What remains on the disk is decided. After the process was destroyed.
  void EndDeath(Death death);

  // The date of every process to come jumps.
  void JumpClock(int64_t millis) { jumped_millis_ += millis; }

  uint64_t WallMillis() const;

  World& world() { return world_; }

  HostId host() const { return host_; }

 private:
  World& world_;
  const HostId host_;
  vfs::MemFileSystem disk_;
  int64_t jumped_millis_ = 0;
};

}  // namespace nokv::simulation
