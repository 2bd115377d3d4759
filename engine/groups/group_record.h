// Records of groups, as bytes and back. Format and meaning: README.md.
//
// Thread-safety: pure functions and values.
#pragma once

#include "engine/base/status.h"
#include "engine/groups.h"
#include "engine/log/record.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace nokv::groups {

// Which fields mean something depends on the kind. Views point into what it was decoded from.
struct GroupRecord {
  log::RecordKind kind = log::RecordKind::kGroupEntry;
  GroupId group = 0;
  uint64_t index = 0;  // Of an entry, a start or a mark.
  uint64_t term = 0;   // Of an entry or a start.
  uint8_t tag = 0;     // Of an entry.
  std::string_view value = {};
  bool has_ordinal = false;  // Of an entry: it counts as a value, so that others may be part of it.

  bool is_entry() const {
    return kind == log::RecordKind::kGroupEntry || kind == log::RecordKind::kGroupMoved;
  }

  bool is_state() const {
    return kind == log::RecordKind::kGroupState || kind == log::RecordKind::kGroupRestart;
  }

  friend bool operator==(const GroupRecord&, const GroupRecord&) = default;
};

// The key of a record, in place.
class GroupKey {
 public:
  explicit GroupKey(const GroupRecord& record);

  std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, 25> bytes_{};
  size_t size_ = 0;
};

// The draft of the record with that key.
log::RecordDraft MakeDraft(const GroupRecord& record, const GroupKey& key, bool in_batch);

// What an entry takes in the log beside its payload, without padding.
inline constexpr uint32_t kEntryOverheadBytes = log::kRecordHeaderBytes + 25;

// DataLoss naming `file` and the offset for a record that is none of a group or malformed.
absl::StatusOr<GroupRecord> ParseGroupRecord(const log::Record& record, std::string_view file,
                                             log::Position position);

}  // namespace nokv::groups
