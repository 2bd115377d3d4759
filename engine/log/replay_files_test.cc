// What replay makes of files: recycled ones, missing headers and numbers, footers.
#include "engine/log/test_replay.h"

namespace nokv::log {

TEST_CASE("a recycled file's old records are never seen", "[log][replay]") {
  const bool other_boot = GENERATE(false, true);
  TestLog log;
  log.Start(1, 4096);
  for (int i = 0; i < 20; ++i) log.Set("old", std::string(60, 'o'));
  log.Roll(4096);
  log.Sync();
  REQUIRE_OK(log.writer->RecycleOrRemove(1, 4096));
  log.Roll(4096);
  REQUIRE(log.writer->active()->number() == 3);
  // One record as long as the old ones, so that the next old one stands right behind it.
  const Position last = log.Set("new", std::string(60, 'n'));
  REQUIRE_FALSE(log.files.Exists(log.PathOf(1)));
  log.Kill();
  const std::string bytes = Value(vfs::ReadFile(log.files, log.PathOf(3), 1 << 20));
  REQUIRE(bytes.find("ooooo") != std::string::npos);

  const Answer answer = Replay(log, {.other_boot = other_boot, .first_segment = 2});
  RequireNothingCut(answer);
  REQUIRE(answer.keys == Keys{"new"});
  REQUIRE(answer.records[0].position == last);
}

TEST_CASE("a recycled file that ends with its old trailer is not taken for sealed",
          "[log][replay]") {
  TestLog log;
  log.Start(1, 16 << 10);
  log.Set("old", std::string(6000, 'o'), kHasOrdinal);
  log.Roll(4096);
  log.Sync();
  // The file is larger than the segment that it is used for, so it ends as it ended before.
  REQUIRE_OK(log.writer->RecycleOrRemove(1, 4096));
  log.Roll(4096);
  log.Set("new", std::string(300, 'n'), kHasOrdinal);
  log.Kill();

  const Answer answer = Replay(log, {.first_segment = 2});
  RequireNothingCut(answer);
  REQUIRE(answer.keys == Keys{"new"});
  REQUIRE_FALSE(answer.result.segments.back().segment->sealed());
  REQUIRE(answer.result.segments.back().segment->ordinal_count() == 1);
}

TEST_CASE("a last segment without a header is empty, and removed", "[log][replay]") {
  const bool other_boot = GENERATE(false, true);
  const bool is_cut = GENERATE(false, true);
  TestLog log;
  log.Start();
  log.Set("a");
  log.Roll();
  log.Kill();
  if (is_cut) {
    REQUIRE_OK(log.files.CutAt(log.PathOf(2), 17));
  } else {
    REQUIRE_OK(log.files.ZeroFrom(log.PathOf(2), 0));
  }
  const Answer answer = Replay(log, {.other_boot = other_boot});
  RequireNoRecordCut(answer);
  REQUIRE(answer.keys == Keys{"a"});
  REQUIRE(answer.result.segments.size() == 1);
  REQUIRE(answer.result.segments_to_remove == std::vector<uint32_t>{2});
}

TEST_CASE("records behind a missing header are corruption, or cut after a power loss",
          "[log][replay]") {
  TestLog log;
  log.Start();
  log.Set("a");
  log.Kill();
  log.FlipBit(MakePosition(1, 20));
  RequireDamage(Replay(log), MakePosition(1, 0), "no power was lost");
  const Answer answer = Replay(log, {.other_boot = true});
  REQUIRE_OK(answer.status);
  REQUIRE(answer.keys.empty());
  REQUIRE(answer.result.records_cut == 1);
  RequireCutAt(answer, MakePosition(1, 0));
}

TEST_CASE("a segment of a newer version is refused, not cut", "[log][replay]") {
  TestLog log;
  log.Start();
  log.Set("a");
  log.Kill();
  std::string bytes = Value(vfs::ReadFile(log.files, log.PathOf(1), 1 << 20));
  StoreFixed(bytes.data() + 8, kFormatVersion + 1);
  StoreFixed(bytes.data() + 60, Crc32c({bytes.data(), 60}));
  REQUIRE_OK(vfs::ReplaceFile(log.files, log.PathOf(1), bytes));
  REQUIRE(absl::IsUnimplemented(Replay(log, {.other_boot = true}).status));
}

TEST_CASE("a segment of another database is refused, not cut", "[log][replay]") {
  TestLog log;
  log.Start();
  log.Set("a");
  log.Kill();
  std::string bytes = Value(vfs::ReadFile(log.files, log.PathOf(1), 1 << 20));
  StoreFixed(bytes.data() + 24, kTestDatabase + 1);
  StoreFixed(bytes.data() + 60, Crc32c({bytes.data(), 60}));
  REQUIRE_OK(vfs::ReplaceFile(log.files, log.PathOf(1), bytes));
  const absl::Status status = Replay(log, {.other_boot = true}).status;
  REQUIRE(absl::IsDataLoss(status));
  REQUIRE_THAT(std::string(status.message()), Catch::Contains("belongs to database"));
}

TEST_CASE("a gap in the segment numbers is corruption, or a cut after a power loss",
          "[log][replay]") {
  TestLog log;
  log.Start();
  log.Set("a");
  log.Roll();
  log.Set("b");
  log.Roll();
  log.Set("c");
  log.Kill();
  REQUIRE_OK(log.files.Remove(log.PathOf(2)));
  RequireDamage(Replay(log), MakePosition(2, 0), "no power was lost");
  const Answer answer = Replay(log, {.other_boot = true});
  REQUIRE_OK(answer.status);
  REQUIRE(answer.keys == Keys{"a"});
  REQUIRE(answer.result.records_cut == 1);
  RequireCutAt(answer, MakePosition(2, 0));
  REQUIRE(answer.result.segments_to_remove == std::vector<uint32_t>{3});
}

TEST_CASE("a first segment that is missing is a gap too", "[log][replay]") {
  TestLog log;
  log.Start();
  log.Set("a");
  log.Roll();
  log.Sync();
  log.Set("b");
  log.Kill();
  REQUIRE_OK(log.files.Remove(log.PathOf(1)));
  RequireDamage(Replay(log, {.other_boot = true}), MakePosition(1, 0), "the log was durable up to");
}

TEST_CASE("the last segments are to be removed if nothing is in them", "[log][replay]") {
  TestLog log;
  log.Start();
  log.Set("a");
  log.Roll();
  log.Roll();
  log.Kill();
  const bool lost_header = GENERATE(false, true);
  if (lost_header) REQUIRE_OK(log.files.ZeroFrom(log.PathOf(2), 0));
  const Answer answer = Replay(log);
  RequireNoRecordCut(answer);
  REQUIRE(answer.keys == Keys{"a"});
  // Without the header there is no footer either.
  const std::vector<uint32_t> removed =
      lost_header ? std::vector<uint32_t>{2, 3} : std::vector<uint32_t>{3};
  REQUIRE(answer.result.segments_to_remove == removed);
  REQUIRE(answer.result.segments.size() == 3 - removed.size());
}

TEST_CASE("a torn first record of a last segment is cut with the segment", "[log][replay]") {
  TestLog log;
  log.Start();
  log.Set("a");
  log.Roll();
  const Position torn = log.Set("b", std::string(100, 'b'));
  log.Kill();
  REQUIRE_OK(log.files.ZeroFrom(log.PathOf(2), OffsetOf(torn) + 40));
  const Answer answer = Replay(log);
  RequireCutAt(answer, torn);
  REQUIRE(answer.keys == Keys{"a"});
  REQUIRE(answer.result.bytes_cut == kRecordHeaderBytes + 1 + 100);
  REQUIRE(answer.result.segments_to_remove == std::vector<uint32_t>{2});
}

TEST_CASE("a footer without its truncation ends the records as well", "[log][replay]") {
  TestLog log;
  log.Start();
  log.Set("a", std::string(300, 'a'), kHasOrdinal);
  log.Roll();  // Writes the footer; only the sync that never comes truncates.
  log.Set("b");
  log.Kill();
  const Answer answer = Replay(log);
  RequireNothingCut(answer);
  REQUIRE(answer.keys == Keys{"a", "b"});
  REQUIRE_FALSE(answer.result.segments[0].segment->sealed());
  REQUIRE(answer.result.segments[0].segment->ordinal_count() == 1);
}

}  // namespace nokv::log
