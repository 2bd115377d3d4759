#include "tests/simulation/cluster/driver_host.h"

#include <utility>

namespace nokv::simulation {

DriverHost::DriverHost(World& world, std::vector<pd::Region> regions)
    : machine_(world, kDriverHost), regions_(std::move(regions)) {}

DriverHost::~DriverHost() {
  if (is_up()) Stop(Death::kProcess);
}

void DriverHost::Start() {
  World& world = machine_.world();
  running_ = std::make_unique<Process>(machine_);
  absl::StatusOr<std::unique_ptr<pd::PlacementDriver>> driver =
      pd::PlacementDriver::Open({.directory = "/pd", .cluster_id = cluster_id_},
                                {.files = running_->files,
                                 .clock = running_->clock,
                                 .random = running_->random,
                                 .executor = running_->executor,
                                 .database_executor = running_->disk_executor});
  if (!driver.ok()) {
    return world.oracle.Violate("the driver does not open: " + driver.status().ToString());
  }
  running_->driver = *std::move(driver);
  cluster_id_ = running_->driver->cluster_id();
  if (const auto made = running_->driver->Bootstrap(regions_); !made.ok()) {
    return world.oracle.Violate("the driver takes no regions: " + made.status().ToString());
  }
  running_->service = std::make_unique<pd::Service>(*running_->driver, running_->executor);
  world.services.driver = running_->service.get();
  world.calls.Listen(machine_.host(), kDriverAddress);
  Tick();
}

void DriverHost::Stop(Death death) {
  machine_.world().services.driver = nullptr;
  machine_.BeginDeath(*running_, death);
  running_.reset();
  machine_.EndDeath(death);
}

void DriverHost::JumpClock(int64_t millis) {
  machine_.JumpClock(millis);
  if (is_up()) running_->clock.JumpWall(millis);
}

void DriverHost::StallDisk(absl::Duration duration) {
  if (is_up()) running_->disk_executor.Stall(duration);
}

void DriverHost::Tick() {
  machine_.world().queue.After(machine_.host(), absl::Seconds(1), [this] { Tick(); });
  running_->driver->Tick();
}

}  // namespace nokv::simulation
