#include "raftstore/log_store/log_store.h"

#include "raftstore/raft/raft.h"

#include <algorithm>
#include <utility>

namespace nokv::log_store {

absl::StatusOr<std::unique_ptr<LogStore>> LogStore::Open(Groups& groups,
                                                         SnapshotSource* snapshots) {
  std::unique_ptr<LogStore> store(new LogStore(groups, snapshots));
  for (const RegionId region : groups.List()) {
    absl::StatusOr<RegionState> state = DecodeRegionState(groups.Find(region)->state);
    if (!state.ok()) {
      return absl::Status(
          state.status().code(),
          AbslView(fmt::format("region {}: {}", region, StdView(state.status().message()))));
    }
    store->regions_[region] =
        std::make_unique<RegionLog>(groups, region, snapshots, *std::move(state));
  }
  return store;
}

std::vector<RegionId> LogStore::Regions() const {
  std::vector<RegionId> ids;
  ids.reserve(regions_.size());
  for (const auto& [region, log] : regions_) ids.push_back(region);
  std::sort(ids.begin(), ids.end());
  return ids;
}

RegionLog* LogStore::Find(RegionId region) {
  const auto found = regions_.find(region);
  return found == regions_.end() ? nullptr : found->second.get();
}

absl::StatusOr<RegionLog*> LogStore::Create(RegionId region) {
  auto& log = regions_[region];
  if (log != nullptr) return AlreadyExistsError("region {}: it has a log already", region);
  log = std::make_unique<RegionLog>(groups_, region, snapshots_, RegionState());
  return log.get();
}

absl::StatusOr<uint64_t> LogStore::Bootstrap(RegionId region,
                                             const raft::Configuration& configuration) {
  if (Find(region) != nullptr) {
    return AlreadyExistsError("region {}: it has a log already", region);
  }
  RETURN_IF_ERROR(raft::Validate(configuration));
  auto snapshot = std::make_shared<raft::Snapshot>();
  snapshot->index = raft::kBootstrapIndex;
  snapshot->term = raft::kBootstrapTerm;
  snapshot->configuration = configuration;
  RegionState state{.hard_state = {raft::kBootstrapTerm, raft::kNobody, raft::kBootstrapIndex},
                    .snapshot = std::move(snapshot)};
  const std::string bytes = Encode(state);
  const GroupWrite write{.group = region,
                         .restart = GroupPoint{raft::kBootstrapIndex, raft::kBootstrapTerm},
                         .state = bytes};
  ASSIGN_OR_RETURN(const uint64_t position, groups_.Append(std::span(&write, 1)));
  regions_[region] = std::make_unique<RegionLog>(groups_, region, snapshots_, std::move(state));
  return position;
}

RegionState LogStore::StateAfter(const RegionLog& log, const raft::Ready& ready) const {
  RegionState state{.hard_state = ready.hard_state.value_or(log.state_.hard_state),
                    .snapshot = ready.snapshot};
  if (state.snapshot == nullptr) state.snapshot = log.pending_snapshot();
  return state;
}

absl::StatusOr<WrittenRound> LogStore::Write(std::span<const RegionReady> round) {
  struct Change {
    RegionLog* log = nullptr;
    RegionState state;
    std::string bytes;
    std::vector<GroupEntry> entries;
  };

  WrittenRound written;
  std::vector<Change> changes;
  std::vector<GroupWrite> writes;
  changes.reserve(round.size());  // What `writes` refers to stays in its place.
  writes.reserve(round.size());
  for (const auto& [region, ready] : round) {
    written.must_sync |= ready->must_sync;
    if (!ready->has_write()) continue;
    Change& change = changes.emplace_back();
    change.log = Find(region);
    if (change.log == nullptr) return InvalidArgumentError("region {}: it has no log", region);
    GroupWrite& write = writes.emplace_back(GroupWrite{.group = region});
    change.state = StateAfter(*change.log, *ready);
    if (ready->snapshot != nullptr) {
      write.restart = GroupPoint{ready->snapshot->index, ready->snapshot->term};
    }
    if (ready->snapshot != nullptr || ready->hard_state.has_value()) {
      change.bytes = Encode(change.state);
      write.state = change.bytes;
    }
    change.entries.reserve(ready->entries.size());
    for (const raft::Entry& entry : ready->entries) {
      change.entries.push_back(
          {entry.index, entry.term, static_cast<uint8_t>(entry.kind), entry.data.view()});
    }
    write.entries = change.entries;
  }
  ASSIGN_OR_RETURN(written.position, groups_.Append(writes));
  for (Change& change : changes) change.log->state_ = std::move(change.state);
  return written;
}

void LogStore::SyncTo(uint64_t position, std::function<void(absl::Status)> done) {
  groups_.SyncTo(position, std::move(done));
}

absl::Status LogStore::Compact(RegionId region, raft::Index index) {
  if (const uint64_t mark = groups_.MarkOf(region); index > mark) {
    return InvalidArgumentError("region {}: compacted to {}, but its data has no more than {}",
                                region, index, mark);
  }
  const GroupWrite write{.group = region, .compact_to = index};
  return groups_.Append(std::span(&write, 1)).status();
}

absl::StatusOr<uint64_t> LogStore::Remove(RegionId region) {
  if (Find(region) == nullptr) return InvalidArgumentError("region {}: it has no log", region);
  regions_.erase(region);
  // A newcomer that nothing was written of is no group yet.
  if (!groups_.Start(region).has_value()) return groups_.Append({});
  const GroupWrite write{.group = region, .remove = true};
  return groups_.Append(std::span(&write, 1));
}

}  // namespace nokv::log_store
