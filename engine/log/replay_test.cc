// The table "Recovery" of README.md, line by line.
#include "engine/log/test_replay.h"

namespace nokv::log {

TEST_CASE("an empty directory and an empty segment replay to nothing", "[log][replay]") {
  TestLog log;
  Answer answer = Replay(log);
  RequireNothingCut(answer);
  REQUIRE(answer.result.segments.empty());

  log.Start();
  log.Kill();
  answer = Replay(log);
  RequireNoRecordCut(answer);
  REQUIRE(answer.begun.empty());
  REQUIRE(answer.result.segments.empty());
  REQUIRE(answer.result.segments_to_remove == std::vector<uint32_t>{1});
}

TEST_CASE("after the death of a process every record is back, in order", "[log][replay]") {
  const bool map = GENERATE(true, false);
  TestLog log;
  log.Start(1, 16 << 10, map);
  std::vector<Position> positions = {log.Set("a"),
                                     log.Set("b", std::string(300, 'b'), kHasOrdinal)};
  log.Roll();
  log.Sync();
  positions.push_back(log.Set("c", std::string(300, 'c'), kHasOrdinal));
  positions.push_back(log.Append({RecordKind::kDelete, 0, 0, 0, 0, "d", ""}));
  log.Append({RecordKind::kFiller, 0, 0, 0, 0, "", "nobody sees this"});
  positions.push_back(log.Set("e", std::string(300, 'e'), kHasOrdinal));
  const Position end = log.writer->appended();
  log.Kill();

  const Answer answer = Replay(log, {.map = map});
  RequireNothingCut(answer);
  REQUIRE(answer.keys == Keys{"a", "b", "c", "d", "e"});
  REQUIRE(answer.begun == std::vector<uint32_t>{1, 2});
  for (size_t i = 0; i < positions.size(); ++i) REQUIRE(answer.records[i].position == positions[i]);
  REQUIRE(answer.records[0].ordinal == kNoOrdinal);
  REQUIRE(answer.records[1].ordinal == 0);
  REQUIRE(answer.records[2].ordinal == 0);
  REQUIRE(answer.records[4].ordinal == 1);
  REQUIRE(answer.result.records == 6);
  REQUIRE(answer.result.segments[0].segment->sealed());
  REQUIRE_FALSE(answer.result.segments[1].segment->sealed());
  REQUIRE(answer.result.segments[1].end_offset == OffsetOf(end));
  REQUIRE(answer.result.segments[1].segment->ordinal_count() == 2);
}

TEST_CASE("segments before the first wanted one are not looked at", "[log][replay]") {
  TestLog log;
  log.Start();
  const Position a = log.Set("a");
  log.Roll();
  log.Set("b");
  log.Kill();
  log.FlipBit(a + kRecordHeaderBytes);
  const Answer answer = Replay(log, {.first_segment = 2});
  RequireNothingCut(answer);
  REQUIRE(answer.keys == Keys{"b"});
}

TEST_CASE("an unfinished last record is cut in the same boot and in another", "[log][replay]") {
  const bool other_boot = GENERATE(false, true);
  TestLog log;
  log.Start();
  log.Set("a");
  const Position torn = log.Set("b", std::string(100, 'b'));
  log.Kill();
  // The process died inside the append: the header stands, the value does not.
  REQUIRE_OK(log.files.ZeroFrom(log.PathOf(1), OffsetOf(torn) + 40));
  const Answer answer = Replay(log, {.other_boot = other_boot});
  REQUIRE_OK(answer.status);
  REQUIRE(answer.keys == Keys{"a"});
  REQUIRE(answer.result.segments[0].end_offset == OffsetOf(torn));
  REQUIRE(answer.result.bytes_cut == kRecordHeaderBytes + 1 + 100);
  REQUIRE(answer.result.records_cut == 0);
  RequireCutAt(answer, torn);
}

TEST_CASE("a whole batch is replayed, and one without its end is not at all", "[log][replay]") {
  const bool other_boot = GENERATE(false, true);
  const bool is_torn_inside = GENERATE(false, true);
  TestLog log;
  log.Start();
  log.Set("a");
  log.BatchHeader(2, 64);
  log.Set("m1", "v", kInBatch);
  log.Set("m2", "v", kInBatch);
  const Position torn = log.BatchHeader(3, 96);
  log.Set("n1", "v", kInBatch);
  const Position second = log.Set("n2", "v", kInBatch);
  log.Kill();
  if (is_torn_inside) REQUIRE_OK(log.files.ZeroFrom(log.PathOf(1), OffsetOf(second) + 12));

  const Answer answer = Replay(log, {.other_boot = other_boot});
  REQUIRE_OK(answer.status);
  REQUIRE(answer.keys == Keys{"a", "m1", "m2"});
  REQUIRE(answer.result.records == 3);
  REQUIRE(answer.result.segments[0].end_offset == OffsetOf(torn));
  REQUIRE(answer.result.records_cut == 0);  // Part of what was unfinished, not behind it.
  REQUIRE(answer.result.bytes_cut > 0);
  RequireCutAt(answer, torn);
}

TEST_CASE("a batch with a hole in it and members behind is corruption, or cut after a power loss",
          "[log][replay]") {
  TestLog log;
  log.Start();
  const Position batch = log.BatchHeader(3, 96);
  log.Set("n1", "v", kInBatch);
  const Position hole = log.Set("n2", "v", kInBatch);
  log.Set("n3", "v", kInBatch);
  log.Set("after");
  log.Kill();
  log.FlipBit(hole + kRecordHeaderBytes);
  RequireDamage(Replay(log), batch, "no power was lost");

  const Answer answer = Replay(log, {.other_boot = true});
  REQUIRE_OK(answer.status);
  REQUIRE(answer.keys.empty());
  RequireCutAt(answer, batch);
  REQUIRE(answer.result.records_cut == 2);
}

TEST_CASE("a batch that lies about its size is not replayed", "[log][replay]") {
  const auto [count, bytes] =
      GENERATE(table<uint32_t, uint64_t>({{1, 64}, {2, 32}, {3, 64}, {0, 64}, {2, UINT64_MAX}}));
  TestLog log;
  log.Start();
  log.Set("a");
  const Position batch = log.BatchHeader(count, bytes);
  log.Set("m1", "v", kInBatch);
  log.Set("m2", "v", kInBatch);
  log.Kill();
  const Answer answer = Replay(log, {.other_boot = true});
  REQUIRE_OK(answer.status);
  REQUIRE(answer.keys == Keys{"a"});
  REQUIRE(answer.result.segments[0].end_offset == OffsetOf(batch));
}

TEST_CASE("a hole with records behind it is corruption if no power was lost", "[log][replay]") {
  TestLog log;
  log.Start();
  log.Set("a");
  const Position hole = log.Set("b");
  const Position behind = log.Set("c");
  log.Kill();
  log.FlipBit(hole + kRecordHeaderBytes);
  const Answer answer = Replay(log);
  RequireDamage(answer, hole, "1 valid ones behind it");
  RequireDamage(answer, hole, fmt::format(" at {} on", OffsetOf(behind)));
}

TEST_CASE("a hole with records behind it is cut and counted after a power loss", "[log][replay]") {
  TestLog log;
  log.Start();
  log.Set("a");
  const Position hole = log.Set("b");
  log.Set("c");
  log.Set("d", std::string(1000, 'd'));
  log.Roll();
  log.Set("e");
  log.Roll();
  log.Set("f");
  log.Kill();
  log.FlipBit(hole + 4, 7);  // Its length: what follows must be found without it.
  const Answer answer = Replay(log, {.other_boot = true});
  REQUIRE_OK(answer.status);
  REQUIRE(answer.keys == Keys{"a"});
  REQUIRE(answer.result.records_cut == 4);  // c, d, e, f.
  RequireCutAt(answer, hole);
  REQUIRE(answer.result.segments.size() == 1);
  REQUIRE(answer.result.segments_to_remove == std::vector<uint32_t>{2, 3});
}

TEST_CASE("damage below a durable mark is corruption even after a power loss", "[log][replay]") {
  TestLog log;
  log.Start();
  const Position hole = log.Set("a");
  log.Set("b");
  log.Sync();
  log.Set("c");  // Says that a and b are durable.
  log.Kill();
  log.FlipBit(hole + kRecordHeaderBytes);
  RequireDamage(Replay(log, {.other_boot = true}), hole, "the log was durable up to");
  RequireDamage(Replay(log), hole, "the log was durable up to");
}

TEST_CASE("damage above the durable marks may be cut after a power loss", "[log][replay]") {
  TestLog log;
  log.Start();
  log.Set("a");
  log.Sync();
  const Position hole = log.Set("b");
  log.Set("c");
  log.Kill();
  log.FlipBit(hole + kRecordHeaderBytes);
  const Answer answer = Replay(log, {.other_boot = true});
  REQUIRE_OK(answer.status);
  REQUIRE(answer.keys == Keys{"a"});
  REQUIRE(answer.result.records_cut == 1);
}

TEST_CASE("the durable mark of a later segment's record protects an earlier one", "[log][replay]") {
  TestLog log;
  log.Start();
  const Position hole = log.Set("a");
  log.Roll();
  log.Sync();
  log.Set("b");
  log.Kill();
  REQUIRE_OK(log.files.ZeroFrom(log.PathOf(1), OffsetOf(hole)));
  RequireDamage(Replay(log, {.other_boot = true}), hole, "the log was durable up to");
}

TEST_CASE("the durable mark of a later segment's header protects an earlier one", "[log][replay]") {
  TestLog log;
  log.Start();
  const Position hole = log.Set("a");
  log.Set("b");
  log.Sync();
  log.Roll();
  log.Kill();
  REQUIRE_OK(log.files.ZeroFrom(log.PathOf(1), OffsetOf(hole)));
  RequireDamage(Replay(log, {.other_boot = true}), hole, "the log was durable up to");
}

TEST_CASE("replaying twice gives the same answer", "[log][replay]") {
  TestLog log;
  log.Start();
  for (int i = 0; i < 50; ++i) {
    log.Set(fmt::format("k{}", i), std::string(300, 'v'), kHasOrdinal);
    if (i % 20 == 19) log.Roll();
  }
  const Position hole = log.Set("hole");
  log.Set("behind");
  log.Kill();
  log.FlipBit(hole + kRecordHeaderBytes);
  const Answer first = Replay(log, {.other_boot = true});
  const Answer second = Replay(log, {.other_boot = true});
  REQUIRE_OK(first.status);
  REQUIRE(first.keys.size() == 50);
  REQUIRE(second.keys == first.keys);
  REQUIRE(second.result.records_cut == first.result.records_cut);
  REQUIRE(second.result.cut_position == first.result.cut_position);
  for (size_t i = 0; i < first.records.size(); ++i) {
    REQUIRE(second.records[i].position == first.records[i].position);
    REQUIRE(second.records[i].ordinal == first.records[i].ordinal);
  }
}

TEST_CASE("a visitor's error ends the replay", "[log][replay]") {
  TestLog log;
  log.Start();
  log.Set("a");
  log.Set("b");
  log.Kill();
  int visits = 0;
  ReplayOptions options;
  options.directory = kTestDirectory;
  options.database_id = kTestDatabase;
  const auto result = ReplaySegments(
      log.files, {1}, options, [](const std::shared_ptr<Segment>&) {},
      [&](const ReplayedRecord&, const std::shared_ptr<Segment>&) {
        ++visits;
        return InternalError("no more");
      });
  REQUIRE(absl::IsInternal(result.status()));
  REQUIRE(visits == 1);
}

TEST_CASE("one damaged byte anywhere never shows a wrong record", "[log][replay][damage]") {
  TestLog log;
  log.Start(1, 2048);
  Keys all;
  for (int i = 0; i < 8; ++i) {
    all.push_back(fmt::format("key{}", i));
    log.Set(all.back(), std::string(20, 'v'));
  }
  const Position end = log.writer->appended();
  log.Kill();
  for (uint32_t offset = 0; offset < OffsetOf(end); ++offset) {
    const int bit = static_cast<int>(offset % 8);
    log.FlipBit(MakePosition(1, offset), bit);
    for (const bool other_boot : {false, true}) {
      const Answer answer = Replay(log, {.other_boot = other_boot});
      INFO("offset " << offset << ": " << answer.status.ToString());
      if (!answer.status.ok()) REQUIRE(absl::IsDataLoss(answer.status));
      REQUIRE(answer.keys.size() <= all.size());
      REQUIRE(std::equal(answer.keys.begin(), answer.keys.end(), all.begin()));
      // Silence is for padding and for the end.
      if (answer.status.ok() && answer.keys.size() < 7) REQUIRE(answer.result.records_cut > 0);
    }
    log.FlipBit(MakePosition(1, offset), bit);
  }
}

}  // namespace nokv::log
