#include "percolator/mvcc/record.h"

#include "engine/base/codec.h"

#include <utility>

namespace nokv::mvcc {
namespace {

// Flags.
constexpr uint8_t kHasShortValue = 1;
constexpr uint8_t kHasExpiry = 2;
constexpr uint8_t kOverlapsRollback = 4;

constexpr uint8_t kWriteFlags = kHasShortValue | kHasExpiry | kOverlapsRollback;
constexpr uint8_t kLockFlags = kHasShortValue | kHasExpiry;

// Why a record can't be; empty if it can. The same questions when writing and when reading.
using Flaw = std::string_view;

// What write and lock records share: a put's expiry and its value, if short.
Flaw FlawOfPutFields(bool is_put, uint64_t expiry_ms,
                     const std::optional<std::string_view>& short_value) {
  if (short_value.has_value() && short_value->size() > kShortValueBytesMax) {
    return "short value is longer than 255 bytes";
  }
  if (!is_put && (short_value.has_value() || expiry_ms != 0)) {
    return "only a put has a value or an expiry";
  }
  return {};
}

Flaw FlawOf(const WriteRecord& record) {
  if (record.kind < WriteKind::kPut || record.kind > WriteKind::kRollback) return "unknown kind";
  if (!record.start.is_drawn()) return "start timestamp was never drawn";
  if (record.kind == WriteKind::kRollback && record.overlaps_rollback) {
    return "rollback mark that overlaps a rollback";
  }
  return FlawOfPutFields(record.kind == WriteKind::kPut, record.expiry_ms, record.short_value);
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
  return FlawOfPutFields(record.kind == LockKind::kPut, record.expiry_ms, record.short_value);
}

uint8_t PutFlags(uint64_t expiry_ms, bool has_short_value) {
  uint8_t flags = 0;
  if (has_short_value) flags |= kHasShortValue;
  if (expiry_ms != 0) flags |= kHasExpiry;
  return flags;
}

void AppendPutFields(std::string& out, uint64_t expiry_ms,
                     const std::optional<std::string_view>& short_value) {
  if (expiry_ms != 0) PutFixed(out, expiry_ms);
  if (!short_value.has_value()) return;
  out.push_back(static_cast<char>(short_value->size()));
  out.append(*short_value);
}

bool TakePutFields(Decoder& from, uint8_t flags, uint64_t* expiry_ms,
                   std::optional<std::string_view>* short_value) {
  if ((flags & kHasExpiry) != 0 && (!from.Fixed(expiry_ms) || *expiry_ms == 0)) return false;
  if ((flags & kHasShortValue) == 0) return true;
  uint8_t size = 0;
  std::string_view value;
  if (!from.Fixed(&size) || !from.Bytes(size, &value)) return false;
  *short_value = value;
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

}  // namespace

absl::StatusOr<std::string> EncodeWrite(const WriteRecord& record) {
  if (const Flaw flaw = FlawOf(record); !flaw.empty()) {
    return InvalidArgumentError("write record: {}", flaw);
  }
  uint8_t flags = PutFlags(record.expiry_ms, record.short_value.has_value());
  if (record.overlaps_rollback) flags |= kOverlapsRollback;
  std::string out;
  out.reserve(20 + (record.short_value.has_value() ? record.short_value->size() : 0));
  PutFixed(out, kRecordVersion);
  PutFixed(out, record.kind);
  PutFixed(out, flags);
  PutFixed(out, record.start.bits());
  AppendPutFields(out, record.expiry_ms, record.short_value);
  return out;
}

absl::StatusOr<WriteRecord> DecodeWrite(std::string_view bytes) {
  RETURN_IF_ERROR(CheckVersion("write", bytes));
  Decoder from(bytes.substr(1));
  WriteRecord record;
  uint8_t flags = 0;
  const bool is_whole = from.Fixed(&record.kind) && from.Fixed(&flags) &&
                        TakeTimestamp(from, &record.start) &&
                        TakePutFields(from, flags, &record.expiry_ms, &record.short_value);
  if (!is_whole || !from.done() || (flags & ~kWriteFlags) != 0) return Malformed("write", bytes);
  record.overlaps_rollback = (flags & kOverlapsRollback) != 0;
  if (const Flaw flaw = FlawOf(record); !flaw.empty()) {
    return DataLossError("write record: {}", flaw);
  }
  return record;
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
  PutFixed(out, PutFlags(record.expiry_ms, record.short_value.has_value()));
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
  std::optional<std::string_view> short_value;
  const bool is_whole = from.Fixed(&record.kind) && from.Fixed(&flags) &&
                        TakeTimestamp(from, &record.start) && from.Fixed(&record.ttl_ms) &&
                        TakeTimestamp(from, &record.min_commit) &&
                        from.Fixed(&record.secondaries) && from.Fixed(&primary_size) &&
                        from.Bytes(primary_size, &primary) &&
                        TakePutFields(from, flags, &record.expiry_ms, &short_value);
  if (!is_whole || !from.done() || (flags & ~kLockFlags) != 0) return Malformed("lock", bytes);
  record.primary = primary;
  if (short_value.has_value()) record.short_value.emplace(*short_value);
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
