#include "pd/model/cluster.h"

#include "engine/base/check.h"

#include <algorithm>
#include <utility>

namespace nokv::pd {
namespace {

absl::Status CheckReport(const RegionReport& report) {
  RETURN_IF_ERROR(CheckRegion(report.region));
  if (std::max(report.pending_peers.size(), report.down_peers.size()) > kPeersMax) {
    return InvalidArgumentError("{}: {} pending and {} down peers; at most {} are allowed",
                                Describe(report.region), report.pending_peers.size(),
                                report.down_peers.size(), kPeersMax);
  }
  const Peer* const leader = FindPeer(report.region, report.leader);
  if (leader == nullptr || leader->role == PeerRole::kLearner) {
    return InvalidArgumentError("{}: its leader {} is not among its voters",
                                Describe(report.region), Number(report.leader));
  }
  return absl::OkStatus();
}

absl::Status CheckReport(const StoreReport& report) {
  if (Number(report.id) == 0 || Number(report.id) > kIdMax) {
    return InvalidArgumentError("store id {}; ids from 1 to 2^62 are wanted", Number(report.id));
  }
  if (report.identity == 0) {
    return InvalidArgumentError("store {}: has no identity", Number(report.id));
  }
  if (report.address.empty() || report.address.size() > kAddressBytesMax) {
    return InvalidArgumentError("store {}: an address of {} bytes; 1 to {} are wanted",
                                Number(report.id), report.address.size(), kAddressBytesMax);
  }
  const bool is_printable = std::all_of(report.address.begin(), report.address.end(),
                                        [](char c) { return c > ' ' && c <= '~'; });
  if (!is_printable) {
    return InvalidArgumentError("store {}: its address has bytes that no host:port has",
                                Number(report.id));
  }
  return absl::OkStatus();
}

void SortPeers(Region& region) {
  std::sort(region.peers.begin(), region.peers.end(),
            [](const Peer& left, const Peer& right) { return left.id < right.id; });
}

Refused Contradiction(const Region& region, const Region& known) {
  return {FailedPreconditionError(
      "{}: contradicts {}, which is known with the same version and another range or other peers",
      Describe(region), Describe(known))};
}

}  // namespace

RegionOutcome Cluster::Apply(RegionReport report) {
  if (absl::Status status = CheckReport(report); !status.ok()) return Refused{std::move(status)};
  SortPeers(report.region);
  return Place(std::move(report));
}

RegionOutcome Cluster::Load(Region region) {
  if (absl::Status status = CheckRegion(region); !status.ok()) return Refused{std::move(status)};
  SortPeers(region);
  return Place({.region = std::move(region)});
}

// 1. Compare with what is known under the same id: older is stale, equal changes no region.
// 2. Compare with every other region that shares keys: all must be of an older version.
// 3. Only then replace them all.
RegionOutcome Cluster::Place(RegionReport report) {
  const Region& region = report.region;
  KnownRegion* const known = regions_.Find(region.id);
  if (known != nullptr) {
    if (IsOlder(region.epoch, known->region.epoch)) return Stale{{known->region}};
    if (region.epoch == known->region.epoch) {
      if (region != known->region) return Contradiction(region, known->region);
      if (report.term < known->term) return Stale{{known->region}};
      SetLeader(*known, report.leader, report.term);
      known->stats = report.stats;
      known->pending_peers = std::move(report.pending_peers);
      known->down_peers = std::move(report.down_peers);
      return Applied{};
    }
  }

  const std::vector<const KnownRegion*> overlaps = regions_.Overlaps(region);
  Stale stale;
  for (const KnownRegion* other : overlaps) {
    // Whatever changes who holds a key raises the version there, so the larger one is the newer.
    if (other->region.epoch.version <= region.epoch.version) continue;
    stale.current.push_back(other->region);
    if (stale.current.size() == kCurrentRegionsMax) break;
  }
  if (!stale.current.empty()) return stale;
  for (const KnownRegion* other : overlaps) {
    if (other->region.epoch.version == region.epoch.version) {
      return Contradiction(region, other->region);
    }
  }

  KnownRegion next{.region = std::move(report.region),
                   .leader = report.leader,
                   .term = report.term,
                   .stats = report.stats,
                   .pending_peers = std::move(report.pending_peers),
                   .down_peers = std::move(report.down_peers)};
  Applied applied{{next.region.id}};
  if (known != nullptr) {
    if (report.term < known->term) {  // A deposed leader may know more, but it does not lead.
      next.term = known->term;
      next.leader = FindPeer(next.region, known->leader) != nullptr ? known->leader : kNoPeer;
    }
    Erase(next.region.id);
  }
  for (const KnownRegion* other : overlaps) {
    applied.dirty.push_back(other->region.id);
    Erase(applied.dirty.back());
  }
  Insert(std::move(next));
  return applied;
}

void Cluster::Insert(KnownRegion region) {
  for (const Peer& peer : region.region.peers) ++loads_[peer.store].peer_count;
  if (const Peer* leader = FindPeer(region.region, region.leader); leader != nullptr) {
    loads_[leader->store].leaders.insert(region.region.id);
  }
  regions_.Insert(std::move(region));
}

void Cluster::Erase(RegionId id) {
  const KnownRegion* const known = regions_.Find(id);
  NOKV_CHECK(known != nullptr);
  for (const Peer& peer : known->region.peers) {
    const auto load = loads_.find(peer.store);
    --load->second.peer_count;
    load->second.leaders.erase(id);
    if (load->second.peer_count == 0) loads_.erase(load);
  }
  regions_.Erase(id);
}

void Cluster::SetLeader(KnownRegion& known, PeerId leader, uint64_t term) {
  known.term = term;
  if (leader == known.leader) return;
  const Peer* const before = FindPeer(known.region, known.leader);
  if (before != nullptr) loads_[before->store].leaders.erase(known.region.id);
  known.leader = leader;
  const Peer* const after = FindPeer(known.region, leader);
  if (after != nullptr) loads_[after->store].leaders.insert(known.region.id);
}

std::optional<StoreRefused> Cluster::RefusalOf(const StoreReport& report, uint64_t now_ms) const {
  if (const Store* const known = FindStore(report.id); known != nullptr) {
    const StoreRecord& record = known->record;
    if (record.intent == StoreIntent::kTombstone) {
      return StoreRefused{
          .reason = StoreRefused::Tombstone{},
          .message = fmt::format("store {} was removed; ids are never reused, so give the store at "
                                 "{} a new one and an empty directory",
                                 Number(report.id), report.address)};
    }
    if (record.identity != report.identity) {
      return StoreRefused{
          .reason = StoreRefused::OtherIdentity{.known_identity = record.identity},
          .message = fmt::format(
              "store {} is known with another directory (identity {:016x}, at {}), but {} reports "
              "identity {:016x}; a store that lost its directory needs a new id",
              Number(report.id), record.identity, record.address, report.address, report.identity)};
    }
  }
  for (const auto& [id, other] : stores_) {
    if (id != report.id && other.record.address == report.address &&
        IsAlive(other, liveness_, now_ms)) {
      return StoreRefused{
          .reason = StoreRefused::AddressTaken{.by = id},
          .message = fmt::format("store {}: its address {} is that of store {}, which is alive",
                                 Number(report.id), report.address, Number(id))};
    }
  }
  return std::nullopt;
}

absl::StatusOr<StoreOutcome> Cluster::Apply(const StoreReport& report, uint64_t now_ms) {
  RETURN_IF_ERROR(CheckReport(report));
  if (std::optional<StoreRefused> refused = RefusalOf(report, now_ms)) return *std::move(refused);
  Store& store = stores_[report.id];
  const StoreRecord before = store.record;
  store.record.id = report.id;
  store.record.identity = report.identity;
  store.record.address = report.address;
  store.stats = report.stats;
  store.last_report_ms = now_ms;
  return StoreAdmitted{.is_changed = store.record != before};
}

absl::StatusOr<bool> Cluster::SetIntent(StoreId id, StoreIntent intent) {
  const auto found = stores_.find(id);
  if (found == stores_.end()) return NotFoundError("there is no store {}", Number(id));
  StoreRecord& record = found->second.record;
  if (record.intent == intent) return false;
  if (record.intent == StoreIntent::kTombstone) {
    return FailedPreconditionError("store {} was removed for good", Number(id));
  }
  if (intent == StoreIntent::kTombstone) {
    if (record.intent != StoreIntent::kDraining) {
      return FailedPreconditionError("store {} serves; drain it before removing it", Number(id));
    }
    if (const uint64_t peers = LoadOf(id).peer_count; peers > 0) {
      return FailedPreconditionError("store {} still hosts {} peers", Number(id), peers);
    }
  }
  record.intent = intent;
  return true;
}

bool Cluster::RemoveRegion(RegionId id) {
  if (regions_.Find(id) == nullptr) return false;
  Erase(id);
  return true;
}

void Cluster::Load(StoreRecord record, uint64_t now_ms) {
  Store& store = stores_[record.id];
  store.record = std::move(record);
  store.last_report_ms = now_ms;
}

uint64_t Cluster::leader_count() const {
  uint64_t count = 0;
  for (const auto& [store, load] : loads_) count += load.leaders.size();
  return count;
}

const Store* Cluster::FindStore(StoreId id) const {
  const auto found = stores_.find(id);
  return found == stores_.end() ? nullptr : &found->second;
}

const StoreLoad& Cluster::LoadOf(StoreId id) const {
  static const StoreLoad kNothing;
  const auto found = loads_.find(id);
  return found == loads_.end() ? kNothing : found->second;
}

}  // namespace nokv::pd
