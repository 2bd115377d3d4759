#include "pd/server/placement_driver.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace nokv::pd {

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
          options.timestamps, saved.time_ceiling_ms,
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

absl::StatusOr<TimestampRange> PlacementDriver::GetTimestamps(uint64_t count) {
  ASSIGN_OR_RETURN(const TimestampRange range, timestamps_.Take(count));
  if (timestamps_.TakeExtendRequest()) {
    tasks_.Submit(Priority::kHigh, [this] { timestamps_.Extend(); });
  }
  return range;
}

absl::StatusOr<uint64_t> PlacementDriver::AllocateIds(uint64_t count) { return ids_.Take(count); }

absl::StatusOr<StoreHeartbeatReply> PlacementDriver::HandleStoreHeartbeat(
    const StoreHeartbeat& heartbeat) {
  if (heartbeat.cluster_id != 0) RETURN_IF_ERROR(CheckClusterId(heartbeat.cluster_id));
  const StoreId id = heartbeat.report.id;
  if (Number(id) <= kIdMax) RETURN_IF_ERROR(ids_.Observe(Number(id)));
  StoreHeartbeatReply reply{.cluster_id = cluster_id_};
  bool is_dirty = false;
  {
    MutexLock lock(mutex_);
    const uint64_t now_ms = NowMs();
    ASSIGN_OR_RETURN(const bool is_changed, cluster_.Apply(heartbeat.report, now_ms));
    if (is_changed) dirty_stores_.insert(id);
    is_dirty = is_saving_ || dirty_stores_.contains(id);  // Whatever is being saved may be this.
    reply.state = cluster_.StateOf(*cluster_.FindStore(id), now_ms);
    reply.orders = operators_.OrdersFor(id, now_ms);
  }
  // Its identity must be known before the store may vote: a later one with its id is refused.
  if (is_dirty) RETURN_IF_ERROR(SaveNow());
  return reply;
}

// Before the reports are applied: nobody may be given an id that is in use.
absl::Status PlacementDriver::ObserveIds(std::span<const RegionReport> reports) {
  uint64_t largest = 0;
  const auto note = [&largest](uint64_t id) {
    if (id <= kIdMax) largest = std::max(largest, id);  // Larger ones will be refused.
  };
  for (const RegionReport& report : reports) {
    note(Number(report.region.id));
    for (const Peer& peer : report.region.peers) {
      note(Number(peer.id));
      note(Number(peer.store));
    }
  }
  return largest == 0 ? absl::OkStatus() : ids_.Observe(largest);
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
  RETURN_IF_ERROR(ObserveIds(reports));
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
    }
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
  return SaveNow();
}

absl::Status PlacementDriver::health() {
  MutexLock lock(mutex_);
  return health_;
}

}  // namespace nokv::pd
