// Groups of a database: the set that its records come to, behind a lock, and the way into the log.
//
// Locks: the write path's (the order of the log), then mutex_ (the set and the marks; nothing is
// taken or waited for inside). A record is in the log before it is folded, so whoever sees what it
// did finds its end in log::Writer::appended().
//
// Thread-safety: safe.
#pragma once

#include "engine/base/mutex.h"
#include "engine/groups.h"
#include "engine/groups/group_record.h"
#include "engine/groups/group_set.h"
#include "engine/log/part.h"
#include "engine/lsm/version_edit.h"
#include "engine/options.h"
#include "engine/write_batch.h"

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace nokv {

class DBImpl;

// A record of a group on its way into the log.
struct DraftedRecord {
  DraftedRecord(const groups::GroupRecord& content, bool in_batch)
      : record(content), key(content), draft(groups::MakeDraft(content, key, in_batch)) {}

  groups::GroupRecord record;
  groups::GroupKey key;
  log::RecordDraft draft;
  log::Position position = 0;
};

// A value that stands in an entry. The reference's head points into the value that was looked for.
struct FoundPart {
  EntryPart part;
  log::PartReference reference;
  std::shared_ptr<const log::Segment> segment;  // Where the entry is.
};

uint64_t AlignedBytes(const std::vector<DraftedRecord>& records);

class GroupsImpl final : public Groups {
 public:
  explicit GroupsImpl(DBImpl& db) : db_(db) {}

  absl::StatusOr<uint64_t> Append(std::span<const GroupWrite> writes) override;
  void SyncTo(uint64_t position, std::function<void(absl::Status)> done) override;
  uint64_t durable_position() const override;

  std::vector<GroupId> List() const override;
  std::optional<GroupInfo> Find(GroupId group) const override;
  std::optional<GroupPoint> Start(GroupId group) const override;
  std::optional<uint64_t> LastIndex(GroupId group) const override;
  std::optional<uint64_t> TermAt(GroupId group, uint64_t index) const override;
  absl::Status Read(GroupId group, uint64_t first, uint64_t end,
                    const std::function<bool(const GroupEntry&)>& visit) const override;
  uint64_t MarkOf(GroupId group) const override;
  GroupPressure Pressure() const override;

  // --- Marks, for the write path. The last two under its lock.

  absl::StatusOr<std::vector<DraftedRecord>> DraftMarks(std::span<const GroupMark> marks,
                                                        bool in_batch) const;
  absl::Status AppendMarks(std::vector<DraftedRecord>& marks);
  void SetMarks(const std::vector<DraftedRecord>& marks);

  // --- Values that are parts of entries, for the write path. The second under its lock.
  // None if the entry is not there or does not count as a value. InvalidArgument if it has other
  // bytes in that place.
  absl::StatusOr<std::optional<FoundPart>> FindPart(const EntryPart& part,
                                                    std::string_view value) const;
  // Whether the entries still stand where they were found.
  bool AreThere(std::span<const FoundPart> parts) const;

  // --- Recovery.

  void LoadMarks(const std::map<uint64_t, uint64_t>& marks);
  // A record that stands below the log boundary, where marks are in the manifest.
  absl::Status ReplayHeld(const log::Record& record, log::Position position,
                          const std::shared_ptr<const log::Segment>& segment);
  // One above it. Under the write path's lock.
  absl::Status Replay(const log::Record& record, log::Position position,
                      const std::shared_ptr<const log::Segment>& segment);
  absl::Status FinishReplay() const;

  // --- Space.

  // The first segment in which something of a group lives, or UINT32_MAX.
  uint32_t OldestLive() const;
  // Those of [begin, end) with any record of a group; they are sealed.
  std::vector<lsm::HeldSegment> HeldIn(uint32_t begin, uint32_t end) const;
  void ForgetBelow(uint32_t segment);
  // Whether so little lives in the oldest segments below `boundary` that it is worth moving.
  bool IsWorthMoving(uint32_t boundary) const;
  // Appends again what of the group lives in the segment, as far as one step goes. False if nothing
  // does.
  absl::StatusOr<bool> MoveTail(GroupId group, uint32_t segment);

 private:
  struct Found {  // An entry to be read, and what keeps it in place.
    groups::Place place;
    std::shared_ptr<const log::Segment> segment;
  };

  absl::Status CheckHasGroups() const;
  std::vector<DraftedRecord> Draft(std::vector<groups::GroupRecord>& records) const;
  absl::Status Plan(std::span<const GroupWrite> writes, groups::PlannedRecords* planned) const;
  // Appends and folds them as one batch. Under the write path's lock, with room made.
  absl::Status AppendRecords(std::vector<DraftedRecord>& records);
  absl::Status FindEntries(GroupId group, uint64_t first, uint64_t end,
                           std::vector<Found>* found) const;

  DBImpl& db_;
  mutable Mutex mutex_;
  groups::GroupSet set_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<GroupId, uint64_t> marks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nokv
