#include "engine/log/record.h"

namespace nokv::log {
namespace {

// Field offsets in the header.
constexpr size_t kCrcAt = 0;
constexpr size_t kLengthAt = 4;
constexpr size_t kDurableAt = 8;
constexpr size_t kBodyAt = 16;  // From here to the end, the part whose checksum needs no position.
constexpr size_t kFamilyAt = 16;
constexpr size_t kKindAt = 18;
constexpr size_t kFlagsAt = 19;
constexpr size_t kKeySizeAt = 20;

uint32_t FinishCrc(uint32_t body_crc, uint32_t length, Position durable, Position position) {
  char tail[20];
  StoreFixed(tail, length);
  StoreFixed(tail + 4, durable);
  StoreFixed(tail + 12, position);
  return ExtendCrc32c(body_crc, {tail, sizeof(tail)});
}

// Parses the fields and sets the views; false if the sizes contradict each other.
bool ParseRecord(std::string_view bytes, Record* record) {
  const char* p = bytes.data();
  record->length = LoadFixed<uint32_t>(p + kLengthAt);
  record->durable = LoadFixed<uint64_t>(p + kDurableAt);
  record->column_family = LoadFixed<uint16_t>(p + kFamilyAt);
  record->kind = static_cast<RecordKind>(p[kKindAt]);
  record->flags = static_cast<uint8_t>(p[kFlagsAt]);
  record->key_size = LoadFixed<uint32_t>(p + kKeySizeAt);

  size_t offset = kRecordHeaderBytes;
  record->expiry_ms = 0;
  if ((record->flags & kHasExpiry) != 0) {
    if (record->length < offset + 8) return false;
    record->expiry_ms = LoadFixed<uint64_t>(p + offset);
    offset += 8;
  }
  const size_t key_size = record->kind == RecordKind::kBatch ? 0 : record->key_size;
  if (record->length < offset + key_size) return false;
  record->key = {p + offset, key_size};
  offset += key_size;
  record->value = {p + offset, record->length - offset};
  return true;
}

// That `bytes` are a record of just that length.
absl::Status CheckLength(std::string_view bytes, std::string_view file, uint64_t offset) {
  if (bytes.size() < kRecordHeaderBytes) {
    return DataLossError("{} at {}: a record of {} bytes is shorter than its header", file, offset,
                         bytes.size());
  }
  const auto length = LoadFixed<uint32_t>(bytes.data() + kLengthAt);
  if (length != bytes.size()) {
    return DataLossError("{} at {}: record length {} is not the {} that the key's handle tells",
                         file, offset, length, bytes.size());
  }
  return absl::OkStatus();
}

absl::Status ContradictionError(std::string_view file, uint64_t offset) {
  return DataLossError("{} at {}: record sizes contradict each other", file, offset);
}

// The checksum that the record's bytes should carry.
uint32_t ExpectedCrc(std::string_view bytes, uint32_t length, Position position) {
  const uint32_t body = Crc32c(bytes.substr(kBodyAt, length - kBodyAt));
  return FinishCrc(body, length, LoadFixed<uint64_t>(bytes.data() + kDurableAt), position);
}

}  // namespace

RecordDraft::RecordDraft(const Fields& fields)
    : flags_(fields.flags), kind_(fields.kind), column_family_(fields.column_family) {
  const bool has_expiry = (fields.flags & kHasExpiry) != 0;
  header_bytes_ = kRecordHeaderBytes + (has_expiry ? 8 : 0);
  length_ = static_cast<uint32_t>(header_bytes_ + fields.key.size() + fields.value.size());
  StoreFixed(header_ + kLengthAt, length_);
  StoreFixed(header_ + kFamilyAt, fields.column_family);
  header_[kKindAt] = static_cast<char>(fields.kind);
  header_[kFlagsAt] = static_cast<char>(fields.flags);
  StoreFixed(header_ + kKeySizeAt, fields.kind == RecordKind::kBatch
                                       ? fields.count
                                       : static_cast<uint32_t>(fields.key.size()));
  if (has_expiry) StoreFixed(header_ + kRecordHeaderBytes, fields.expiry_ms);

  uint32_t crc = Crc32c({header_ + kBodyAt, header_bytes_ - kBodyAt});
  crc = ExtendCrc32c(crc, fields.key);
  body_crc_ = ExtendCrc32c(crc, fields.value);
}

void RecordDraft::Finish(Position position, Position durable) {
  StoreFixed(header_ + kDurableAt, durable);
  StoreFixed(header_ + kCrcAt, FinishCrc(body_crc_, length_, durable, position));
}

RecordDraft BatchDraft(size_t members, std::string_view total) {
  return RecordDraft({.kind = RecordKind::kBatch,
                      .flags = 0,
                      .column_family = 0,
                      .expiry_ms = 0,
                      .count = static_cast<uint32_t>(members),
                      .key = {},
                      .value = total});
}

bool DecodeRecord(std::string_view bytes, Position position, Record* record) {
  if (bytes.size() < kRecordHeaderBytes) return false;
  const auto length = LoadFixed<uint32_t>(bytes.data() + kLengthAt);
  if (length < kRecordHeaderBytes || length > bytes.size()) return false;
  if (LoadFixed<uint32_t>(bytes.data() + kCrcAt) != ExpectedCrc(bytes, length, position)) {
    return false;
  }
  return ParseRecord(bytes, record);
}

absl::Status CheckRecord(std::string_view bytes, Position position, std::string_view file,
                         uint64_t offset, Record* record) {
  RETURN_IF_ERROR(CheckLength(bytes, file, offset));
  const auto found = LoadFixed<uint32_t>(bytes.data() + kCrcAt);
  const uint32_t expected = ExpectedCrc(bytes, static_cast<uint32_t>(bytes.size()), position);
  if (found != expected) {
    return DataLossError("{} at {}: record checksum {:#010x} is not {:#010x}", file, offset, found,
                         expected);
  }
  if (!ParseRecord(bytes, record)) return ContradictionError(file, offset);
  return absl::OkStatus();
}

absl::StatusOr<Record> PeekRecord(std::string_view bytes, std::string_view file, uint64_t offset) {
  RETURN_IF_ERROR(CheckLength(bytes, file, offset));
  Record record;
  if (!ParseRecord(bytes, &record)) return ContradictionError(file, offset);
  return record;
}

bool IsPlausibleHeader(std::string_view header, Position position, Position durable_min,
                       uint64_t bytes_max) {
  const char* p = header.data();
  const auto length = LoadFixed<uint32_t>(p + kLengthAt);
  const auto durable = LoadFixed<uint64_t>(p + kDurableAt);
  const auto kind = static_cast<uint8_t>(p[kKindAt]);
  const auto flags = static_cast<uint8_t>(p[kFlagsAt]);
  const bool is_batch = kind == static_cast<uint8_t>(RecordKind::kBatch);
  return length >= kRecordHeaderBytes && length <= bytes_max && durable <= position &&
         durable >= durable_min && IsKnown(static_cast<RecordKind>(kind)) &&
         flags <= (kHasExpiry | kInBatch | kHasOrdinal) &&
         (is_batch || LoadFixed<uint32_t>(p + kKeySizeAt) <= length - kRecordHeaderBytes);
}

void EncodeFileHeader(const FileHeader& header, char* to) {
  std::memset(to, 0, kFileHeaderBytes);
  StoreFixed(to, header.magic);
  StoreFixed(to + 8, header.version);
  StoreFixed(to + 12, header.number);
  StoreFixed(to + 16, header.boot_id);
  StoreFixed(to + 24, header.database_id);
  StoreFixed(to + 32, header.durable);
  StoreFixed(to + 60, Crc32c({to, 60}));
}

absl::StatusOr<FileHeader> DecodeFileHeader(std::string_view bytes, std::string_view file) {
  if (bytes.size() < kFileHeaderBytes) {
    return DataLossError("{}: {} bytes are too few for a header of {}", file, bytes.size(),
                         kFileHeaderBytes);
  }
  FileHeader header;
  header.magic = LoadFixed<uint64_t>(bytes.data());
  if (header.magic != kSegmentMagic && header.magic != kValuesMagic) {
    return DataLossError("{} at 0: magic {:#018x} is not a log file's", file, header.magic);
  }
  const auto version = LoadFixed<uint32_t>(bytes.data() + 8);
  const auto found = LoadFixed<uint32_t>(bytes.data() + 60);
  const uint32_t expected = Crc32c(bytes.substr(0, 60));
  if (found != expected) {
    return DataLossError("{} at 0: header checksum {:#010x} is not {:#010x}", file, found,
                         expected);
  }
  if (version > kFormatVersion) {
    return UnimplementedError("{}: format version {} is newer than {}, which this program reads",
                              file, version, kFormatVersion);
  }
  header.version = version;
  header.number = LoadFixed<uint32_t>(bytes.data() + 12);
  header.boot_id = LoadFixed<uint64_t>(bytes.data() + 16);
  header.database_id = LoadFixed<uint64_t>(bytes.data() + 24);
  header.durable = LoadFixed<uint64_t>(bytes.data() + 32);
  return header;
}

absl::Status CheckFileHeader(const FileHeader& found, uint64_t magic, uint32_t number,
                             uint64_t database_id, std::string_view file) {
  if (found.magic != magic) {
    return DataLossError("{} at 0: magic {:#018x} is not {:#018x}", file, found.magic, magic);
  }
  if (found.number != number) {
    return DataLossError("{}: the header says number {}, the name {}", file, found.number, number);
  }
  if (found.database_id != database_id) {
    return DataLossError("{}: belongs to database {:016x}, not to {:016x}", file, found.database_id,
                         database_id);
  }
  return absl::OkStatus();
}

}  // namespace nokv::log
