#include "percolator/mvcc/record.h"

#include "engine/base/codec.h"

#include <utility>

namespace nokv::mvcc {
namespace {

// Flags.
constexpr uint8_t kHasValue = 1;
constexpr uint8_t kHasExpiry = 2;
constexpr uint8_t kOverlapsRollback = 4;
constexpr uint8_t kHasLongSize = 8;  // Of the value, in two bytes: it is above 255.

constexpr uint8_t kWriteFlags = kHasValue | kHasExpiry | kOverlapsRollback | kHasLongSize;
constexpr uint8_t kLockFlags = kHasValue | kHasExpiry;

// Why a record can't be; empty if it can. The same questions when writing and when reading.
using Flaw = std::string_view;

// What write and lock records share: a put's expiry and its value, if it stands in the record.
Flaw FlawOfPutFields(bool is_put, uint64_t expiry_ms, std::optional<size_t> value_bytes,
                     size_t bytes_max) {
  if (value_bytes.has_value() && *value_bytes > bytes_max) {
    return "value is too long to stand in the record";
  }
  if (!is_put && (value_bytes.has_value() || expiry_ms != 0)) {
    return "only a put has a value or an expiry";
  }
  return {};
}

Flaw FlawOf(const WriteHead& head, size_t value_bytes) {
  if (head.kind < WriteKind::kPut || head.kind > WriteKind::kRollback) return "unknown kind";
  if (!head.start.is_drawn()) return "start timestamp was never drawn";
  if (head.kind == WriteKind::kRollback && head.overlaps_rollback) {
    return "rollback mark that overlaps a rollback";
  }
  return FlawOfPutFields(head.kind == WriteKind::kPut, head.expiry_ms,
                         head.has_value ? std::optional(value_bytes) : std::nullopt,
                         kInlineValueBytesMax);
}

Flaw FlawOf(const LockRecord& record) {
  if (record.kind < LockKind::kPut || record.kind > LockKind::kLockOnly) return "unknown kind";
  if (!record.start.is_drawn()) return "start timestamp was never drawn";
  if (record.min_commit != Timestamp() && record.min_commit <= record.start) {
    return "lowest commit timestamp is not above the start";
  }
  if (record.min_commit == Timestamp::Max()) return "lowest commit timestamp was never drawn";
  if (record.secondaries > kSecondariesMax) return "more than 256 secondaries";
  if (record.primary.empty()) return "no primary";
  if (record.primary.size() > kUserKeyBytesMax) return "primary is longer than 65536 bytes";
  return FlawOfPutFields(
      record.kind == LockKind::kPut, record.expiry_ms,
      record.short_value.has_value() ? std::optional(record.short_value->size()) : std::nullopt,
      kShortValueBytesMax);
}

uint8_t PutFlags(uint64_t expiry_ms, const std::optional<std::string_view>& value) {
  uint8_t flags = 0;
  if (value.has_value()) flags |= kHasValue;
  if (value.has_value() && value->size() > UINT8_MAX) flags |= kHasLongSize;
  if (expiry_ms != 0) flags |= kHasExpiry;
  return flags;
}

void AppendPutFields(std::string& out, uint64_t expiry_ms,
                     const std::optional<std::string_view>& value) {
  if (expiry_ms != 0) PutFixed(out, expiry_ms);
  if (!value.has_value()) return;
  if (value->size() > UINT8_MAX) {
    PutFixed(out, static_cast<uint16_t>(value->size()));
  } else {
    PutFixed(out, static_cast<uint8_t>(value->size()));
  }
  out.append(*value);
}

// No size if there is no value.
bool TakePutFields(Decoder& from, uint8_t flags, uint64_t* expiry_ms,
                   std::optional<uint16_t>* value_bytes) {
  if ((flags & kHasExpiry) != 0 && (!from.Fixed(expiry_ms) || *expiry_ms == 0)) return false;
  const bool has_long_size = (flags & kHasLongSize) != 0;
  if ((flags & kHasValue) == 0) return !has_long_size;
  if (has_long_size) return from.Fixed(&value_bytes->emplace()) && **value_bytes > UINT8_MAX;
  uint8_t size = 0;
  if (!from.Fixed(&size)) return false;
  *value_bytes = size;
  return true;
}

bool TakeTimestamp(Decoder& from, Timestamp* timestamp) {
  uint64_t bits = 0;
  if (!from.Fixed(&bits)) return false;
  *timestamp = Timestamp(bits);
  return true;
}

absl::Status CheckVersion(std::string_view what, std::string_view bytes) {
  if (bytes.empty()) return DataLossError("{} record is empty", what);
  const auto version = static_cast<uint8_t>(bytes.front());
  if (version == 0) return DataLossError("{} record has version 0", what);
  if (version > kRecordVersion) {
    return UnimplementedError("{} record has version {}, this program reads {}", what, version,
                              kRecordVersion);
  }
  return absl::OkStatus();
}

absl::Status Malformed(std::string_view what, std::string_view bytes) {
  return DataLossError("{} record of {} bytes is malformed: {}", what, bytes.size(),
                       ShowKey(bytes));
}

struct ParsedWriteHead {
  WriteHead head;
  size_t head_bytes = 0;
  size_t value_bytes = 0;  // Behind them.
};

absl::StatusOr<ParsedWriteHead> ParseWriteHead(std::string_view bytes) {
  RETURN_IF_ERROR(CheckVersion("write", bytes));
  Decoder from(bytes.substr(1));
  WriteHead head;
  uint8_t flags = 0;
  std::optional<uint16_t> value_bytes;
  const bool is_whole = from.Fixed(&head.kind) && from.Fixed(&flags) &&
                        TakeTimestamp(from, &head.start) &&
                        TakePutFields(from, flags, &head.expiry_ms, &value_bytes);
  if (!is_whole || (flags & ~kWriteFlags) != 0) return Malformed("write", bytes);
  head.overlaps_rollback = (flags & kOverlapsRollback) != 0;
  head.has_value = value_bytes.has_value();
  const size_t size = value_bytes.value_or(0);
  if (const Flaw flaw = FlawOf(head, size); !flaw.empty()) {
    return DataLossError("write record: {}", flaw);
  }
  return ParsedWriteHead{head, bytes.size() - from.remaining(), size};
}

}  // namespace

absl::StatusOr<std::string> EncodeWrite(const WriteRecord& record) {
  const WriteHead head{.kind = record.kind,
                       .start = record.start,
                       .overlaps_rollback = record.overlaps_rollback,
                       .expiry_ms = record.expiry_ms,
                       .has_value = record.value.has_value()};
  const size_t value_bytes = record.value.has_value() ? record.value->size() : 0;
  if (const Flaw flaw = FlawOf(head, value_bytes); !flaw.empty()) {
    return InvalidArgumentError("write record: {}", flaw);
  }
  uint8_t flags = PutFlags(record.expiry_ms, record.value);
  if (record.overlaps_rollback) flags |= kOverlapsRollback;
  std::string out;
  out.reserve(kWriteHeadBytesMax + value_bytes);
  PutFixed(out, kRecordVersion);
  PutFixed(out, record.kind);
  PutFixed(out, flags);
  PutFixed(out, record.start.bits());
  AppendPutFields(out, record.expiry_ms, record.value);
  return out;
}

absl::StatusOr<WriteRecord> DecodeWrite(std::string_view bytes) {
  ASSIGN_OR_RETURN(const auto parsed, ParseWriteHead(bytes));
  const WriteHead& head = parsed.head;
  if (bytes.size() != parsed.head_bytes + parsed.value_bytes) return Malformed("write", bytes);
  WriteRecord record{.kind = head.kind,
                     .start = head.start,
                     .overlaps_rollback = head.overlaps_rollback,
                     .expiry_ms = head.expiry_ms};
  if (head.has_value) record.value = bytes.substr(parsed.head_bytes);
  return record;
}

size_t WriteHeadBytes(std::string_view bytes) {
  const auto parsed = ParseWriteHead(bytes);
  const bool is_whole = parsed.ok() && bytes.size() == parsed->head_bytes + parsed->value_bytes;
  return is_whole ? parsed->head_bytes : 0;
}

absl::StatusOr<WriteHead> DecodeWriteHead(std::string_view bytes) {
  ASSIGN_OR_RETURN(const auto parsed, ParseWriteHead(bytes));
  const size_t behind = bytes.size() - parsed.head_bytes;
  if (behind != 0 && behind != parsed.value_bytes) return Malformed("write", bytes);
  return parsed.head;
}

std::string_view KindName(LockKind kind) {
  switch (kind) {
    case LockKind::kPut:
      return "put";
    case LockKind::kDelete:
      return "delete";
    case LockKind::kLockOnly:
      return "lock only";
  }
  return "unknown";
}

absl::StatusOr<std::string> EncodeLock(const LockRecord& record) {
  if (const Flaw flaw = FlawOf(record); !flaw.empty()) {
    return InvalidArgumentError("lock record: {}", flaw);
  }
  std::string out;
  PutFixed(out, kRecordVersion);
  PutFixed(out, record.kind);
  PutFixed(out, PutFlags(record.expiry_ms, record.short_value));
  PutFixed(out, record.start.bits());
  PutFixed(out, record.ttl_ms);
  PutFixed(out, record.min_commit.bits());
  PutFixed(out, record.secondaries);
  PutFixed(out, static_cast<uint32_t>(record.primary.size()));
  out.append(record.primary);
  AppendPutFields(out, record.expiry_ms, record.short_value);
  return out;
}

absl::StatusOr<LockRecord> DecodeLock(std::string_view bytes) {
  RETURN_IF_ERROR(CheckVersion("lock", bytes));
  Decoder from(bytes.substr(1));
  LockRecord record;
  uint8_t flags = 0;
  uint32_t primary_size = 0;
  std::string_view primary;
  std::optional<uint16_t> value_bytes;
  std::string_view value;
  const bool is_whole = from.Fixed(&record.kind) && from.Fixed(&flags) &&
                        TakeTimestamp(from, &record.start) && from.Fixed(&record.ttl_ms) &&
                        TakeTimestamp(from, &record.min_commit) &&
                        from.Fixed(&record.secondaries) && from.Fixed(&primary_size) &&
                        from.Bytes(primary_size, &primary) &&
                        TakePutFields(from, flags, &record.expiry_ms, &value_bytes) &&
                        from.Bytes(value_bytes.value_or(0), &value);
  if (!is_whole || !from.done() || (flags & ~kLockFlags) != 0) return Malformed("lock", bytes);
  record.primary = primary;
  if (value_bytes.has_value()) record.short_value.emplace(value);
  if (const Flaw flaw = FlawOf(record); !flaw.empty()) {
    return DataLossError("lock record: {}", flaw);
  }
  return record;
}

absl::StatusOr<std::string> EncodeValue(std::string_view value) {
  if (value.size() > kValueBytesMax) {
    return InvalidArgumentError("value of {} bytes is longer than {}", value.size(),
                                kValueBytesMax);
  }
  std::string out;
  out.reserve(1 + value.size());
  PutFixed(out, kRecordVersion);
  out.append(value);
  return out;
}

absl::StatusOr<std::string_view> DecodeValue(std::string_view bytes) {
  RETURN_IF_ERROR(CheckVersion("value", bytes));
  return bytes.substr(1);
}

}  // namespace nokv::mvcc
