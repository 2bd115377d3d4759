#include "engine/db/groups_impl.h"

#include "engine/base/check.h"
#include "engine/base/planted.h"
#include "engine/db/db_impl.h"

#include <algorithm>
#include <utility>

namespace nokv {

using groups::GroupRecord;
using log::RecordKind;

namespace {

constexpr size_t kEntriesPerLook = 64;

uint64_t BatchBytes(const std::vector<DraftedRecord>& records) {
  return AlignedBytes(records) + (records.size() > 1 ? log::kRecordHeaderBytes + 8 : 0);
}

bool FreesOnly(const GroupWrite& write) { return write.entries.empty() && !write.state; }

bool MayFree(const GroupWrite& write) {
  return write.remove || write.restart.has_value() || write.compact_to != 0;
}

// The entry in a record that was found where the index says.
absl::StatusOr<GroupEntry> DecodeEntry(const log::Segment& segment, const groups::Place& place,
                                       GroupId group, uint64_t index, std::string* scratch) {
  const uint32_t offset = log::OffsetOf(place.position);
  ASSIGN_OR_RETURN(const log::Record record,
                   segment.ReadCheckedAt(offset, place.record_bytes, scratch));
  ASSIGN_OR_RETURN(const GroupRecord found,
                   groups::ParseGroupRecord(record, segment.file_name(), place.position));
  if (!found.is_entry() || found.group != group || found.index != index) {
    return DataLossError("{} at {}: not entry {} of group {}", segment.file_name(), offset, index,
                         group);
  }
  return GroupEntry{index, found.term, found.tag, found.value};
}

}  // namespace

uint64_t AlignedBytes(const std::vector<DraftedRecord>& records) {
  uint64_t bytes = 0;
  for (const DraftedRecord& record : records) bytes += record.draft.aligned_bytes();
  return bytes;
}

Groups& DBImpl::groups() { return *groups_; }

// An entry in which a value may stand that is large enough to be referred to counts as one.
std::vector<DraftedRecord> GroupsImpl::Draft(std::vector<GroupRecord>& records) const {
  std::vector<DraftedRecord> drafted;
  drafted.reserve(records.size());
  const bool in_batch = records.size() > 1 && !Planted(Bug::kRoundIsNoBatch);
  for (GroupRecord& record : records) {
    record.has_ordinal =
        record.is_entry() && record.value.size() >= db_.options_.value_threshold_bytes;
    drafted.emplace_back(record, in_batch);
  }
  return drafted;
}

absl::Status GroupsImpl::CheckHasGroups() const {
  if (db_.has_groups_) return absl::OkStatus();
  return FailedPreconditionError("{}: opened without groups", db_.options_.directory);
}

absl::Status GroupsImpl::Plan(std::span<const GroupWrite> writes,
                              groups::PlannedRecords* planned) const {
  std::vector<GroupId> ids;
  ids.reserve(writes.size());
  {
    MutexLock lock(mutex_);
    for (const GroupWrite& write : writes) {
      RETURN_IF_ERROR(set_.Check(write));
      set_.Plan(write, planned);
      ids.push_back(write.group);
    }
  }
  std::sort(ids.begin(), ids.end());
  const auto twice = std::adjacent_find(ids.begin(), ids.end());
  if (twice == ids.end()) return absl::OkStatus();
  return InvalidArgumentError("group {}: written twice in one append", *twice);
}

absl::StatusOr<uint64_t> GroupsImpl::Append(std::span<const GroupWrite> writes) {
  RETURN_IF_ERROR(CheckHasGroups());
  const bool frees_only = std::all_of(writes.begin(), writes.end(), FreesOnly);
  RETURN_IF_ERROR(db_.CheckAdmission(frees_only));
  groups::PlannedRecords planned;
  RETURN_IF_ERROR(Plan(writes, &planned));
  if (planned.records.empty()) return db_.log_->appended();
  std::vector<DraftedRecord> records = Draft(planned.records);
  const uint64_t bytes = BatchBytes(records);
  if (bytes > kGroupRoundBytesMax) {
    return InvalidArgumentError("an append of {} bytes to groups; at most {} are allowed", bytes,
                                kGroupRoundBytesMax);
  }
  log::Position end = 0;
  {
    MutexLock lock(db_.write_mutex_);
    RETURN_IF_ERROR(db_.MakeRoomNow(bytes, records.size(), frees_only));
    RETURN_IF_ERROR(AppendRecords(records));
    end = db_.log_->active()->NextPosition();
  }
  if (std::any_of(writes.begin(), writes.end(), MayFree)) db_.WakeCollection();
  return end;
}

absl::Status GroupsImpl::AppendRecords(std::vector<DraftedRecord>& records) {
  char total[8];
  StoreFixed(total, AlignedBytes(records));
  const std::string_view total_view(total, sizeof(total));
  if (records.size() > 1 && !Planted(Bug::kRoundIsNoBatch)) {
    log::RecordDraft header = log::BatchDraft(records.size(), total_view);
    RETURN_IF_ERROR(db_.AppendRecord(header, {}, total_view));
  }
  for (DraftedRecord& record : records) {
    record.position = db_.log_->active()->NextPosition();
    RETURN_IF_ERROR(db_.AppendRecord(record.draft, record.key.view(), record.record.value));
    if (record.record.has_ordinal) {
      db_.log_->active()->AddOrdinal(log::OffsetOf(record.position));
    }
  }
  db_.log_->PublishAppended();

  MutexLock lock(mutex_);
  for (const DraftedRecord& record : records) {
    const absl::Status folded =
        set_.Fold(record.record, record.position, record.draft.length(), db_.log_->active());
    NOKV_CHECK(folded.ok());  // It was checked against the same set.
    if (record.record.kind == RecordKind::kGroupEnd) {
      marks_.erase(record.record.group);
      db_.active_->SetMark(record.record.group, 0);
    }
  }
  return absl::OkStatus();
}

void GroupsImpl::SyncTo(uint64_t position, std::function<void(absl::Status)> done) {
  if (db_.log_ == nullptr) {
    // Made now: nobody waits for this task, which may run when the database is gone.
    absl::Status refusal = FailedPreconditionError("{}: opened read-only", db_.options_.directory);
    db_.executor_.Submit(Priority::kHigh,
                         [refusal = std::move(refusal), done = std::move(done)] { done(refusal); });
    return;
  }
  if (Planted(Bug::kSyncToldEarly)) position = db_.log_->durable();
  db_.log_->SyncTo(position, [this, done = std::move(done)](const absl::Status& status) {
    if (!status.ok()) db_.Poison(status);
    done(status);
  });
}

uint64_t GroupsImpl::durable_position() const {
  return db_.log_ == nullptr ? 0 : db_.log_->durable();
}

std::vector<GroupId> GroupsImpl::List() const {
  MutexLock lock(mutex_);
  return set_.List();
}

std::optional<GroupInfo> GroupsImpl::Find(GroupId group) const {
  MutexLock lock(mutex_);
  const groups::GroupIndex* const index = set_.Find(group);
  if (index == nullptr) return std::nullopt;
  return GroupInfo{index->start(), index->last_index(), index->state()};
}

std::optional<GroupPoint> GroupsImpl::Start(GroupId group) const {
  MutexLock lock(mutex_);
  const groups::GroupIndex* const index = set_.Find(group);
  if (index == nullptr) return std::nullopt;
  return index->start();
}

std::optional<uint64_t> GroupsImpl::LastIndex(GroupId group) const {
  MutexLock lock(mutex_);
  const groups::GroupIndex* const index = set_.Find(group);
  if (index == nullptr) return std::nullopt;
  return index->last_index();
}

std::optional<uint64_t> GroupsImpl::TermAt(GroupId group, uint64_t index) const {
  MutexLock lock(mutex_);
  const groups::GroupIndex* const found = set_.Find(group);
  return found == nullptr ? std::nullopt : found->TermAt(index);
}

absl::Status GroupsImpl::FindEntries(GroupId group, uint64_t first, uint64_t end,
                                     std::vector<Found>* found) const {
  found->clear();
  MutexLock lock(mutex_);
  const groups::GroupIndex* const index = set_.Find(group);
  for (uint64_t at = first; at < end; ++at) {
    const groups::Place* const place = index == nullptr ? nullptr : index->Find(at);
    if (place == nullptr) return NotFoundError("group {}: no entry {}", group, at);
    const auto* const use = set_.uses().Find(log::SegmentOf(place->position));
    found->push_back({*place, use->segment});
  }
  return absl::OkStatus();
}

absl::Status GroupsImpl::Read(GroupId group, uint64_t first, uint64_t end,
                              const std::function<bool(const GroupEntry&)>& visit) const {
  std::vector<Found> found;
  std::string scratch;
  for (uint64_t next = first; next < end;) {
    const uint64_t stop = std::min<uint64_t>(end, next + kEntriesPerLook);
    RETURN_IF_ERROR(FindEntries(group, next, stop, &found));
    for (const Found& entry : found) {
      ASSIGN_OR_RETURN(const GroupEntry decoded,
                       DecodeEntry(*entry.segment, entry.place, group, next++, &scratch));
      if (!visit(decoded)) return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

// --- Marks.

uint64_t GroupsImpl::MarkOf(GroupId group) const {
  MutexLock lock(mutex_);
  const auto found = marks_.find(group);
  return found == marks_.end() ? 0 : found->second;
}

absl::StatusOr<std::vector<DraftedRecord>> GroupsImpl::DraftMarks(std::span<const GroupMark> marks,
                                                                  bool in_batch) const {
  std::vector<DraftedRecord> records;
  if (marks.empty()) return records;
  RETURN_IF_ERROR(CheckHasGroups());
  records.reserve(marks.size());
  for (const GroupMark& mark : marks) {
    if (mark.index == 0) return InvalidArgumentError("group {}: a mark at 0", mark.group);
    records.emplace_back(
        GroupRecord{.kind = RecordKind::kGroupMark, .group = mark.group, .index = mark.index},
        in_batch);
  }
  return records;
}

absl::Status GroupsImpl::AppendMarks(std::vector<DraftedRecord>& marks) {
  for (DraftedRecord& mark : marks) {
    RETURN_IF_ERROR(db_.AppendRecord(mark.draft, mark.key.view(), {}));
  }
  return absl::OkStatus();
}

void GroupsImpl::SetMarks(const std::vector<DraftedRecord>& marks) {
  if (marks.empty()) return;
  MutexLock lock(mutex_);
  for (const DraftedRecord& mark : marks) {
    marks_[mark.record.group] = mark.record.index;
    db_.active_->SetMark(mark.record.group, mark.record.index);
  }
}

// --- Values that are parts of entries.

absl::StatusOr<std::optional<FoundPart>> GroupsImpl::FindPart(const EntryPart& part,
                                                              std::string_view value) const {
  std::vector<Found> entries;
  const absl::Status found = FindEntries(part.group, part.index, part.index + 1, &entries);
  if (!found.ok()) return std::optional<FoundPart>();
  const auto& [place, segment] = entries.front();
  const uint32_t offset = log::OffsetOf(place.position);
  std::string scratch;
  ASSIGN_OR_RETURN(const log::Record record, segment->ReadAt(offset, place.record_bytes, &scratch));
  if (!record.has_ordinal()) return std::optional<FoundPart>();
  ValuePart in_entry{part.offset, static_cast<uint32_t>(value.size()), 0};
  if (CutPart(record.value, in_entry, /*verify=*/false) != value) {
    return InvalidArgumentError(
        "group {}: entry {} of {} bytes has not the value of {} bytes at {}", part.group,
        part.index, record.value.size(), value.size(), part.offset);
  }
  in_entry.check = Crc32c(value);
  const size_t head_at = Planted(Bug::kHeadBeginsLate) ? 1 : 0;
  return FoundPart{
      part,
      {place.position, place.record_bytes, in_entry, value.substr(head_at, part.head_bytes)},
      segment};
}

bool GroupsImpl::AreThere(std::span<const FoundPart> parts) const {
  if (parts.empty()) return true;
  MutexLock lock(mutex_);
  return std::all_of(parts.begin(), parts.end(), [&](const FoundPart& found) {
    const groups::GroupIndex* const index = set_.Find(found.part.group);
    const groups::Place* const place = index == nullptr ? nullptr : index->Find(found.part.index);
    return place != nullptr && place->position == found.reference.position;
  });
}

// --- Recovery.

void GroupsImpl::LoadMarks(const std::map<uint64_t, uint64_t>& marks) {
  MutexLock lock(mutex_);
  for (const auto& [group, index] : marks) marks_[group] = index;
}

absl::Status GroupsImpl::ReplayHeld(const log::Record& record, log::Position position,
                                    const std::shared_ptr<const log::Segment>& segment) {
  ASSIGN_OR_RETURN(const GroupRecord parsed,
                   groups::ParseGroupRecord(record, segment->file_name(), position));
  if (parsed.kind == RecordKind::kGroupMark) return absl::OkStatus();
  MutexLock lock(mutex_);
  return set_.Fold(parsed, position, record.length, segment);
}

absl::Status GroupsImpl::Replay(const log::Record& record, log::Position position,
                                const std::shared_ptr<const log::Segment>& segment) {
  RETURN_IF_ERROR(ReplayHeld(record, position, segment));
  ASSIGN_OR_RETURN(const GroupRecord parsed,
                   groups::ParseGroupRecord(record, segment->file_name(), position));
  MutexLock lock(mutex_);
  if (parsed.kind == RecordKind::kGroupMark) {
    marks_[parsed.group] = parsed.index;
    db_.active_->SetMark(parsed.group, parsed.index);
  } else if (parsed.kind == RecordKind::kGroupEnd) {
    marks_.erase(parsed.group);
    db_.active_->SetMark(parsed.group, 0);
  }
  return absl::OkStatus();
}

absl::Status GroupsImpl::FinishReplay() const {
  MutexLock lock(mutex_);
  const absl::Status whole = set_.Finish();
  if (whole.ok()) return whole;
  return DataLossError("{}: {}", db_.options_.directory, StdView(whole.message()));
}

}  // namespace nokv
