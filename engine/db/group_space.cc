// Space of groups: which segments of the log they hold, and how the oldest is freed.
//
// The rules are in ../groups/README.md: what is held is the end of the records of groups, and
// nothing is freed because of a record that a power cut may take back.
#include "engine/base/planted.h"
#include "engine/db/db_impl.h"
#include "engine/db/groups_impl.h"

#include <algorithm>
#include <utility>

namespace nokv {
namespace {

constexpr uint64_t kMoveBytesPerStep = 256 << 10;
constexpr uint64_t kBytesPerLiveByte = 4;  // Moving one frees so many.

}  // namespace

absl::Status DBImpl::HoldForGroups(uint32_t first, uint32_t boundary, lsm::VersionEdit* edit) {
  if (!has_groups_) return absl::OkStatus();
  const uint32_t begin = HeldBegin(boundary);
  edit->held_begin = begin;
  edit->held_segments = groups_->HeldIn(std::max(begin, first), boundary);
  if (Planted(Bug::kHeldFreedBeforeLogSync)) return absl::OkStatus();
  return log_->SyncTo(log_->appended());
}

absl::StatusOr<bool> DBImpl::ReleaseGroupSegments() {
  if (!has_groups_) return false;
  uint32_t oldest = 0;
  uint32_t boundary = 0;
  {
    MutexLock lock(mutex_);
    if (version_->held_segments().empty()) return false;
    oldest = version_->held_segments().begin()->first;
    boundary = version_->log_boundary();
  }
  const uint32_t begin = HeldBegin(boundary);
  if (begin <= oldest) {
    // What only memtables need goes with their flush.
    if (groups_->OldestLive() > oldest || !groups_->IsWorthMoving(boundary)) return false;
    RETURN_IF_ERROR(MoveGroupTails(oldest));
    return true;
  }
  if (!Planted(Bug::kHeldFreedBeforeLogSync)) RETURN_IF_ERROR(log_->SyncTo(log_->appended()));
  lsm::VersionEdit edit;
  edit.held_begin = begin;
  RETURN_IF_ERROR(Install(edit, nullptr));
  groups_->ForgetBelow(begin);
  MutexLock lock(mutex_);
  SubmitPurge();
  return true;
}

absl::Status DBImpl::MoveGroupTails(uint32_t segment) {
  for (const GroupId group : groups_->List()) {
    for (bool more = true; more;) {
      if (IsClosing()) return absl::CancelledError("closing");
      ASSIGN_OR_RETURN(more, groups_->MoveTail(group, segment));
    }
  }
  return absl::OkStatus();
}

void DBImpl::WakeCollection() {
  MutexLock lock(mutex_);
  if (version_->held_segments().empty()) return;
  const uint32_t boundary = version_->log_boundary();
  const uint32_t oldest = version_->held_segments().begin()->first;
  if (groups_->OldestLive() <= oldest && !groups_->IsWorthMoving(boundary)) return;
  collection_idle_ = false;
  ScheduleLocked();
}

// What lives is asked first: a reference that is made later than that is one to an entry that lived
// then, because it lived when the reference was made.
uint32_t DBImpl::HeldBegin(uint32_t boundary) {
  uint32_t begin = std::min(groups_->OldestLive(), boundary);
  MutexLock lock(mutex_);
  for (const std::shared_ptr<Generation>& generation : generations_) {
    if (Planted(Bug::kReferredNotHeld)) break;
    begin = std::min(begin, generation->oldest_referred());
  }
  return begin;
}

uint32_t GroupsImpl::OldestLive() const {
  MutexLock lock(mutex_);
  return set_.uses().OldestLive();
}

std::vector<lsm::HeldSegment> GroupsImpl::HeldIn(uint32_t begin, uint32_t end) const {
  std::vector<lsm::HeldSegment> held;
  MutexLock lock(mutex_);
  const auto& uses = set_.uses().all();
  for (auto use = uses.lower_bound(begin); use != uses.end() && use->first < end; ++use) {
    if (Planted(Bug::kHeldOnlyIfAlive) && use->second.live_bytes == 0) continue;
    held.push_back({use->first, use->second.segment->size_bytes()});
  }
  return held;
}

void GroupsImpl::ForgetBelow(uint32_t segment) {
  MutexLock lock(mutex_);
  set_.ForgetBelow(segment);
}

// Segments are freed in their order, so a small one that lives may keep large dead ones behind it:
// what counts is the best of all beginnings.
bool GroupsImpl::IsWorthMoving(uint32_t boundary) const {
  MutexLock lock(mutex_);
  uint64_t live_bytes = 0;
  uint64_t bytes = 0;
  const auto& uses = set_.uses().all();
  for (auto use = uses.lower_bound(set_.uses().OldestLive());
       use != uses.end() && use->first < boundary; ++use) {
    live_bytes += use->second.live_bytes;
    bytes += use->second.end_bytes;
    if (live_bytes * kBytesPerLiveByte <= bytes) return true;
  }
  return false;
}

absl::StatusOr<bool> GroupsImpl::MoveTail(GroupId group, uint32_t segment) {
  {
    MutexLock lock(mutex_);
    if (set_.TailsIn(group, segment, 1).empty()) return false;
  }
  MutexLock write_lock(db_.write_mutex_);
  std::vector<groups::Tail> tails;
  std::shared_ptr<const log::Segment> from;
  {
    MutexLock lock(mutex_);
    tails = set_.TailsIn(group, segment, kMoveBytesPerStep);
    if (tails.empty()) return false;
    from = set_.uses().Find(segment)->segment;
  }
  std::vector<std::string> buffers(tails.size());
  std::vector<DraftedRecord> records;
  records.reserve(tails.size());
  for (size_t i = 0; i < tails.size(); ++i) {
    const groups::Place& place = tails[i].place;
    ASSIGN_OR_RETURN(
        const log::Record record,
        from->ReadCheckedAt(log::OffsetOf(place.position), place.record_bytes, &buffers[i]));
    ASSIGN_OR_RETURN(groups::GroupRecord content,
                     groups::ParseGroupRecord(record, from->file_name(), place.position));
    if (content.group != group || content.is_entry() != (tails[i].index != 0)) {
      return DataLossError("{} at {}: not the record of group {} that was written there",
                           from->file_name(), log::OffsetOf(place.position), group);
    }
    const bool moves = content.is_entry() && !Planted(Bug::kMovedEntryCuts);
    if (moves) content.kind = log::RecordKind::kGroupMoved;
    if (content.is_state()) content.kind = log::RecordKind::kGroupState;
    records.emplace_back(content, tails.size() > 1);
  }
  const uint64_t bytes = AlignedBytes(records) + log::kRecordHeaderBytes + 8;
  RETURN_IF_ERROR(db_.MakeRoomNow(bytes, records.size(), /*only_deletes=*/true));
  RETURN_IF_ERROR(AppendRecords(records));
  return true;
}

GroupPressure GroupsImpl::Pressure() const {
  GroupPressure pressure;
  pressure.held_bytes_max = db_.options_.group_log_bytes_max;
  MutexLock lock(mutex_);
  const uint32_t oldest = set_.uses().OldestLive();
  const auto& uses = set_.uses().all();
  for (auto use = uses.lower_bound(oldest); use != uses.end(); ++use) {
    pressure.held_bytes += use->second.end_bytes;
  }
  if (pressure.held_bytes > pressure.held_bytes_max) pressure.must_compact = set_.EntriesIn(oldest);
  return pressure;
}

}  // namespace nokv
