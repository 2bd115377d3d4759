// A log that was closed is whole: what is missing or wrong is damage, whatever the boot.
#include "engine/log/test_replay.h"

namespace nokv::log {
namespace {

// Two segments with three records, closed. Returns the position behind the last record.
Position WriteAndClose(TestLog& log) {
  log.Start();
  log.Set("a");
  log.Roll();
  log.Set("b", std::string(300, 'b'), kHasOrdinal);
  log.Set("c", std::string(300, 'c'), kHasOrdinal);
  const Position end = log.writer->appended();
  REQUIRE(Value(log.writer->Close()) == 3);
  log.Kill();
  return end;
}

Answer ReplayClosed(TestLog& log, uint32_t closed_end = 3) {
  return Replay(log, {.other_boot = GENERATE(false, true), .closed_end = closed_end});
}

void RequireDamageOf(const Answer& answer, const std::string& file) {
  INFO(answer.status.ToString());
  REQUIRE(absl::IsDataLoss(answer.status));
  REQUIRE_THAT(std::string(answer.status.message()), Catch::Contains(file));
}

}  // namespace

TEST_CASE("a closed log replays whole", "[log][replay][closed]") {
  TestLog log;
  WriteAndClose(log);
  const Answer answer = ReplayClosed(log);
  RequireNothingCut(answer);
  REQUIRE(answer.keys == Keys{"a", "b", "c"});
  REQUIRE(answer.result.segments.size() == 2);
}

TEST_CASE("a segment that a closed log lost is missed", "[log][replay][closed]") {
  const uint32_t lost = GENERATE(1, 2);
  TestLog log;
  WriteAndClose(log);
  REQUIRE_OK(log.files.Remove(log.PathOf(lost)));
  const Answer answer = ReplayClosed(log);
  RequireDamageOf(answer, SegmentFileName(lost) + ": missing");
}

TEST_CASE("a closed log that is all missing is missed too", "[log][replay][closed]") {
  TestLog log;
  RequireDamageOf(ReplayClosed(log), "000001.log: missing");
  RequireNothingCut(ReplayClosed(log, 1));
}

TEST_CASE("a changed byte anywhere in the last segment of a closed log is damage",
          "[log][replay][closed][damage]") {
  const bool other_boot = GENERATE(false, true);
  TestLog log;
  const Position end = WriteAndClose(log);
  const uint64_t size = Value(log.files.FileSize(log.PathOf(2)));
  int unseen = 0;
  for (uint32_t offset = 0; offset < size; ++offset) {
    log.FlipBit(MakePosition(2, offset), static_cast<int>(offset % 8));
    const Answer answer = Replay(log, {.other_boot = other_boot, .closed_end = 3});
    INFO("offset " << offset << " of " << size << ", the records end at " << OffsetOf(end));
    if (answer.status.ok()) {
      REQUIRE(answer.keys == Keys{"a", "b", "c"});
      ++unseen;
    } else {
      RequireDamageOf(answer, "000002.log at ");
    }
    log.FlipBit(MakePosition(2, offset), static_cast<int>(offset % 8));
  }
  REQUIRE(unseen <= 3 * 7 + 4);  // Padding of three records, and what the trailer reserves.
}

TEST_CASE("a closed log whose last segment was cut or grew is damaged",
          "[log][replay][closed][damage]") {
  TestLog log;
  const Position end = WriteAndClose(log);
  const uint64_t size = Value(log.files.FileSize(log.PathOf(2)));
  for (const uint64_t cut : {size - 1, size - kTrailerBytes, uint64_t{OffsetOf(end)},
                             uint64_t{OffsetOf(end)} - 1, uint64_t{64}, uint64_t{0}}) {
    const std::string bytes = Value(vfs::ReadFile(log.files, log.PathOf(2), 1 << 20));
    REQUIRE_OK(log.files.CutAt(log.PathOf(2), cut));
    INFO("cut at " << cut);
    RequireDamageOf(Replay(log, {.closed_end = 3}), "000002.log");
    REQUIRE_OK(vfs::ReplaceFile(log.files, log.PathOf(2), bytes + std::string(8, '\0')));
    RequireDamageOf(Replay(log, {.closed_end = 3}), "000002.log at ");
    REQUIRE_OK(vfs::ReplaceFile(log.files, log.PathOf(2), bytes));
  }
}

TEST_CASE("what an opener that died began behind a closed log is removed",
          "[log][replay][closed]") {
  const bool has_header = GENERATE(false, true);
  TestLog log;
  WriteAndClose(log);
  log.Start(3);
  log.Kill();
  if (!has_header) REQUIRE_OK(log.files.ZeroFrom(log.PathOf(3), 0));
  const Answer answer = ReplayClosed(log);
  RequireNoRecordCut(answer);
  REQUIRE(answer.keys == Keys{"a", "b", "c"});
  REQUIRE(answer.result.segments_to_remove == std::vector<uint32_t>{3});
}

TEST_CASE("records behind the end of a closed log are not thrown away", "[log][replay][closed]") {
  TestLog log;
  WriteAndClose(log);
  log.Start(3);
  log.Set("who wrote this?");
  log.Kill();
  RequireDamageOf(ReplayClosed(log), "000003.log at 64: 1 valid records");
}

}  // namespace nokv::log
