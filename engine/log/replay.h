// Reads the log back after a crash: the longest valid prefix, and what to make of anything behind
// it. The rules are the table "Recovery" in README.md.
//
// Thread-safety: pure but for the files it reads.
#pragma once

#include "engine/base/status.h"
#include "engine/log/record.h"
#include "engine/log/segment.h"
#include "engine/vfs/file_system.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nokv::log {

struct ReplayOptions {
  std::string directory;
  uint32_t first_segment = 1;  // Everything before it is in tables.
  uint64_t database_id = 0;
  uint64_t current_boot_id = 0;
  uint64_t last_boot_id = 0;  // Of the process that wrote last, for segments without a header.
  // Set if the log was closed: every segment from first_segment to before this one is there, sealed
  // and durable, so that nothing that is wrong with them is a crash's doing.
  std::optional<uint32_t> closed_end;
  bool read_only = false;
  bool map = true;
};

inline constexpr uint32_t kNoOrdinal = UINT32_MAX;

struct ReplayedRecord {
  Record record;
  Position position = 0;
  uint32_t ordinal = kNoOrdinal;
};

struct ReplayedSegment {
  std::shared_ptr<Segment> segment;
  uint32_t end_offset = 0;  // Where its records end: where to end and seal it if it is not sealed.
};

struct ReplayResult {
  std::vector<ReplayedSegment> segments;  // In order.
  // Behind the end, and the last one if nothing is in it: to be removed, highest first, before
  // anything is sealed. Their numbers are free again.
  std::vector<uint32_t> segments_to_remove;

  uint64_t records = 0;
  uint64_t bytes = 0;
  uint64_t bytes_cut = 0;    // Bytes of an unfinished record, as far as its length can be told.
  uint64_t records_cut = 0;  // Valid records behind the end.
  std::string cut_position;  // Empty if nothing was cut.
};

// Calls `begin` for each segment of the prefix, and then `visit` for each
// of its records in order, the members of a batch only once the whole batch is
// known to be there. `numbers` are the segments in the directory, ascending. DataLoss if something
// is damaged that can't be the end of a crashed log; errors of `visit` end the replay.
absl::StatusOr<ReplayResult> ReplaySegments(
    vfs::FileSystem& files, const std::vector<uint32_t>& numbers, const ReplayOptions& options,
    const std::function<void(const std::shared_ptr<Segment>&)>& begin,
    const std::function<absl::Status(const ReplayedRecord&, const std::shared_ptr<Segment>&)>&
        visit);

// Visits the records of a segment that was sealed and durable long ago; DataLoss if it isn't whole.
absl::Status WalkSealed(
    const Segment& segment,
    const std::function<absl::Status(const Record& record, Position position)>& visit);

}  // namespace nokv::log
