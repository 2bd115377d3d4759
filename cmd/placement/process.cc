#include "cmd/placement/process.h"

#include "cmd/daemon/admin_server.h"
#include "cmd/daemon/metrics.h"
#include "cmd/placement/metrics.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/random.h"
#include "engine/vfs/file_system.h"
#include "pd/rpc/server.h"
#include "pd/server/placement_driver.h"
#include "pd/service/service.h"
#include "pd/tso/clock_watch.h"
#include "pd/tso/followed_clock.h"
#include "proto/net/poller.h"

#include <spdlog/spdlog.h>

#include <atomic>
#include <optional>
#include <utility>

namespace nokv::placement {
namespace {

constexpr absl::Duration kPause = absl::Milliseconds(50);  // Until a request to end is seen.
constexpr int kPausesPerTick = 20;
constexpr absl::Duration kDrainTime = absl::Milliseconds(200);

// Calls that wait for the disk do so here. They share its syncs.
constexpr int kServiceThreads = 4;
constexpr int kDatabaseThreads = 1;

class DriverProcess final : public Process {
 public:
  explicit DriverProcess(const Settings& settings)
      : settings_(settings),
        random_(EntropySeed()),
        database_executor_(NewThreadPool(kDatabaseThreads)),
        executor_(NewThreadPool(kServiceThreads)) {}

  absl::Status Open() {
    ASSIGN_OR_RETURN(driver_,
                     pd::PlacementDriver::Open({.directory = settings_.workdir,
                                                .cluster_id = settings_.cluster_id,
                                                .id_start = settings_.id_start,
                                                .timestamp_start = settings_.timestamp_start},
                                               {.files = vfs::PosixFileSystem(),
                                                .clock = clock_,
                                                .random = random_,
                                                .executor = *executor_,
                                                .database_executor = *database_executor_}));
    return driver_->Bootstrap(settings_.regions).status();
  }

  Summary summary() const override {
    return {.cluster_id = driver_->cluster_id(), .regions = driver_->GetStats().regions};
  }

  absl::Status Start() override {
    service_.emplace(*driver_, *executor_);
    ASSIGN_OR_RETURN(server_, pd::Server::Start({.address = settings_.listen_address}, *service_,
                                                net::Poller::OfServer()));
    metrics_.emplace(Sources{.driver = *driver_, .clock_steps_back = clock_steps_back_});
    if (!settings_.metrics_address) return absl::OkStatus();
    ASSIGN_OR_RETURN(admin_, daemon::AdminServer::Start(
                                 settings_.metrics_address->host, settings_.metrics_address->port,
                                 {.metrics = [this] { return daemon::ToPrometheusText(*metrics_); },
                                  .variables = [this] { return metrics_->ToJson(); },
                                  .readiness = [this] { return CheckReady(); }}));
    return absl::OkStatus();
  }

  absl::Status Run(const ShouldStop& should_stop) override {
    for (int pauses = 1; !should_stop(); ++pauses) {
      clock_.SleepFor(kPause);
      RETURN_IF_ERROR(driver_->health());
      WatchClock();
      if (pauses % kPausesPerTick == 0) driver_->Tick();
    }
    server_->Drain(kDrainTime);
    return absl::OkStatus();
  }

 private:
  absl::Status CheckReady() {
    RETURN_IF_ERROR(driver_->health());
    const uint64_t lead_ms = driver_->GetStats().timestamp_lead_ms;
    if (lead_ms <= pd::TimestampOptions().lead_ms_max) return absl::OkStatus();
    return UnavailableError("timestamps are {} ms ahead of the clock: none are given", lead_ms);
  }

  void WatchClock() {
    const uint64_t held_back_ms = driver_->GetStats().clock_held_back_ms;
    if (held_back_ms != 0 && !std::exchange(is_held_back_, true)) {
      spdlog::error(
          "the clock jumped ahead by {} ms; timestamps follow it in {} s, unless it is corrected",
          held_back_ms, pd::FollowedClock::kPatienceMs / 1000);
    }
    if (held_back_ms == 0) is_held_back_ = false;
    const uint64_t back_ms =
        watch_.Observe(clock_.WallMillis(), clock_.MonotonicNanos() / 1'000'000);
    if (back_ms == 0) return;
    ++clock_steps_back_;
    spdlog::error(
        "the clock went back by {} ms; timestamps do not: they are {} ms ahead of it now, and stop "
        "at {} ms",
        back_ms, driver_->GetStats().timestamp_lead_ms, pd::TimestampOptions().lead_ms_max);
  }

  const Settings settings_;
  Clock& clock_ = SystemClock();
  Random random_;
  pd::ClockWatch watch_;
  bool is_held_back_ = false;
  std::atomic<uint64_t> clock_steps_back_{0};

  // Destroyed from the last to the first: who asks before who answers, threads after all.
  const std::unique_ptr<Executor> database_executor_;
  const std::unique_ptr<Executor> executor_;
  std::unique_ptr<pd::PlacementDriver> driver_;
  std::optional<pd::Service> service_;
  std::unique_ptr<pd::Server> server_;
  std::optional<Metrics> metrics_;
  std::unique_ptr<daemon::AdminServer> admin_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Process>> Process::Open(const Settings& settings) {
  auto process = std::make_unique<DriverProcess>(settings);
  RETURN_IF_ERROR(process->Open());
  return process;
}

}  // namespace nokv::placement
