#include "pd/server/placement_driver.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace nokv::pd {
namespace {

// The first millisecond all of whose timestamps are at or above `timestamp`.
uint64_t FirstMillisecond(uint64_t timestamp) {
  return PhysicalMs(timestamp) + (CounterOf(timestamp) > 0 ? 1 : 0);
}

}  // namespace

absl::StatusOr<std::unique_ptr<PlacementDriver>> PlacementDriver::Open(
    const PlacementOptions& options, const PlacementEnvironment& env) {
  if (options.id_start == 0 || options.id_start > kIdMax) {
    return InvalidArgumentError("ids start at {}; 1 to 2^62 is wanted", options.id_start);
  }
  uint64_t new_cluster_id = 0;
  while (new_cluster_id == 0) new_cluster_id = env.random.Next();
  SavedState saved;
  ASSIGN_OR_RETURN(
      std::unique_ptr<PdStorage> storage,
      PdStorage::Open({.directory = options.directory,
                       .cluster_id = options.cluster_id,
                       .new_cluster_id = new_cluster_id,
                       .environment = {&env.files, &env.clock, &env.database_executor}},
                      &saved));
  std::unique_ptr<PlacementDriver> driver(
      new PlacementDriver(options, env, std::move(storage), saved));
  driver->Load(saved);
  return driver;
}

PlacementDriver::PlacementDriver(const PlacementOptions& options, const PlacementEnvironment& env,
                                 std::unique_ptr<PdStorage> storage, const SavedState& saved)
    : options_(options),
      env_(env),
      storage_(std::move(storage)),
      cluster_id_(saved.cluster_id),
      timestamps_(
          options.timestamps,
          std::max(saved.time_ceiling_ms, FirstMillisecond(options.timestamp_start)),
          [this](uint64_t ceiling_ms) { return storage_->SaveTimeCeiling(ceiling_ms); }, env.clock),
      ids_(saved.id_ceiling, options.id_start,
           [this](uint64_t ceiling) { return storage_->SaveIdCeiling(ceiling); }),
      cluster_(options.liveness),
      operators_(options.operators),
      tasks_(env.executor) {}

PlacementDriver::~PlacementDriver() {
  tasks_.Close();
  SaveNow().IgnoreError();
}

void PlacementDriver::Load(const SavedState& saved) {
  const uint64_t now_ms = NowMs();
  MutexLock lock(mutex_);
  for (const StoreRecord& store : saved.stores) cluster_.Load(store, now_ms);
  for (const Region& region : saved.regions) {
    const RegionOutcome outcome = cluster_.Load(region);
    if (const auto* applied = std::get_if<Applied>(&outcome)) {
      // A crash may have kept an old region beside its successor; the next save removes it.
      for (const RegionId id : applied->dirty) {
        if (id != region.id) dirty_regions_.insert(id);
      }
    } else {
      dirty_regions_.insert(region.id);
    }
  }
}

uint64_t PlacementDriver::NowMs() { return env_.clock.MonotonicNanos() / 1'000'000; }

absl::Status PlacementDriver::CheckClusterId(uint64_t cluster_id) const {
  if (cluster_id == cluster_id_) return absl::OkStatus();
  return FailedPreconditionError("this is cluster {:016x}, and not cluster {:016x}", cluster_id_,
                                 cluster_id);
}

void PlacementDriver::CountTimestamps(const TimestampRange& range) {
  timestamps_given_.fetch_add(range.count, std::memory_order_relaxed);
  if (timestamps_.TakeExtendRequest()) {
    tasks_.Submit(Priority::kHigh, [this] { timestamps_.Extend(); });
  }
}

absl::StatusOr<TimestampRange> PlacementDriver::GetTimestamps(uint64_t count) {
  ASSIGN_OR_RETURN(const TimestampRange range, timestamps_.Take(count));
  CountTimestamps(range);
  return range;
}

absl::StatusOr<std::optional<TimestampRange>> PlacementDriver::TryGetTimestamps(uint64_t count) {
  ASSIGN_OR_RETURN(const std::optional<TimestampRange> range, timestamps_.TryTake(count));
  if (range.has_value()) CountTimestamps(*range);
  return range;
}

absl::StatusOr<uint64_t> PlacementDriver::AllocateIds(uint64_t count) {
  ASSIGN_OR_RETURN(const uint64_t first, ids_.Take(count));
  ids_given_.fetch_add(count, std::memory_order_relaxed);
  return first;
}

absl::StatusOr<StoreHeartbeatReply> PlacementDriver::HandleStoreHeartbeat(
    const StoreHeartbeat& heartbeat) {
  if (heartbeat.cluster_id != 0) RETURN_IF_ERROR(CheckClusterId(heartbeat.cluster_id));
  const StoreId id = heartbeat.report.id;
  if (Number(id) <= kIdMax) RETURN_IF_ERROR(ids_.Observe(Number(id)));
  StoreHeartbeatReply reply{.cluster_id = cluster_id_};
  {
    MutexLock lock(mutex_);
    ++store_heartbeats_;
    const uint64_t now_ms = NowMs();
    ASSIGN_OR_RETURN(StoreOutcome outcome, cluster_.Apply(heartbeat.report, now_ms));
    if (auto* const refused = std::get_if<StoreRefused>(&outcome)) {
      reply.refusal = std::move(*refused);
      return reply;
    }
    if (std::get<StoreAdmitted>(outcome).is_changed) dirty_stores_.insert(id);
    reply.state = cluster_.StateOf(*cluster_.FindStore(id), now_ms);
    reply.orders = operators_.OrdersFor(id, now_ms);
  }
  // Its identity must be known before the store may vote: a later one with its id is refused.
  RETURN_IF_ERROR(SaveStore(id));
  return reply;
}

// Before the regions are applied: nobody may be given an id that is in use.
absl::Status PlacementDriver::ObserveIds(std::span<const Region* const> regions) {
  uint64_t largest = 0;
  const auto note = [&largest](uint64_t id) {
    if (id <= kIdMax) largest = std::max(largest, id);  // Larger ones will be refused.
  };
  for (const Region* const region : regions) {
    note(Number(region->id));
    for (const Peer& peer : region->peers) {
      note(Number(peer.id));
      note(Number(peer.store));
    }
  }
  return largest == 0 ? absl::OkStatus() : ids_.Observe(largest);
}

absl::StatusOr<bool> PlacementDriver::Bootstrap(const std::vector<Region>& regions) {
  // On a state of their own first: a mistake in the last one must not leave the others behind.
  Cluster trial(options_.liveness);
  std::vector<const Region*> pointers;
  for (const Region& region : regions) {
    RETURN_IF_ERROR(CheckRegion(region));
    if (!trial.regions().Overlaps(region).empty() || trial.regions().Find(region.id) != nullptr) {
      return InvalidArgumentError("{}: shares keys or its id with another first region",
                                  Describe(region));
    }
    trial.Load(region);
    pointers.push_back(&region);
  }
  RETURN_IF_ERROR(ObserveIds(pointers));
  {
    MutexLock lock(mutex_);
    if (cluster_.regions().size() > 0) return false;
    for (const Region& region : regions) {
      cluster_.Load(region);
      dirty_regions_.insert(region.id);
    }
  }
  RETURN_IF_ERROR(SaveNow());
  return true;
}

RegionOutcome PlacementDriver::ApplyLocked(StoreId sender, RegionReport report, uint64_t now_ms) {
  const RegionId id = report.region.id;
  const Peer* const leader = FindPeer(report.region, report.leader);
  if (leader != nullptr && leader->store != sender) {
    return Refused{InvalidArgumentError(
        "{}: reported by store {}, but its leader {} is on store {}", Describe(report.region),
        Number(sender), Number(leader->id), Number(leader->store))};
  }
  RegionOutcome outcome = cluster_.Apply(std::move(report));
  if (const auto* applied = std::get_if<Applied>(&outcome)) {
    dirty_regions_.insert(applied->dirty.begin(), applied->dirty.end());
    for (const RegionId changed : applied->dirty) {
      operators_.Observe(changed, cluster_.regions().Find(changed), now_ms);
    }
    operators_.Observe(id, cluster_.regions().Find(id), now_ms);
  }
  return outcome;
}

absl::StatusOr<std::vector<RegionOutcome>> PlacementDriver::HandleRegionHeartbeats(
    StoreId sender, std::vector<RegionReport> reports) {
  if (reports.size() > kReportsPerCallMax) {
    return InvalidArgumentError("{} region reports at once; at most {} are allowed", reports.size(),
                                kReportsPerCallMax);
  }
  std::vector<const Region*> regions;
  regions.reserve(reports.size());
  for (const RegionReport& report : reports) regions.push_back(&report.region);
  RETURN_IF_ERROR(ObserveIds(regions));
  std::vector<RegionOutcome> outcomes;
  outcomes.reserve(reports.size());
  bool wants_save = false;
  {
    MutexLock lock(mutex_);
    const Store* const store = cluster_.FindStore(sender);
    if (store == nullptr || store->record.intent == StoreIntent::kTombstone) {
      return FailedPreconditionError("store {} reports regions, but {}", Number(sender),
                                     store == nullptr ? "has not reported itself" : "was removed");
    }
    const uint64_t now_ms = NowMs();
    for (RegionReport& report : reports) {
      outcomes.push_back(ApplyLocked(sender, std::move(report), now_ms));
      if (std::holds_alternative<Refused>(outcomes.back())) ++region_reports_refused_;
    }
    region_reports_ += reports.size();
    wants_save = HasDirtyLocked() && !is_saving_;  // Who saves goes on until nothing is dirty.
  }
  if (wants_save) RequestSave();
  return outcomes;
}

Route PlacementDriver::RouteOfLocked(const KnownRegion& known, uint64_t now_ms) {
  Route route{.region = known.region, .leader = known.leader};
  for (const Peer& peer : known.region.peers) {
    PeerAddress address{.peer = peer};
    if (const Store* store = cluster_.FindStore(peer.store); store != nullptr) {
      address.address = store->record.address;
      address.state = cluster_.StateOf(*store, now_ms);
    }
    route.peers.push_back(std::move(address));
  }
  return route;
}

std::optional<Route> PlacementDriver::GetRegionByKey(std::string_view key) {
  MutexLock lock(mutex_);
  const KnownRegion* const known = cluster_.regions().FindByKey(key);
  if (known == nullptr) return std::nullopt;
  return RouteOfLocked(*known, NowMs());
}

std::vector<Route> PlacementDriver::ScanRegions(std::string_view start, std::string_view end,
                                                size_t limit) {
  MutexLock lock(mutex_);
  const uint64_t now_ms = NowMs();
  std::vector<Route> routes;
  for (const KnownRegion* known :
       cluster_.regions().Scan(start, end, std::min(limit, kRoutesPerCallMax))) {
    routes.push_back(RouteOfLocked(*known, now_ms));
  }
  return routes;
}

absl::StatusOr<bool> PlacementDriver::RemoveRegion(RegionId id) {
  bool is_known = false;
  {
    MutexLock lock(mutex_);
    is_known = cluster_.RemoveRegion(id);
    if (is_known) dirty_regions_.insert(id);
    operators_.Observe(id, nullptr, NowMs());
  }
  RETURN_IF_ERROR(SaveNow());
  return is_known;
}

absl::Status PlacementDriver::SetStoreIntent(StoreId id, StoreIntent intent) {
  {
    MutexLock lock(mutex_);
    ASSIGN_OR_RETURN(const bool is_changed, cluster_.SetIntent(id, intent));
    if (is_changed) dirty_stores_.insert(id);
  }
  return SaveStore(id);
}

PlacementStats PlacementDriver::GetStats() {
  PlacementStats stats{.timestamps = timestamps_given_.load(std::memory_order_relaxed),
                       .ids = ids_given_.load(std::memory_order_relaxed),
                       .timestamp_lead_ms = timestamps_.LeadMs(),
                       .clock_held_back_ms = timestamps_.HeldBackMs()};
  MutexLock lock(mutex_);
  const uint64_t now_ms = NowMs();
  stats.regions = cluster_.regions().size();
  stats.regions_without_leader = stats.regions;
  for (const auto& [id, store] : cluster_.stores()) {
    ++stats.stores[cluster_.StateOf(store, now_ms)];
  }
  stats.regions_without_leader -= cluster_.leader_count();
  stats.store_heartbeats = store_heartbeats_;
  stats.region_reports = region_reports_;
  stats.region_reports_refused = region_reports_refused_;
  stats.operators_running = operators_.running().size();
  stats.operators_done = operators_.done_count();
  stats.operators_failed = operators_.failed_count();
  stats.is_paused = is_paused_;
  return stats;
}

absl::Status PlacementDriver::health() { return storage_->health(); }

}  // namespace nokv::pd
