// What stands in the three families: write records, lock records, value records.
//
// A record has one encoding: what decodes, encodes to the same bytes. Decoding takes any bytes and
// never reads past their end. Formats and upgrade rule: README.md.
//
// Thread-safety: pure functions and values.
#pragma once

#include "engine/base/status.h"
#include "percolator/mvcc/key_codec.h"
#include "percolator/mvcc/timestamp.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nokv::mvcc {

inline constexpr uint8_t kRecordVersion = 1;
inline constexpr size_t kShortValueBytesMax = 255;    // In a lock.
inline constexpr size_t kInlineValueBytesMax = 4096;  // In a write record.
inline constexpr size_t kValueBytesMax = 64 << 20;    // Servers set a lower limit of their own.
inline constexpr uint32_t kSecondariesMax = 256;

enum class WriteKind : uint8_t {
  kPut = 1,
  kDelete = 2,
  kLockOnly = 3,  // A transaction that read the key and wants nobody to have changed it.
  kRollback = 4,  // The transaction that began here will never commit.
};

// Whether readers look for it: the others they pass over.
constexpr bool IsVersion(WriteKind kind) {
  return kind == WriteKind::kPut || kind == WriteKind::kDelete;
}

// What a transaction left on a key, found under its commit timestamp.
struct WriteRecord {
  WriteKind kind = WriteKind::kPut;
  Timestamp start = {};
  // The transaction that began at this record's commit timestamp was rolled back, and its mark
  // would stand here.
  bool overlaps_rollback = false;
  // Of a put: the time from which the value is gone, in Unix milliseconds; 0 for never.
  uint64_t expiry_ms = 0;
  // Of a put: the value, or nothing if it lies in the default family at `start`.
  std::optional<std::string_view> value = {};

  bool operator==(const WriteRecord&) const = default;
};

// A write record without its value, which whoever looks for conflicts, or for keys only, has no use
// for.
struct WriteHead {
  WriteKind kind = WriteKind::kPut;
  Timestamp start = {};
  bool overlaps_rollback = false;
  uint64_t expiry_ms = 0;
  bool has_value = false;  // Of a put: it stands in the record.

  bool operator==(const WriteHead&) const = default;
};

// InvalidArgument for a record that can't be: see README.md for the bounds.
absl::StatusOr<std::string> EncodeWrite(const WriteRecord& record);

// DataLoss if it is no write record, Unimplemented if a newer version wrote it. The value
// points into `bytes`.
absl::StatusOr<WriteRecord> DecodeWrite(std::string_view bytes);

inline constexpr size_t kWriteHeadBytesMax = 3 + 8 + 8 + 2;

// How many bytes of a write record stand before the value's, at most kWriteHeadBytesMax; 0 if
// `bytes` are not a whole record.
size_t WriteHeadBytes(std::string_view bytes);

// The head of a record, from its first WriteHeadBytes() or from all of it. As DecodeWrite().
absl::StatusOr<WriteHead> DecodeWriteHead(std::string_view bytes);

enum class LockKind : uint8_t { kPut = 1, kDelete = 2, kLockOnly = 3 };

std::string_view KindName(LockKind kind);

// A transaction between its prewrite of a key and its end.
struct LockRecord {
  LockKind kind = LockKind::kPut;
  std::string primary = {};  // The user key whose lock decides for all of the transaction.
  Timestamp start = {};
  uint32_t ttl_ms = 0;        // From the milliseconds of `start` on. Its owner extends it.
  Timestamp min_commit = {};  // The transaction commits here or later; 0: anywhere after `start`.
  uint32_t secondaries = 0;   // Reserved for commits that are decided by all keys together.
  uint64_t expiry_ms = 0;     // As in WriteRecord.
  std::optional<std::string> short_value = {};

  // Whether a reader at `timestamp` must know first what becomes of the transaction.
  bool Blocks(Timestamp timestamp) const {
    return kind != LockKind::kLockOnly && start <= timestamp && min_commit <= timestamp;
  }

  // Whether its owner may be taken for dead at `now`, a timestamp of the same oracle.
  bool HasRunOut(Timestamp now) const { return start.millis() + ttl_ms <= now.millis(); }

  bool operator==(const LockRecord&) const = default;
};

absl::StatusOr<std::string> EncodeLock(const LockRecord& record);
absl::StatusOr<LockRecord> DecodeLock(std::string_view bytes);

// InvalidArgument above kValueBytesMax.
absl::StatusOr<std::string> EncodeValue(std::string_view value);

// A view into `bytes`.
absl::StatusOr<std::string_view> DecodeValue(std::string_view bytes);

}  // namespace nokv::mvcc
