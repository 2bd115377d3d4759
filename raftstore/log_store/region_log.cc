#include "raftstore/log_store/region_log.h"

namespace nokv::log_store {

raft::Index RegionLog::first_index() const {
  const std::optional<GroupPoint> start = groups_.Start(region_);
  return start.has_value() ? start->index + 1 : 1;
}

raft::Index RegionLog::last_index() const { return groups_.LastIndex(region_).value_or(0); }

std::optional<raft::Term> RegionLog::TermAt(raft::Index index) const {
  const std::optional<uint64_t> term = groups_.TermAt(region_, index);
  // A newcomer's log, of which nothing was written, ends before the first entry.
  if (!term.has_value() && index == 0 && last_index() == 0) return 0;
  return term;
}

absl::Status RegionLog::ReadEntries(raft::Index first, raft::Index end, uint64_t bytes_max,
                                    std::vector<raft::Entry>& out) const {
  const size_t before = out.size();
  uint64_t bytes = 0;
  absl::Status status;
  RETURN_IF_ERROR(groups_.Read(region_, first, end, [&](const GroupEntry& stored) {
    if (stored.tag > static_cast<uint8_t>(raft::EntryKind::kConfigChange)) {
      status = DataLossError("region {}: entry {} is of an unknown kind, {}", region_, stored.index,
                             stored.tag);
      return false;
    }
    bytes += stored.payload.size() + raft::kEntryOverheadBytes;
    if (bytes > bytes_max && out.size() > before) return false;
    out.push_back({stored.index, stored.term, static_cast<raft::EntryKind>(stored.tag),
                   raft::Payload(stored.payload)});
    return true;
  }));
  return status;
}

std::shared_ptr<const raft::Snapshot> RegionLog::SnapshotFor(raft::PeerId peer) const {
  return snapshots_ == nullptr ? nullptr : snapshots_->SnapshotFor(region_, peer);
}

std::shared_ptr<const raft::Snapshot> RegionLog::pending_snapshot() const {
  if (state_.snapshot == nullptr || groups_.MarkOf(region_) >= state_.snapshot->index) {
    return nullptr;
  }
  return state_.snapshot;
}

}  // namespace nokv::log_store
