// One change of the set of files, as the manifest records it: all of it happens or nothing.
//
// Encoding: a sequence of varint tag, then the fields of that tag. An unknown tag is an error, so a
// new tag means a new manifest version.
//
// Thread-safety: values.
#pragma once

#include "engine/base/status.h"
#include "engine/table/table_builder.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::lsm {

struct NewTable {
  uint16_t column_family = 0;
  uint32_t level = 0;
  uint64_t number = 0;
  table::TableSummary summary;
  double replaced_share = 0;  // See TableFile. Not written to the manifest.

  friend bool operator==(const NewTable&, const NewTable&) = default;
};

struct DeletedTable {
  uint16_t column_family = 0;
  uint32_t level = 0;
  uint64_t number = 0;

  friend bool operator==(const DeletedTable&, const DeletedTable&) = default;
};

struct NewFamily {
  uint16_t id = 0;
  std::string name;

  friend bool operator==(const NewFamily&, const NewFamily&) = default;
};

// A sealed segment below the log boundary whose values tables may refer to.
struct NewSegment {
  uint32_t number = 0;
  uint64_t size_bytes = 0;
  uint32_t value_file = 0;  // Where its values live: 0 for the segment's own file.

  friend bool operator==(const NewSegment&, const NewSegment&) = default;
};

struct NewValueFile {
  uint32_t number = 0;
  uint64_t size_bytes = 0;

  friend bool operator==(const NewValueFile&, const NewValueFile&) = default;
};

// A sealed segment below the log boundary with records of groups, see ../groups.
struct HeldSegment {
  uint32_t number = 0;
  uint64_t size_bytes = 0;

  friend bool operator==(const HeldSegment&, const HeldSegment&) = default;
};

// Up to where the tables have a group's data.
struct GroupMarkEdit {
  uint64_t group = 0;
  uint64_t index = 0;  // 0: the group is gone.

  friend bool operator==(const GroupMarkEdit&, const GroupMarkEdit&) = default;
};

struct VersionEdit {
  std::optional<uint64_t> database_id;
  std::optional<uint64_t> boot_id;       // Of the process that writes the manifest.
  std::optional<uint32_t> log_boundary;  // First segment that recovery replays.
  std::optional<uint64_t> next_file_number;
  // The database was closed: its log has every segment from the boundary to before this one, sealed
  // and durable. The next edit takes it back.
  std::optional<uint32_t> closed_log_end;
  std::vector<NewFamily> new_families;
  std::vector<uint16_t> dropped_families;
  std::vector<NewTable> new_tables;
  std::vector<DeletedTable> deleted_tables;
  std::vector<NewSegment> segments;      // Added, or moved to another value file.
  std::vector<uint32_t> freed_segments;  // No table refers to them any more.
  std::vector<NewValueFile> new_value_files;
  std::vector<uint32_t> deleted_value_files;
  // In manifests of version 2 only.
  std::vector<HeldSegment> held_segments;
  std::optional<uint32_t> held_begin;  // Held segments below it are held no more. Only grows.
  std::vector<GroupMarkEdit> marks;

  std::string Encode() const;

  // InvalidArgument telling the tag that is malformed.
  static absl::StatusOr<VersionEdit> Decode(std::string_view bytes);

  friend bool operator==(const VersionEdit&, const VersionEdit&) = default;
};

}  // namespace nokv::lsm
