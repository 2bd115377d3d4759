#include "pd/testing/crash_trial.h"

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/random.h"
#include "engine/vfs/fault_file_system.h"
#include "engine/vfs/mem_file_system.h"
#include "pd/server/placement_driver.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

namespace nokv::pd::testing {
namespace {

constexpr int kSteps = 60;

// A clock whose wall time can be set.
class SettableClock final : public Clock {
 public:
  uint64_t WallMillis() override { return wall_ms; }

  uint64_t MonotonicNanos() override { return monotonic_ms * 1'000'000; }

  void SleepFor(absl::Duration duration) override {
    Advance(static_cast<uint64_t>(absl::ToInt64Milliseconds(duration)));
  }

  void Advance(uint64_t ms) {
    wall_ms += ms;
    monotonic_ms += ms;
  }

  uint64_t wall_ms = 1'700'000'000'000;
  uint64_t monotonic_ms = 1000;
};

// What others were told, which binds every later life.
struct Told {
  std::optional<uint64_t> cluster_id;
  uint64_t newest_timestamp = 0;
  std::set<uint64_t> ids;  // Given out, or named by a heartbeat that was answered.
  std::map<StoreId, StoreIntent> stores;
};

uint64_t IdentityOf(StoreId id) { return 0x1000 + Number(id); }

class Trial {
 public:
  explicit Trial(uint64_t seed) : random_(seed) {}

  // One life, which ends at change `crash_at` of its disk (0: never). Returns the changes made.
  uint64_t Live(uint64_t crash_at);

  // The end of the machine or of the process.
  void Die();

  const std::string& violation() const { return violation_; }

  uint64_t ranges_given() const { return ranges_given_; }

 private:
  void Open(vfs::FaultFileSystem& files);
  void Step();
  void TakeTimestamps();
  void TakeIds();
  void ReportStore();
  void ReportRegion();
  void ChangeIntent();
  void CheckStores();
  void MoveClock();

  void Require(bool holds, std::string_view what) {
    if (!holds && violation_.empty()) violation_ = what;
  }

  Random random_;
  vfs::MemFileSystem disk_;
  SettableClock clock_;
  std::unique_ptr<ManualExecutor> executor_;
  std::unique_ptr<PlacementDriver> driver_;
  Told told_;
  uint64_t ranges_given_ = 0;
  std::string violation_;
};

void Trial::Open(vfs::FaultFileSystem& files) {
  const PlacementEnvironment env{.files = files,
                                 .clock = clock_,
                                 .random = random_,
                                 .executor = *executor_,
                                 .database_executor = *executor_};
  absl::StatusOr<std::unique_ptr<PlacementDriver>> driver =
      PlacementDriver::Open({.directory = "/pd"}, env);
  if (!driver.ok()) {
    Require(files.dead(), fmt::format("open: {}", StdView(driver.status().message())));
    return;
  }
  driver_ = *std::move(driver);
  if (!told_.cluster_id.has_value()) told_.cluster_id = driver_->cluster_id();
  Require(told_.cluster_id == driver_->cluster_id(), "the cluster has another id than before");
}

void Trial::TakeTimestamps() {
  const uint64_t count = random_.OneIn(3) ? 1 + random_.Uniform(kTimestampsPerMs) : 1;
  const auto range = driver_->GetTimestamps(count);
  if (!range.ok()) return;  // Dead, or the clock is too far behind.
  Require(range->count == count, "another number of timestamps than asked for");
  Require(range->first > told_.newest_timestamp,
          fmt::format("timestamp {} after {} was given", range->first, told_.newest_timestamp));
  told_.newest_timestamp = range->last();
  ++ranges_given_;
}

void Trial::TakeIds() {
  const uint64_t count = 1 + random_.Uniform(random_.OneIn(4) ? 1500 : 3);
  const auto first = driver_->AllocateIds(count);
  if (!first.ok()) return;
  for (uint64_t id = *first; id < *first + count; ++id) {
    Require(told_.ids.insert(id).second, fmt::format("id {} is somebody's already", id));
  }
}

void Trial::ReportStore() {
  const StoreId id{1 + random_.Uniform(5)};
  const auto reply = driver_->HandleStoreHeartbeat(
      {.cluster_id = told_.cluster_id.value_or(0),
       .report = {.id = id,
                  .identity = IdentityOf(id),
                  .address = fmt::format("store{}:{}", Number(id), random_.Uniform(2))}});
  if (!reply.ok() || reply->refusal.has_value()) return;
  told_.stores.emplace(id, StoreIntent::kServing);
  told_.ids.insert(Number(id));
}

void Trial::ReportRegion() {
  // Ids that a topology file chose: now and then just above what was given out.
  const uint64_t base = told_.ids.empty() || !random_.OneIn(2) ? 100 : *told_.ids.rbegin() + 1;
  const StoreId sender{1 + random_.Uniform(5)};
  const std::string start = fmt::format("{:04}", random_.Uniform(50));
  const Region region{.id = RegionId{base + random_.Uniform(20)},
                      .start_key = start,
                      .end_key = start + "x",
                      .epoch = {1 + random_.Uniform(1000), 1},
                      .peers = {{PeerId{base + 100 + random_.Uniform(2000)}, sender}}};
  const PeerId leader = region.peers.front().id;
  const auto outcomes =
      driver_->HandleRegionHeartbeats(sender, {{.region = region, .leader = leader}});
  if (!outcomes.ok()) return;
  told_.ids.insert({Number(region.id), Number(leader)});
}

void Trial::ChangeIntent() {
  if (told_.stores.empty()) return;
  auto& [id, intent] =
      *std::next(told_.stores.begin(), static_cast<int64_t>(random_.Uniform(told_.stores.size())));
  if (intent == StoreIntent::kTombstone) return;
  StoreIntent wanted = StoreIntent::kDraining;
  if (intent == StoreIntent::kDraining && random_.OneIn(2)) wanted = StoreIntent::kTombstone;
  if (driver_->SetStoreIntent(id, wanted).ok()) intent = wanted;
}

bool IsAdmitted(const absl::StatusOr<StoreHeartbeatReply>& reply) {
  return reply.ok() && !reply->refusal.has_value();
}

// Stores that were admitted are known, with their identity and with what was decided about them.
void Trial::CheckStores() {
  for (const auto& [id, intent] : told_.stores) {
    const auto stranger = driver_->HandleStoreHeartbeat(
        {.report = {.id = id, .identity = 77, .address = fmt::format("stranger{}:1", Number(id))}});
    Require(!IsAdmitted(stranger), fmt::format("another store took the id {}", Number(id)));
    const auto itself = driver_->HandleStoreHeartbeat(
        {.report = {.id = id,
                    .identity = IdentityOf(id),
                    .address = fmt::format("store{}:0", Number(id))}});
    if (intent == StoreIntent::kTombstone) {
      Require(!IsAdmitted(itself), fmt::format("store {} came back from its tomb", Number(id)));
    } else if (IsAdmitted(itself) && intent == StoreIntent::kDraining) {
      Require(itself->state == StoreState::kDraining || itself->state == StoreState::kTombstone,
              fmt::format("store {} forgot that it is draining", Number(id)));
    }
  }
}

void Trial::MoveClock() {
  if (random_.OneIn(5)) {
    clock_.wall_ms -= random_.Uniform(4000);
  } else {
    clock_.Advance(random_.Uniform(2500));
  }
}

void Trial::Step() {
  switch (random_.Uniform(10)) {
    case 0:
    case 1:
    case 2:
      return TakeTimestamps();
    case 3:
    case 4:
      return TakeIds();
    case 5:
      return ReportStore();
    case 6:
      return ReportRegion();
    case 7:
      return MoveClock();
    case 8:
      return random_.OneIn(3) ? ChangeIntent() : ReportRegion();
    default:
      executor_->RunOne();
  }
}

uint64_t Trial::Live(uint64_t crash_at) {
  vfs::FaultFileSystem files(disk_);
  if (crash_at > 0) files.CrashAt({.mutation = crash_at, .then = {}});
  executor_ = std::make_unique<ManualExecutor>(&random_);
  Open(files);
  if (driver_ != nullptr) {
    CheckStores();
    TakeTimestamps();
    TakeIds();
    for (int i = 0; i < kSteps && !files.dead() && violation_.empty(); ++i) Step();
  }
  if (crash_at > 0) files.Kill();
  driver_.reset();
  executor_->Clear();
  return files.mutation_count();
}

void Trial::Die() {
  switch (random_.Uniform(5)) {
    case 0:
      disk_.KillProcess();
      break;
    case 1:
      disk_.PowerCut(random_, vfs::PowerCutMode::kKeepNothing);
      break;
    case 2:
      disk_.PowerCut(random_, vfs::PowerCutMode::kKeepEverything);
      break;
    default:
      disk_.PowerCut(random_, vfs::PowerCutMode::kRandom);
  }
  if (random_.OneIn(2)) MoveClock();
}

}  // namespace

Findings ExploreCrashes(const Exploration& exploration) {
  Findings findings;
  {
    Trial trial(exploration.seed);
    findings.changes = trial.Live(0);
    if (!trial.violation().empty()) findings.violations.push_back(trial.violation());
  }
  const uint64_t stride = std::max<uint64_t>(1, findings.changes / exploration.points_max);
  for (uint64_t point = 1; point <= findings.changes; point += stride) {
    Trial trial(exploration.seed);
    Random chance(exploration.seed * 1'000'003 + point);
    std::string trail = fmt::format("seed {}: died at change {}", exploration.seed, point);
    trial.Live(point);
    for (int life = 1; life <= exploration.lives && trial.violation().empty(); ++life) {
      trial.Die();
      const bool is_last = life == exploration.lives;
      const uint64_t next = is_last ? 0 : 1 + chance.Uniform(findings.changes);
      trail += is_last ? ", lived on" : fmt::format(", then at change {}", next);
      trial.Live(next);
      ++findings.lives;
    }
    findings.timestamps += trial.ranges_given();
    if (!trial.violation().empty()) {
      findings.violations.push_back(fmt::format("{}: {}", trail, trial.violation()));
      return findings;
    }
  }
  return findings;
}

}  // namespace nokv::pd::testing
