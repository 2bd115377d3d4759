// The record: what the log is made of. Format and invariants: README.md.
//
// Thread-safety: pure functions and values.
#pragma once

#include "engine/base/codec.h"
#include "engine/base/crc32c.h"
#include "engine/base/status.h"

#include <cstdint>
#include <string_view>

namespace nokv::log {

// segment << 32 | offset.
using Position = uint64_t;

constexpr Position MakePosition(uint32_t segment, uint32_t offset) {
  return static_cast<uint64_t>(segment) << 32 | offset;
}

constexpr uint32_t SegmentOf(Position position) { return static_cast<uint32_t>(position >> 32); }

constexpr uint32_t OffsetOf(Position position) { return static_cast<uint32_t>(position); }

enum class RecordKind : uint8_t {
  kSet = 1,
  kDelete = 2,
  kDeleteRange = 3,
  kBatch = 4,
  kFiller = 5,
  kFooter = 6,
  // Of groups, in segments of format version 2: see ../groups/README.md.
  kGroupEntry = 7,
  kGroupMoved = 8,
  kGroupState = 9,
  kGroupRestart = 10,
  kGroupEnd = 11,
  kGroupMark = 12,
  kSetPart = 13,  // A set whose value is part of an entry: its own is a PartReference.
};

constexpr bool IsGroupRecord(RecordKind kind) {
  return kind >= RecordKind::kGroupEntry && kind <= RecordKind::kGroupMark;
}

constexpr bool IsKnown(RecordKind kind) {
  return kind >= RecordKind::kSet && kind <= RecordKind::kSetPart;
}

// A change of one key or a range of keys.
constexpr bool IsChange(RecordKind kind) {
  return (kind >= RecordKind::kSet && kind <= RecordKind::kDeleteRange) ||
         kind == RecordKind::kSetPart;
}

enum RecordFlags : uint8_t {
  kHasExpiry = 1,
  kInBatch = 2,
  kHasOrdinal = 4,
};

inline constexpr uint32_t kFormatVersion = 2;        // The newest that is read.
inline constexpr uint32_t kFormatWithoutGroups = 1;  // Knows kinds 1 to 6 only.
inline constexpr uint32_t kFileHeaderBytes = 64;
inline constexpr uint32_t kRecordHeaderBytes = 24;
inline constexpr uint32_t kTrailerBytes = 24;
inline constexpr uint32_t kRecordAlignment = 8;

constexpr uint64_t AlignRecord(uint64_t bytes) {
  return (bytes + kRecordAlignment - 1) & ~uint64_t{kRecordAlignment - 1};
}

// A record, decoded. Views point into the bytes it was decoded from.
struct Record {
  RecordKind kind = RecordKind::kFiller;
  uint8_t flags = 0;
  uint16_t column_family = 0;
  uint32_t key_size = 0;  // Of a batch: the number of members.
  uint32_t length = 0;    // Without padding.
  Position durable = 0;
  uint64_t expiry_ms = 0;
  std::string_view key;
  std::string_view value;

  bool has_ordinal() const { return (flags & kHasOrdinal) != 0; }

  bool in_batch() const { return (flags & kInBatch) != 0; }
};

// The part of a record's header that is known before its position is: encoded once, outside of any
// lock, together with the checksum of everything but the position.
class RecordDraft {
 public:
  struct Fields {
    RecordKind kind;
    uint8_t flags;
    uint16_t column_family;
    uint64_t expiry_ms;  // Used if flags has kHasExpiry.
    uint32_t count;      // Of a batch.
    std::string_view key;
    std::string_view value;
  };

  explicit RecordDraft(const Fields& fields);

  uint32_t length() const { return length_; }

  uint64_t aligned_bytes() const { return AlignRecord(length_); }

  uint8_t flags() const { return flags_; }

  RecordKind kind() const { return kind_; }

  uint16_t column_family() const { return column_family_; }

  // Completes the header for `position`. The record is header(), then key, then value.
  void Finish(Position position, Position durable);

  std::string_view header() const { return {header_, header_bytes_}; }

 private:
  char header_[kRecordHeaderBytes + 8];
  uint32_t header_bytes_;
  uint32_t length_;
  uint32_t body_crc_;
  uint8_t flags_;
  RecordKind kind_;
  uint16_t column_family_;
};

// Announces a batch of `members` records, which follow. Its value, `total`, are eight bytes: how
// many the members take in the log.
RecordDraft BatchDraft(size_t members, std::string_view total);

// Decodes and checks the record whose bytes start at `bytes` and that was written for `position`.
// False if there is none: cut short, malformed, or a checksum that does not match. `length_max`
// bytes may be read.
bool DecodeRecord(std::string_view bytes, Position position, Record* record);

// The same for a record whose length is known and whose failure is damage: DataLoss naming `file`
// and `offset`, where the bytes were found.
absl::Status CheckRecord(std::string_view bytes, Position position, std::string_view file,
                         uint64_t offset, Record* record);

// The length that a record's header tells. Unchecked.
inline uint32_t RecordLength(std::string_view header) {
  return LoadFixed<uint32_t>(header.data() + 4);
}

// Whether kRecordHeaderBytes could begin a record at `position`: sizes, kind, flags and durability
// mark are possible. No checksum.
bool IsPlausibleHeader(std::string_view header, Position position, Position durable_min,
                       uint64_t bytes_max);

// As CheckRecord() without the checksum: for bytes this process wrote or has checked before. They
// may have come from the disk again since, so that their sizes are looked at each time.
absl::StatusOr<Record> PeekRecord(std::string_view bytes, std::string_view file, uint64_t offset);

// The header of a segment or a value file.
struct FileHeader {
  uint64_t magic = 0;
  uint32_t number = 0;
  uint64_t boot_id = 0;
  uint64_t database_id = 0;
  Position durable = 0;  // Of the log when the file was started: no record in it carries less.
  uint32_t version = kFormatWithoutGroups;
};

inline constexpr uint64_t kSegmentMagic = 0x0a474f4c564b4f4e;  // "NOKVLOG\n"
inline constexpr uint64_t kValuesMagic = 0x0a4c4156564b4f4e;   // "NOKVVAL\n"
inline constexpr uint64_t kSealMagic = 0x4c414553564b4f4e;     // "NOKVSEAL"
inline constexpr uint64_t kIndexMagic = 0x58444956564b4f4e;    // "NOKVVIDX"

// Writes kFileHeaderBytes at `to`.
void EncodeFileHeader(const FileHeader& header, char* to);

// DataLoss if it is none or damaged, Unimplemented if it is of a newer version. The caller checks
// magic and number against what it expects with CheckFileHeader.
absl::StatusOr<FileHeader> DecodeFileHeader(std::string_view bytes, std::string_view file);

absl::Status CheckFileHeader(const FileHeader& found, uint64_t magic, uint32_t number,
                             uint64_t database_id, std::string_view file);

}  // namespace nokv::log
