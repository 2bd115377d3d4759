#include "engine/groups/group_record.h"

#include "engine/base/check.h"
#include "engine/base/codec.h"

namespace nokv::groups {
namespace {

using log::RecordKind;

// The size of a key, or 0 if the kind is none of a group.
size_t KeyBytes(RecordKind kind) {
  switch (kind) {
    case RecordKind::kGroupEntry:
    case RecordKind::kGroupMoved:
      return 25;
    case RecordKind::kGroupState:
    case RecordKind::kGroupRestart:
      return 24;
    case RecordKind::kGroupEnd:
      return 8;
    case RecordKind::kGroupMark:
      return 16;
    default:
      return 0;
  }
}

}  // namespace

GroupKey::GroupKey(const GroupRecord& record) : size_(KeyBytes(record.kind)) {
  NOKV_CHECK(size_ > 0);
  StoreFixed(bytes_.data(), record.group);
  if (size_ >= 16) StoreFixed(bytes_.data() + 8, record.index);
  if (size_ >= 24) StoreFixed(bytes_.data() + 16, record.term);
  if (size_ == 25) bytes_[24] = static_cast<char>(record.tag);
}

log::RecordDraft MakeDraft(const GroupRecord& record, const GroupKey& key, bool in_batch) {
  const int flags = (in_batch ? log::kInBatch : 0) | (record.has_ordinal ? log::kHasOrdinal : 0);
  return log::RecordDraft({.kind = record.kind,
                           .flags = static_cast<uint8_t>(flags),
                           .column_family = 0,
                           .expiry_ms = 0,
                           .count = 0,
                           .key = key.view(),
                           .value = record.value});
}

absl::StatusOr<GroupRecord> ParseGroupRecord(const log::Record& record, std::string_view file,
                                             log::Position position) {
  const size_t key_bytes = KeyBytes(record.kind);
  const bool is_entry = record.kind == RecordKind::kGroupEntry ||  //
                        record.kind == RecordKind::kGroupMoved;
  const int known_flags = log::kInBatch | (is_entry ? log::kHasOrdinal : 0);
  const int other_flags = record.flags & ~known_flags;
  if (key_bytes == 0 || record.key.size() != key_bytes || other_flags != 0) {
    return DataLossError(
        "{} at {}: a record of kind {} with a key of {} bytes and flags {} is no "
        "record of a group",
        file, log::OffsetOf(position), static_cast<int>(record.kind), record.key.size(),
        record.flags);
  }
  GroupRecord parsed{
      .kind = record.kind, .value = record.value, .has_ordinal = record.has_ordinal()};
  const char* const key = record.key.data();
  parsed.group = LoadFixed<uint64_t>(key);
  if (key_bytes >= 16) parsed.index = LoadFixed<uint64_t>(key + 8);
  if (key_bytes >= 24) parsed.term = LoadFixed<uint64_t>(key + 16);
  if (key_bytes == 25) parsed.tag = static_cast<uint8_t>(key[24]);
  return parsed;
}

}  // namespace nokv::groups
