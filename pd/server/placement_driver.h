// The placement driver: where regions are, what time it is, and which ids are free.
//
// Ties the state of the cluster, timestamps, ids and their storage together, behind plain structs;
// the network service in front of it only translates. One process owns a directory; nothing here
// knows whether more drivers stand behind it.
//
// What a call promises is durable when it returns: timestamps, ids, the cluster id, and what was
// decided about stores. What regions report is kept in memory and saved soon after: stores repeat
// their reports, so a crash loses nothing that is not told again.
//
// Thread-safety: safe, except that the destructor must run alone. Calls may wait for the disk.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/mutex.h"
#include "engine/base/random.h"
#include "engine/base/status.h"
#include "pd/id/id_allocator.h"
#include "pd/model/cluster.h"
#include "pd/schedule/leader_balance.h"
#include "pd/schedule/operator.h"
#include "pd/server/task_group.h"
#include "pd/storage/pd_storage.h"
#include "pd/tso/timestamp_oracle.h"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::pd {

struct PlacementOptions {
  std::string directory = {};
  uint64_t cluster_id = 0;  // That the directory must belong to; 0 for any, or for a new one.
  uint64_t id_start = 1;    // The lowest id to give out.
  // The lowest timestamp to give out: for a driver that takes the place of one whose directory is
  // lost.
  uint64_t timestamp_start = 0;
  TimestampOptions timestamps = {};
  LivenessOptions liveness = {};
  BalanceOptions balance = {};
  OperatorLimits operators = {};
  size_t moves_per_tick_max = 8;
};

// All outlive the driver.
struct PlacementEnvironment {
  vfs::FileSystem& files;
  Clock& clock;
  Random& random;  // Used by Open() only.
  // Runs the driver's background steps. They may wait for the database's, which therefore have
  // threads of their own, except where one thread does everything (ManualExecutor).
  Executor& executor;
  Executor& database_executor;
};

// Where a peer of a route is reached.
struct PeerAddress {
  Peer peer = {};
  std::string address = {};  // Empty if its store has not reported yet.
  StoreState state = StoreState::kUp;
};

struct Route {
  Region region = {};
  PeerId leader = kNoPeer;  // A hint; kNoPeer if nobody knows.
  std::vector<PeerAddress> peers = {};
};

struct StoreHeartbeat {
  uint64_t cluster_id = 0;  // 0 in the first one of a new store: the reply tells it.
  StoreReport report = {};
};

struct StoreHeartbeatReply {
  uint64_t cluster_id = 0;
  std::optional<StoreRefused> refusal = {};  // Then the rest means nothing.
  StoreState state = StoreState::kUp;
  std::vector<Operator> orders = {};  // For regions that the store leads; repeated until done.
};

// What scheduling does, and why it does not do more.
struct Diagnosis {
  bool is_paused = false;
  BalanceDecision balance = {};
  std::vector<Operator> running = {};
  std::vector<EndedOperator> ended = {};  // Oldest first.
  uint64_t now_ms = 0;                    // As the operators' times.
  std::map<StoreId, std::string> addresses = {};
};

// Figures for whoever watches the driver.
struct PlacementStats {
  uint64_t timestamps = 0;  // Given, and ids given, since the start.
  uint64_t ids = 0;
  uint64_t timestamp_lead_ms = 0;   // By how much timestamps are ahead of the clock.
  uint64_t clock_held_back_ms = 0;  // By how much the clock has jumped ahead and is not followed.
  uint64_t regions = 0;
  uint64_t regions_without_leader = 0;
  uint64_t store_heartbeats = 0;
  uint64_t region_reports = 0;  // Applied, stale and refused.
  uint64_t region_reports_refused = 0;
  uint64_t operators_running = 0;
  uint64_t operators_done = 0;
  uint64_t operators_failed = 0;  // Ended in any other way.
  bool is_paused = false;
  std::map<StoreState, uint64_t> stores = {};
};

class PlacementDriver {
 public:
  // As PdStorage::Open.
  static absl::StatusOr<std::unique_ptr<PlacementDriver>> Open(const PlacementOptions& options,
                                                               const PlacementEnvironment& env);

  // Saves what regions reported. What is left unsaved is told again by their leaders.
  ~PlacementDriver();

  uint64_t cluster_id() const { return cluster_id_; }

  // FailedPrecondition, with both ids, unless `cluster_id` is ours.
  absl::Status CheckClusterId(uint64_t cluster_id) const;

  // The first regions of a cluster: they are known at once, without leaders, and their ids and
  // those of their peers and stores are nobody else's. False, and nothing is changed, if the driver
  // knows a region already. InvalidArgument for what no region can be, and for regions that
  // overlap.
  absl::StatusOr<bool> Bootstrap(const std::vector<Region>& regions);

  absl::StatusOr<TimestampRange> GetTimestamps(uint64_t count);

  // As GetTimestamps(), but nothing where that would wait for the disk.
  absl::StatusOr<std::optional<TimestampRange>> TryGetTimestamps(uint64_t count);

  absl::StatusOr<uint64_t> AllocateIds(uint64_t count);

  absl::StatusOr<StoreHeartbeatReply> HandleStoreHeartbeat(const StoreHeartbeat& heartbeat);

  // One outcome for each report, in order; the sender must lead what it reports. FailedPrecondition
  // for a store that has not reported itself, or was removed. After a failure nothing was applied.
  absl::StatusOr<std::vector<RegionOutcome>> HandleRegionHeartbeats(
      StoreId sender, std::vector<RegionReport> reports);

  // The region that holds `key`, if it is known.
  std::optional<Route> GetRegionByKey(std::string_view key);

  // At most `limit` regions (and never more than kRoutesPerCallMax) in order of keys, from the one
  // that holds `start` on. There may be holes between them.
  std::vector<Route> ScanRegions(std::string_view start, std::string_view end, size_t limit);

  // True if it was known. It comes back if its leader reports it again.
  absl::StatusOr<bool> RemoveRegion(RegionId id);

  // As Cluster::SetIntent, and durable.
  absl::Status SetStoreIntent(StoreId id, StoreIntent intent);

  // Lets operators expire and decides about new ones. To be called about once a second.
  void Tick();

  // Until it is resumed, or the driver restarts. Ends what is running.
  void PauseScheduling();
  void ResumeScheduling();

  // Why is nothing happening?
  Diagnosis Diagnose();

  PlacementStats GetStats();

  // The first failure to save: then restart, there is nothing to repair.
  absl::Status health();

 private:
  PlacementDriver(const PlacementOptions& options, const PlacementEnvironment& env,
                  std::unique_ptr<PdStorage> storage, const SavedState& saved);

  void Load(const SavedState& saved);
  uint64_t NowMs();
  Route RouteOfLocked(const KnownRegion& known, uint64_t now_ms)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountTimestamps(const TimestampRange& range);
  absl::Status ObserveIds(std::span<const Region* const> regions);
  RegionOutcome ApplyLocked(StoreId sender, RegionReport report, uint64_t now_ms)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Saving what changed (saving.cc).
  bool HasDirtyLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RequestSave();
  absl::Status SaveNow();
  absl::Status SaveStore(StoreId id);
  void SaveInBackground();
  absl::Status SaveBatchLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const PlacementOptions options_;
  const PlacementEnvironment env_;
  const std::unique_ptr<PdStorage> storage_;
  const uint64_t cluster_id_;
  TimestampOracle timestamps_;
  IdAllocator ids_;

  Mutex mutex_;
  CondVar saved_;
  Cluster cluster_ ABSL_GUARDED_BY(mutex_);
  OperatorBook operators_ ABSL_GUARDED_BY(mutex_);
  RegionId last_examined_ ABSL_GUARDED_BY(mutex_) = {};
  bool is_paused_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<RegionId> dirty_regions_ ABSL_GUARDED_BY(mutex_);
  std::set<StoreId> dirty_stores_ ABSL_GUARDED_BY(mutex_);
  bool is_saving_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<StoreId> saving_stores_ ABSL_GUARDED_BY(mutex_);  // In the batch that is being saved.
  uint64_t store_heartbeats_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t region_reports_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t region_reports_refused_ ABSL_GUARDED_BY(mutex_) = 0;

  std::atomic<uint64_t> timestamps_given_{0};
  std::atomic<uint64_t> ids_given_{0};

  TaskGroup tasks_;  // Last: its tasks use all the others.
};

inline constexpr size_t kRoutesPerCallMax = 1024;
inline constexpr size_t kReportsPerCallMax = 4096;

}  // namespace nokv::pd
