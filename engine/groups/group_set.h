// All groups of a database: what each record does to them, and which segments they hold.
//
// Invariant: a set is nothing but its records, folded in the order of the log. Whoever appends a
// record folds it; opening a database folds them again and comes to the same set.
//
// Thread-safety: none.
#pragma once

#include "engine/base/status.h"
#include "engine/groups.h"
#include "engine/groups/group_index.h"
#include "engine/groups/group_record.h"
#include "engine/log/segment.h"

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace nokv::groups {

// Something of a group that lives in a segment.
struct Tail {
  GroupId group = 0;
  uint64_t index = 0;  // 0: the state.
  uint64_t term = 0;
  Place place;
};

// The records of an append, in their order.
struct PlannedRecords {
  std::vector<GroupRecord> records;  // Refer to the bytes of the writes and of `states`.
  std::deque<std::string> states;    // Those that go on as they are.
};

class GroupSet {
 public:
  // Whether `write` can be done. InvalidArgument that says why not.
  absl::Status Check(const GroupWrite& write) const;

  // Adds the records that do `write`, which was checked.
  void Plan(const GroupWrite& write, PlannedRecords* planned) const;

  // Does what the record says that stands at `position` of `segment`. DataLoss for a record that
  // no log of ours would hold there. Marks are somebody else's.
  absl::Status Fold(const GroupRecord& record, log::Position position, uint32_t record_bytes,
                    const std::shared_ptr<const log::Segment>& segment);

  // After the last record of a replay. DataLoss if a group isn't whole.
  absl::Status Finish() const;

  // Null if there is none.
  const GroupIndex* Find(GroupId group) const;

  std::vector<GroupId> List() const;

  const SegmentUses& uses() const { return uses_; }

  void ForgetBelow(uint32_t segment) { uses_.ForgetBelow(segment); }

  // What of the group lives in the segment, up to about `bytes_max`.
  std::vector<Tail> TailsIn(GroupId group, uint32_t segment, uint64_t bytes_max) const;

  // The groups with entries in the segment, those with most bytes there first.
  std::vector<GroupId> EntriesIn(uint32_t segment) const;

 private:
  std::unordered_map<GroupId, GroupIndex> groups_;
  SegmentUses uses_;
};

}  // namespace nokv::groups
