// For tests: a log in memory that one thread writes, records built by the book, and bytes in hex.
//
// Thread-safety: none.
#pragma once

#include "engine/base/executor.h"
#include "engine/log/record.h"
#include "engine/log/segment.h"
#include "engine/log/writer.h"
#include "engine/vfs/mem_file_system.h"
#include "tests/support/require_ok.h"

#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nokv::log {

inline constexpr uint64_t kTestDatabase = 0x1122334455667788;
inline constexpr char kTestDirectory[] = "/db";

inline std::string ToHex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<uint8_t>(c));
  return hex;
}

template <typename T>
T Value(absl::StatusOr<T> value) {
  REQUIRE_OK(value.status());
  return *std::move(value);
}

// The checksum that README.md asks for.
inline uint32_t CrcByTheBook(std::string_view record, Position position) {
  std::string covered(record.substr(16));
  covered.append(record.substr(4, 12));  // Length and durability mark.
  PutFixed(covered, position);
  return Crc32c(covered);
}

// A record as README.md describes it, without padding: what RecordDraft must write.
inline std::string EncodeByTheBook(const RecordDraft::Fields& fields, Position position,
                                   Position durable) {
  std::string body;
  PutFixed(body, fields.column_family);
  PutFixed(body, static_cast<uint8_t>(fields.kind));
  PutFixed(body, fields.flags);
  PutFixed(body, fields.kind == RecordKind::kBatch ? fields.count
                                                   : static_cast<uint32_t>(fields.key.size()));
  if ((fields.flags & kHasExpiry) != 0) PutFixed(body, fields.expiry_ms);
  body.append(fields.key).append(fields.value);
  std::string record(4, '\0');
  PutFixed(record, static_cast<uint32_t>(16 + body.size()));
  PutFixed(record, durable);
  record += body;
  StoreFixed(record.data(), CrcByTheBook(record, position));
  return record;
}

inline std::string EncodeDraft(const RecordDraft::Fields& fields, Position position,
                               Position durable) {
  RecordDraft draft(fields);
  draft.Finish(position, durable);
  std::string bytes(draft.header());
  return bytes.append(fields.key).append(fields.value);
}

inline RecordDraft::Fields SetFields(std::string_view key, std::string_view value,
                                     uint8_t flags = 0) {
  return {.kind = RecordKind::kSet,
          .flags = flags,
          .column_family = 0,
          .expiry_ms = 0,
          .count = 0,
          .key = key,
          .value = value};
}

// A directory with a log, and the process that writes it.
struct TestLog {
  vfs::MemFileSystem files;
  ManualExecutor executor;
  ManualClock clock;
  std::unique_ptr<Writer> writer;

  TestLog() { REQUIRE_OK(files.CreateDirectory(kTestDirectory)); }

  static std::string PathOf(uint32_t number) {
    return vfs::JoinPath(kTestDirectory, SegmentFileName(number));
  }

  WriterOptions Options(vfs::FileSystem& on, bool map = true) {
    return {.files = &on,
            .executor = &executor,
            .clock = &clock,
            .directory = kTestDirectory,
            .database_id = kTestDatabase,
            .map = map};
  }

  void Start(uint32_t number = 1, uint64_t capacity_bytes = 16 << 10, bool map = true) {
    writer = std::make_unique<Writer>(Options(files, map));
    REQUIRE_OK(writer->OpenFirst(number, capacity_bytes, {}));
  }

  // Appends a record and tells where it is.
  Position Append(const RecordDraft::Fields& fields) {
    RecordDraft draft(fields);
    const Position position = writer->active()->NextPosition();
    REQUIRE(writer->active()->HasRoom(draft.aligned_bytes(), 1));
    REQUIRE_OK(writer->Append(draft, fields.key, fields.value));
    if ((fields.flags & kHasOrdinal) != 0) writer->active()->AddOrdinal(OffsetOf(position));
    writer->PublishAppended();
    return position;
  }

  Position Set(std::string_view key, std::string_view value = "value", uint8_t flags = 0) {
    return Append(SetFields(key, value, flags));
  }

  // Announces `count` members that take `member_bytes` in all.
  Position BatchHeader(uint32_t count, uint64_t member_bytes) {
    std::string value;
    PutFixed(value, member_bytes);
    return Append({.kind = RecordKind::kBatch,
                   .flags = 0,
                   .column_family = 0,
                   .expiry_ms = 0,
                   .count = count,
                   .key = {},
                   .value = value});
  }

  void Sync() { REQUIRE_OK(writer->SyncTo(writer->appended())); }

  void Roll(uint64_t capacity_bytes = 16 << 10) { REQUIRE_OK(writer->Roll(capacity_bytes, 0)); }

  // The process dies; what it wrote stays.
  void Kill() {
    writer.reset();
    executor.Clear();
    files.KillProcess();
  }

  void FlipBit(Position position, int bit = 0) {
    REQUIRE_OK(files.FlipBit(PathOf(SegmentOf(position)), OffsetOf(position), bit));
  }
};

}  // namespace nokv::log
