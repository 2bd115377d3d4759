#include "engine/lsm/version_edit.h"

#include "engine/base/codec.h"

namespace nokv::lsm {
namespace {

// Never renumbered, never reused.
enum class Tag : uint64_t {
  kDatabaseId = 1,
  kBootId = 2,
  kLogBoundary = 3,
  kNextFileNumber = 4,
  kNewFamily = 5,
  kDroppedFamily = 6,
  kNewTable = 7,
  kDeletedTable = 8,
  kSegment = 9,
  kFreedSegment = 10,
  kNewValueFile = 11,
  kDeletedValueFile = 12,
  kClosedLogEnd = 13,
  kHeldSegment = 14,
  kHeldBegin = 15,
  kMark = 16,
};

void PutTag(std::string& out, Tag tag) { PutVarint(out, static_cast<uint64_t>(tag)); }

void PutSummary(std::string& out, const table::TableSummary& summary) {
  for (const uint64_t number :
       {summary.size_bytes, summary.entries, summary.tombstones, summary.range_tombstones,
        summary.superseded, summary.expiring, summary.expiry_ms_min, summary.expiry_ms_max,
        summary.sequence_min, summary.sequence_max}) {
    PutVarint(out, number);
  }
  PutLengthPrefixed(out, summary.smallest_key);
  PutLengthPrefixed(out, summary.largest_key);
  PutVarint(out, summary.segments.size());
  for (const table::SegmentReference& reference : summary.segments) {
    PutVarint(out, reference.segment);
    PutVarint(out, reference.values);
    PutVarint(out, reference.record_bytes);
  }
}

bool ReadString(Decoder& in, std::string* text) {
  std::string_view view;
  if (!in.LengthPrefixed(&view)) return false;
  text->assign(view);
  return true;
}

bool ReadSummary(Decoder& in, table::TableSummary* summary) {
  for (uint64_t* number :
       {&summary->size_bytes, &summary->entries, &summary->tombstones, &summary->range_tombstones,
        &summary->superseded, &summary->expiring, &summary->expiry_ms_min, &summary->expiry_ms_max,
        &summary->sequence_min, &summary->sequence_max}) {
    if (!in.Varint(number)) return false;
  }
  uint64_t count = 0;
  if (!ReadString(in, &summary->smallest_key) || !ReadString(in, &summary->largest_key) ||
      !in.Varint(&count) || count > in.remaining()) {
    return false;
  }
  summary->segments.resize(count);
  for (table::SegmentReference& reference : summary->segments) {
    if (!in.Varint32(&reference.segment) || !in.Varint32(&reference.values) ||
        !in.Varint(&reference.record_bytes)) {
      return false;
    }
  }
  return true;
}

bool ReadFamilyId(Decoder& in, uint16_t* id) {
  uint32_t wide = 0;
  if (!in.Varint32(&wide) || wide > UINT16_MAX) return false;
  *id = static_cast<uint16_t>(wide);
  return true;
}

template <typename T>
bool ReadOptional(Decoder& in, std::optional<T>* value) {
  uint64_t number = 0;
  if (!in.Varint(&number) || number > std::numeric_limits<T>::max()) return false;
  *value = static_cast<T>(number);
  return true;
}

bool ReadField(Decoder& in, Tag tag, VersionEdit* edit) {
  switch (tag) {
    case Tag::kDatabaseId:
      return ReadOptional(in, &edit->database_id);
    case Tag::kBootId:
      return ReadOptional(in, &edit->boot_id);
    case Tag::kLogBoundary:
      return ReadOptional(in, &edit->log_boundary);
    case Tag::kNextFileNumber:
      return ReadOptional(in, &edit->next_file_number);
    case Tag::kNewFamily: {
      NewFamily& family = edit->new_families.emplace_back();
      return ReadFamilyId(in, &family.id) && ReadString(in, &family.name);
    }
    case Tag::kDroppedFamily:
      return ReadFamilyId(in, &edit->dropped_families.emplace_back());
    case Tag::kNewTable: {
      NewTable& table = edit->new_tables.emplace_back();
      return ReadFamilyId(in, &table.column_family) && in.Varint32(&table.level) &&
             in.Varint(&table.number) && ReadSummary(in, &table.summary);
    }
    case Tag::kDeletedTable: {
      DeletedTable& table = edit->deleted_tables.emplace_back();
      return ReadFamilyId(in, &table.column_family) && in.Varint32(&table.level) &&
             in.Varint(&table.number);
    }
    case Tag::kSegment: {
      NewSegment& segment = edit->segments.emplace_back();
      return in.Varint32(&segment.number) && in.Varint(&segment.size_bytes) &&
             in.Varint32(&segment.value_file);
    }
    case Tag::kFreedSegment:
      return in.Varint32(&edit->freed_segments.emplace_back());
    case Tag::kNewValueFile: {
      NewValueFile& file = edit->new_value_files.emplace_back();
      return in.Varint32(&file.number) && in.Varint(&file.size_bytes);
    }
    case Tag::kDeletedValueFile:
      return in.Varint32(&edit->deleted_value_files.emplace_back());
    case Tag::kClosedLogEnd:
      return ReadOptional(in, &edit->closed_log_end);
    case Tag::kHeldSegment: {
      HeldSegment& segment = edit->held_segments.emplace_back();
      return in.Varint32(&segment.number) && in.Varint(&segment.size_bytes);
    }
    case Tag::kHeldBegin:
      return ReadOptional(in, &edit->held_begin);
    case Tag::kMark: {
      GroupMarkEdit& mark = edit->marks.emplace_back();
      return in.Varint(&mark.group) && in.Varint(&mark.index);
    }
  }
  return false;
}

}  // namespace

std::string VersionEdit::Encode() const {
  std::string out;
  const auto put_optional = [&out](Tag tag, const auto& value) {
    if (!value.has_value()) return;
    PutTag(out, tag);
    PutVarint(out, *value);
  };
  put_optional(Tag::kDatabaseId, database_id);
  put_optional(Tag::kBootId, boot_id);
  put_optional(Tag::kLogBoundary, log_boundary);
  put_optional(Tag::kNextFileNumber, next_file_number);
  put_optional(Tag::kClosedLogEnd, closed_log_end);
  for (const NewFamily& family : new_families) {
    PutTag(out, Tag::kNewFamily);
    PutVarint(out, family.id);
    PutLengthPrefixed(out, family.name);
  }
  for (const uint16_t id : dropped_families) {
    PutTag(out, Tag::kDroppedFamily);
    PutVarint(out, id);
  }
  for (const NewTable& table : new_tables) {
    PutTag(out, Tag::kNewTable);
    PutVarint(out, table.column_family);
    PutVarint(out, table.level);
    PutVarint(out, table.number);
    PutSummary(out, table.summary);
  }
  for (const DeletedTable& table : deleted_tables) {
    PutTag(out, Tag::kDeletedTable);
    PutVarint(out, table.column_family);
    PutVarint(out, table.level);
    PutVarint(out, table.number);
  }
  for (const NewSegment& segment : segments) {
    PutTag(out, Tag::kSegment);
    PutVarint(out, segment.number);
    PutVarint(out, segment.size_bytes);
    PutVarint(out, segment.value_file);
  }
  for (const uint32_t segment : freed_segments) {
    PutTag(out, Tag::kFreedSegment);
    PutVarint(out, segment);
  }
  for (const NewValueFile& file : new_value_files) {
    PutTag(out, Tag::kNewValueFile);
    PutVarint(out, file.number);
    PutVarint(out, file.size_bytes);
  }
  for (const uint32_t number : deleted_value_files) {
    PutTag(out, Tag::kDeletedValueFile);
    PutVarint(out, number);
  }
  for (const HeldSegment& segment : held_segments) {
    PutTag(out, Tag::kHeldSegment);
    PutVarint(out, segment.number);
    PutVarint(out, segment.size_bytes);
  }
  put_optional(Tag::kHeldBegin, held_begin);
  for (const GroupMarkEdit& mark : marks) {
    PutTag(out, Tag::kMark);
    PutVarint(out, mark.group);
    PutVarint(out, mark.index);
  }
  return out;
}

absl::StatusOr<VersionEdit> VersionEdit::Decode(std::string_view bytes) {
  VersionEdit edit;
  Decoder in(bytes);
  while (in.remaining() > 0) {
    const size_t at = bytes.size() - in.remaining();
    uint64_t tag = 0;
    if (!in.Varint(&tag) || !ReadField(in, static_cast<Tag>(tag), &edit)) {
      return InvalidArgumentError("edit of {} bytes: field with tag {} at {} is malformed",
                                  bytes.size(), tag, at);
    }
  }
  return edit;
}

}  // namespace nokv::lsm
