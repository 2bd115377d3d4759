#include "raftstore/raft/testing/memory_disk.h"

#include "engine/base/check.h"
#include "engine/base/codec.h"

namespace nokv::raft::testing {

MemoryDisk::MemoryDisk(Configuration configuration)
    : hard_state_(HardState{kBootstrapTerm, kNobody, kBootstrapIndex}),
      base_(kBootstrapIndex),
      base_term_(kBootstrapTerm),
      applied_(kBootstrapIndex),
      configuration_(std::move(configuration)),
      snapshot_(std::make_shared<Snapshot>(
          Snapshot{kBootstrapIndex, kBootstrapTerm, configuration_, Payload()})) {}

std::optional<Term> MemoryDisk::TermAt(Index index) const {
  if (index == base_) return base_term_;
  if (index < base_ || index > last_index()) return std::nullopt;
  return entries_[index - base_ - 1].term;
}

absl::Status MemoryDisk::ReadEntries(Index first, Index end, uint64_t bytes_max,
                                     std::vector<Entry>& out) const {
  if (is_broken_) return DataLossError("entry {} cannot be read", first);
  NOKV_CHECK(first > base_ && first < end && end <= last_index() + 1);
  uint64_t bytes = 0;
  for (Index index = first; index < end; ++index) {
    const Entry& entry = entries_[index - base_ - 1];
    bytes += SizeBytes(entry);
    if (bytes > bytes_max && index > first) break;
    out.push_back(entry);
  }
  return absl::OkStatus();
}

std::shared_ptr<const Snapshot> MemoryDisk::SnapshotFor(PeerId peer) const {
  if (snapshot_ != nullptr && snapshot_->configuration.Contains(peer)) return snapshot_;
  is_snapshot_wanted_ = true;
  return nullptr;
}

void MemoryDisk::Write(const Ready& ready) {
  if (ready.snapshot != nullptr) {
    entries_.clear();
    base_ = applied_ = ready.snapshot->index;
    base_term_ = ready.snapshot->term;
    configuration_ = ready.snapshot->configuration;
    snapshot_ = ready.snapshot;
  }
  if (!ready.entries.empty()) {
    const Index first = ready.entries.front().index;
    NOKV_CHECK(first > base_ && first <= last_index() + 1);
    entries_.resize(first - base_ - 1);
    entries_.insert(entries_.end(), ready.entries.begin(), ready.entries.end());
  }
  if (ready.hard_state) hard_state_ = *ready.hard_state;
}

void MemoryDisk::Flush(Index applied, const Configuration& configuration) {
  if (applied < applied_) return;  // A snapshot came in between.
  applied_ = applied;
  configuration_ = configuration;
}

void MemoryDisk::Compact(Index index, std::shared_ptr<const Snapshot> snapshot) {
  NOKV_CHECK(index <= applied_ && index <= last_index() && snapshot->index >= index);
  snapshot_ = std::move(snapshot);
  if (index <= base_) return;
  base_term_ = *TermAt(index);
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(index - base_));
  base_ = index;
}

void MemoryDisk::AppendStateTo(std::string& out) const {
  for (const uint64_t value : {hard_state_.term, hard_state_.vote, hard_state_.commit, base_,
                               base_term_, applied_, configuration_.highest_id}) {
    PutVarint(out, value);
  }
  PutLengthPrefixed(out, ToString(configuration_));
  for (const Entry& entry : entries_) {
    PutVarint(out, entry.term << 1 | static_cast<uint64_t>(entry.kind));
    PutLengthPrefixed(out, entry.data.view());
  }
}

}  // namespace nokv::raft::testing
