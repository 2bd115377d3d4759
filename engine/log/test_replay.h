// For tests of replay: what it answers, as a value.
//
// Thread-safety: none.
#pragma once

#include "engine/log/replay.h"
#include "engine/log/test_log.h"

#include <optional>
#include <string>
#include <vector>

namespace nokv::log {
inline constexpr uint64_t kOtherBoot = 0xffff'0000;

struct Answer {
  absl::Status status;
  ReplayResult result;
  std::vector<std::string> keys;
  std::vector<ReplayedRecord> records;  // Their views are gone.
  std::vector<uint32_t> begun;
};

struct Where {
  bool other_boot = false;  // Power was lost since the log was written.
  uint32_t first_segment = 1;
  std::optional<uint32_t> closed_end = {};
  bool map = true;
};

inline Answer Replay(TestLog& log, const Where& where = {}) {
  Answer answer;
  std::vector<uint32_t> numbers;
  for (const std::string& name : Value(log.files.List(kTestDirectory))) {
    if (name.ends_with(".log")) numbers.push_back(static_cast<uint32_t>(std::stoul(name)));
  }
  const uint64_t boot_id = log.files.BootId();
  ReplayOptions options;
  options.directory = kTestDirectory;
  options.first_segment = where.first_segment;
  options.database_id = kTestDatabase;
  options.current_boot_id = where.other_boot ? kOtherBoot : boot_id;
  options.last_boot_id = boot_id;
  options.closed_end = where.closed_end;
  options.map = where.map;
  auto result = ReplaySegments(
      log.files, numbers, options,
      [&](const std::shared_ptr<Segment>& segment) { answer.begun.push_back(segment->number()); },
      [&](const ReplayedRecord& replayed, const std::shared_ptr<Segment>& segment) {
        REQUIRE(SegmentOf(replayed.position) == segment->number());
        answer.keys.emplace_back(replayed.record.key);
        answer.records.push_back(replayed);
        return absl::OkStatus();
      });
  answer.status = result.status();
  if (result.ok()) answer.result = *std::move(result);
  return answer;
}

using Keys = std::vector<std::string>;

inline void RequireNoRecordCut(const Answer& answer) {
  REQUIRE_OK(answer.status);
  REQUIRE(answer.result.records_cut == 0);
  REQUIRE(answer.result.bytes_cut == 0);
  REQUIRE(answer.result.cut_position.empty());
}

inline void RequireNothingCut(const Answer& answer) {
  RequireNoRecordCut(answer);
  REQUIRE(answer.result.segments_to_remove.empty());
}

// DataLoss that tells where the records end, and `why` that is no crash's doing.
inline void RequireDamage(const Answer& answer, Position end, const std::string& why) {
  INFO(answer.status.ToString());
  REQUIRE(absl::IsDataLoss(answer.status));
  const std::string where = fmt::format(" at {}: no valid record", OffsetOf(end));
  REQUIRE_THAT(std::string(answer.status.message()),
               Catch::Contains(where) && Catch::Contains(why));
}

inline void RequireCutAt(const Answer& answer, Position end) {
  REQUIRE_OK(answer.status);
  REQUIRE_THAT(answer.result.cut_position,
               Catch::Contains(std::to_string(SegmentOf(end))) &&
                   Catch::EndsWith(fmt::format(" at {}", OffsetOf(end))));
}

}  // namespace nokv::log
