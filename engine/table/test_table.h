// For tests: tables in strings, and versions that own their bytes.
//
// Thread-safety: none, but StringFile is safe.
#pragma once

#include "engine/base/random.h"
#include "engine/table/table.h"
#include "engine/table/table_builder.h"
#include "tests/support/require_ok.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace nokv::table {

class StringWriter final : public vfs::WritableFile {
 public:
  absl::Status Append(std::string_view appended) override {
    if (fails) return InternalError("the disk says no");
    bytes.append(appended);
    synced = false;
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    if (sync_fails) return InternalError("the disk says no to sync");
    synced = true;
    return absl::OkStatus();
  }

  std::string bytes;
  bool synced = false;
  bool fails = false;
  bool sync_fails = false;
};

class StringFile final : public vfs::ReadableFile {
 public:
  explicit StringFile(std::string bytes) : bytes_(std::move(bytes)) {}

  absl::Status Read(uint64_t offset, size_t size, char* buffer) const override {
    if (offset > bytes_.size() || size > bytes_.size() - offset) {
      return DataLossError("string file: {} bytes at {} of {}", size, offset, bytes_.size());
    }
    if (size > 0) std::memcpy(buffer, bytes_.data() + offset, size);
    return absl::OkStatus();
  }

  uint64_t size_bytes() const override { return bytes_.size(); }

 private:
  const std::string bytes_;
};

// An Entry that owns its bytes.
struct Version {
  std::string key = {};
  Sequence sequence = 0;
  EntryKind kind = EntryKind::kDelete;
  uint64_t expiry_ms = 0;
  std::string value = {};
  ValueHandle handle = {};
  ValuePart part = {};

  static Version Of(const Entry& entry) {
    return {.key = std::string(entry.key),
            .sequence = entry.sequence,
            .kind = entry.kind,
            .expiry_ms = entry.expiry_ms,
            .value = std::string(entry.value),
            .handle = entry.handle,
            .part = entry.part};
  }

  Entry entry() const {
    return {.key = key,
            .sequence = sequence,
            .kind = kind,
            .expiry_ms = expiry_ms,
            .value = value,
            .handle = handle,
            .part = part};
  }

  friend bool operator==(const Version&, const Version&) = default;

  friend bool operator<(const Version& a, const Version& b) {
    return CompareVersions(a.key, a.sequence, b.key, b.sequence) < 0;
  }
};

inline Version Inline(std::string key, Sequence sequence, std::string value) {
  return {.key = std::move(key),
          .sequence = sequence,
          .kind = EntryKind::kInline,
          .value = std::move(value)};
}

inline Version Handle(std::string key, Sequence sequence, ValueHandle handle) {
  return {
      .key = std::move(key), .sequence = sequence, .kind = EntryKind::kHandle, .handle = handle};
}

inline Version Part(std::string key, Sequence sequence, ValueHandle handle, ValuePart part) {
  return {.key = std::move(key),
          .sequence = sequence,
          .kind = EntryKind::kPart,
          .handle = handle,
          .part = part};
}

inline Version Deletion(std::string key, Sequence sequence) {
  return {.key = std::move(key), .sequence = sequence};
}

struct BuiltTable {
  std::string bytes;
  TableSummary summary;
};

inline BuiltTable Build(const std::vector<Version>& versions,
                        const std::vector<RangeTombstone>& tombstones = {},
                        const BuilderOptions& options = {}) {
  StringWriter file;
  TableBuilder builder(options, file);
  for (const Version& version : versions) builder.Add(version.entry());
  for (const RangeTombstone& tombstone : tombstones) builder.AddRangeTombstone(tombstone);
  absl::StatusOr<TableSummary> summary = builder.Finish();
  REQUIRE_OK(summary.status());
  REQUIRE(file.synced);
  return {.bytes = std::move(file.bytes), .summary = *std::move(summary)};
}

inline absl::StatusOr<std::shared_ptr<const Table>> Open(std::string bytes, BlockCache& cache) {
  return Table::Open(std::make_unique<StringFile>(std::move(bytes)), "t.nkt", cache);
}

inline std::shared_ptr<const Table> OpenOrDie(std::string bytes, BlockCache& cache) {
  absl::StatusOr<std::shared_ptr<const Table>> table = Open(std::move(bytes), cache);
  REQUIRE_OK(table.status());
  return *std::move(table);
}

// What Get() must answer: the first version at or after (key, bound), if it is one of `key`.
inline std::optional<Version> Expected(const std::vector<Version>& versions, const std::string& key,
                                       Sequence bound) {
  const auto at = std::lower_bound(versions.begin(), versions.end(), Deletion(key, bound));
  if (at == versions.end() || at->key != key) return std::nullopt;
  return *at;
}

// Sorts, and keeps one of equal versions.
inline void Normalize(std::vector<Version>* versions) {
  std::stable_sort(versions->begin(), versions->end());
  const auto same = [](const Version& a, const Version& b) {
    return a.key == b.key && a.sequence == b.sequence;
  };
  versions->erase(std::unique(versions->begin(), versions->end(), same), versions->end());
}

inline Sequence At(uint32_t segment, uint32_t offset) { return Sequence{segment} << 32 | offset; }

}  // namespace nokv::table
