// The state of the cluster as reports tell it: stores, regions, who leads what.
//
// Reports arrive late, twice and out of order. Applying them in any order ends in the same regions:
// of two that share a key the newer epoch stays. A report is applied whole or refused whole. Every
// change names what is to be written again, so that persisting costs what changed.
//
// Time is monotonic milliseconds, given by the caller.
//
// Thread-safety: none.
#pragma once

#include "engine/base/status.h"
#include "pd/model/region_tree.h"
#include "pd/model/store.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nokv::pd {

// What the leader of a region says. Who else says it is not believed to lead.
struct RegionReport {
  Region region = {};
  PeerId leader{};
  uint64_t term = 0;
  RegionStats stats = {};
  std::vector<PeerId> pending_peers = {};
  std::vector<PeerId> down_peers = {};
};

struct StoreReport {
  StoreId id{};
  uint64_t identity = 0;
  std::string address = {};
  StoreStats stats = {};
};

// The report was applied.
struct Applied {
  std::vector<RegionId> dirty = {};  // To be written again, or deleted if no longer known.
};

inline constexpr size_t kCurrentRegionsMax = 16;

// Older than what is known: `current` are the regions that are newer, at most kCurrentRegionsMax.
struct Stale {
  std::vector<Region> current;
};

// Impossible, alone or beside what is known; somebody made a mistake.
struct Refused {
  absl::Status reason;
};

using RegionOutcome = std::variant<Applied, Stale, Refused>;

struct StoreAdmitted {
  bool is_changed = false;  // Its record; then it is to be written again.
};

// Why a store is not one of the cluster's. It changed nothing.
struct StoreRefused {
  // Its id was removed for good.
  struct Tombstone {};

  // Another directory had its id.
  struct OtherIdentity {
    uint64_t known_identity = 0;
  };

  // Another store that is alive has its address.
  struct AddressTaken {
    StoreId by{};
  };

  std::variant<Tombstone, OtherIdentity, AddressTaken> reason = {};
  std::string message = {};  // For people.
};

using StoreOutcome = std::variant<StoreAdmitted, StoreRefused>;

class Cluster {
 public:
  explicit Cluster(const LivenessOptions& liveness) : liveness_(liveness) {}

  // --- Reports.

  RegionOutcome Apply(RegionReport report);

  // InvalidArgument for a malformed report.
  absl::StatusOr<StoreOutcome> Apply(const StoreReport& report, uint64_t now_ms);

  // --- What an administrator decides.

  // True if something changed. NotFound without such a store; FailedPrecondition for a tombstone,
  // and for making one of a store that is not draining or still hosts peers.
  absl::StatusOr<bool> SetIntent(StoreId id, StoreIntent intent);

  // Forgets a region; false if there is none. It comes back if its leader reports it again.
  bool RemoveRegion(RegionId id);

  // --- Loading what was persisted.

  void Load(StoreRecord record, uint64_t now_ms);

  // As a report without a leader.
  RegionOutcome Load(Region region);

  // --- Looking.

  const RegionTree& regions() const { return regions_; }

  const std::map<StoreId, Store>& stores() const { return stores_; }

  const LivenessOptions& liveness() const { return liveness_; }

  uint64_t leader_count() const;  // Regions whose leader is known.

  const Store* FindStore(StoreId id) const;

  const StoreLoad& LoadOf(StoreId id) const;

  StoreState StateOf(const Store& store, uint64_t now_ms) const {
    return pd::StateOf(store, liveness_, now_ms);
  }

 private:
  std::optional<StoreRefused> RefusalOf(const StoreReport& report, uint64_t now_ms) const;
  RegionOutcome Place(RegionReport report);
  void Insert(KnownRegion region);
  void Erase(RegionId id);
  void SetLeader(KnownRegion& known, PeerId leader, uint64_t term);

  const LivenessOptions liveness_;
  RegionTree regions_;
  std::map<StoreId, Store> stores_;
  std::map<StoreId, StoreLoad> loads_;  // Regions may be known before their stores are.
};

}  // namespace nokv::pd
