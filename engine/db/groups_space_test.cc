#include "engine/db/test_groups.h"
#include "engine/log/segment.h"

namespace nokv {
namespace {

// Appends `count` entries of 1,000 bytes behind the last.
void Fill(GroupBench& bench, GroupId group, uint64_t count, uint64_t term = 1) {
  const std::string payload(1000, static_cast<char>('a' + group));
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t last = bench.groups().LastIndex(group).value_or(0);
    REQUIRE_OK(bench.AppendTo(group, last + 1, term, {payload}));
  }
}

// So that the log boundary passes everything that was written.
void FlushAll(GroupBench& bench) {
  REQUIRE_OK(bench.db->Set("key", "value"));
  REQUIRE_OK(bench.db->Flush());
}

void Collect(GroupBench& bench) {
  const auto freed = bench.db->RunValueLogGC();
  INFO(freed.status().ToString());
  REQUIRE(freed.ok());
}

bool HasSegment(GroupBench& bench, uint32_t number) {
  return bench.disk.Exists(vfs::JoinPath("/db", log::SegmentFileName(number)));
}

}  // namespace

TEST_CASE("segments that groups need stay behind a flush, and go when they need them no more",
          "[groups]") {
  GroupBench bench;
  bench.Open();
  Fill(bench, 1, 200);
  FlushAll(bench);
  Collect(bench);
  REQUIRE(HasSegment(bench, 1));
  REQUIRE(bench.SegmentFiles() >= 4);
  bench.Kill();
  bench.Open();
  REQUIRE(bench.groups().LastIndex(1) == 200);
  REQUIRE(bench.Read(1).starts_with("1/1:bbbb"));

  REQUIRE_OK(bench.Append({{.group = 1, .compact_to = 200}}));
  FlushAll(bench);
  Collect(bench);
  REQUIRE_FALSE(HasSegment(bench, 1));
  REQUIRE(bench.SegmentFiles() <= 2);
  bench.Kill();
  bench.Open();
  REQUIRE(bench.Read(1).empty());
  REQUIRE(bench.groups().TermAt(1, 200) == 1);
  REQUIRE_OK(bench.db->Verify());
}

TEST_CASE("a compaction that is not durable frees nothing", "[groups][crash]") {
  GroupBench bench;
  bench.Open();
  Fill(bench, 1, 100);
  FlushAll(bench);
  REQUIRE_OK(bench.Append({{.group = 1, .compact_to = 100}}));
  Collect(bench);  // Syncs the compaction before it frees.
  REQUIRE_FALSE(HasSegment(bench, 1));
  bench.PowerCut();
  bench.Open();
  REQUIRE(bench.groups().Find(1)->start.index == 100);
}

TEST_CASE("the few records that live in the oldest segment are moved forward", "[groups]") {
  GroupBench bench;
  bench.options.prefer_mapping = GENERATE(true, false);
  bench.Open();
  REQUIRE_OK(bench.Append({{.group = 2, .state = "idle"}}));
  REQUIRE_OK(bench.AppendTo(3, 1, 1, {"old", "older"}));
  Fill(bench, 1, 150);
  REQUIRE_OK(bench.AppendTo(3, 3, 2, {"newer"}));
  FlushAll(bench);
  Collect(bench);
  REQUIRE(HasSegment(bench, 1));  // Most of it lives.
  REQUIRE_OK(bench.Append({{.group = 1, .compact_to = 150}}));
  Collect(bench);
  REQUIRE_FALSE(HasSegment(bench, 1));
  for (int round = 0; round < 2; ++round) {
    REQUIRE(bench.Read(3) == "1/1:old 2/1:older 3/2:newer");
    REQUIRE(bench.StateOf(2) == "idle");
    REQUIRE(bench.groups().TermAt(3, 3) == 2);
    bench.PowerCut();
    bench.Open();
  }
  // Once more, with what was moved.
  Fill(bench, 1, 150);
  FlushAll(bench);
  REQUIRE_OK(bench.Append({{.group = 1, .compact_to = 300}}));
  Collect(bench);
  REQUIRE(bench.SegmentFiles() <= 2);
  REQUIRE(bench.Read(3) == "1/1:old 2/1:older 3/2:newer");
  REQUIRE_OK(bench.AppendTo(3, 2, 3, {"cut"}));
  bench.Kill();
  bench.Open();
  REQUIRE(bench.Read(3) == "1/1:old 2/3:cut");
}

TEST_CASE("a segment is held for values and for groups until neither needs it", "[groups]") {
  GroupBench bench;
  bench.Open();
  const std::string value(3000, 'v');
  REQUIRE_OK(bench.db->Set("stays", value));
  Fill(bench, 1, 40);
  FlushAll(bench);
  const bool groups_first = GENERATE(true, false);
  if (groups_first) {
    REQUIRE_OK(bench.Append({{.group = 1, .compact_to = 40}}));
  } else {
    REQUIRE_OK(bench.db->Del("stays"));
    REQUIRE_OK(bench.db->CompactRange(kDefaultColumnFamily, "", ""));
  }
  Collect(bench);
  bench.Kill();
  bench.Open();
  if (groups_first) {
    REQUIRE(**bench.db->Get("stays") == value);
    REQUIRE_OK(bench.db->Del("stays"));
    REQUIRE_OK(bench.db->CompactRange(kDefaultColumnFamily, "", ""));
  } else {
    REQUIRE(bench.groups().LastIndex(1) == 40);
    REQUIRE(bench.Read(1).starts_with("1/1:bbbb"));
    REQUIRE_OK(bench.Append({{.group = 1, .compact_to = 40}}));
  }
  FlushAll(bench);
  Collect(bench);
  REQUIRE_FALSE(HasSegment(bench, 1));
  REQUIRE(bench.SegmentFiles() <= 2);
}

TEST_CASE("groups that hold more log than they may are named, the largest first", "[groups]") {
  GroupBench bench;
  bench.options.group_log_bytes_max = 100 << 10;
  bench.Open();
  Fill(bench, 1, 10);
  Fill(bench, 2, 20);
  REQUIRE(bench.groups().Pressure().must_compact.empty());
  Fill(bench, 3, 100);
  const GroupPressure pressure = bench.groups().Pressure();
  REQUIRE(pressure.held_bytes > pressure.held_bytes_max);
  REQUIRE(pressure.must_compact == std::vector<GroupId>{3, 2, 1});
  REQUIRE_OK(bench.Append({{.group = 3, .compact_to = 100}}));
  REQUIRE_OK(bench.Append({{.group = 1, .compact_to = 10}, {.group = 2, .remove = true}}));
  REQUIRE(bench.groups().Pressure().must_compact.empty());
}

TEST_CASE("a checkpoint has the groups of its moment", "[groups]") {
  GroupBench bench;
  bench.Open();
  Fill(bench, 1, 100);
  FlushAll(bench);
  REQUIRE_OK(bench.AppendTo(2, 1, 1, {"late"}));
  const GroupMark mark{2, 1};
  REQUIRE_OK(bench.db->Set("k", "v", {.marks = std::span(&mark, 1)}));
  REQUIRE_OK(bench.db->Checkpoint("/copy"));
  REQUIRE_OK(bench.Append({{.group = 1, .compact_to = 100}, {.group = 2, .remove = true}}));
  FlushAll(bench);
  Collect(bench);
  bench.db.reset();
  bench.options.directory = "/copy";
  bench.options.groups = false;  // It knows by itself.
  bench.Open();
  REQUIRE(bench.groups().LastIndex(1) == 100);
  REQUIRE(bench.Read(2) == "1/1:late");
  REQUIRE(bench.groups().MarkOf(2) == 1);
  REQUIRE(bench.Read(1).starts_with("1/1:bbbb"));
}

TEST_CASE("a database is verified while groups free what is about to be read", "[groups]") {
  GroupBench bench;
  bench.Open();
  Fill(bench, 1, 100);
  FlushAll(bench);
  REQUIRE(HasSegment(bench, 1));
  bool is_freed = false;
  REQUIRE_OK(bench.db->Verify([&](uint64_t, uint64_t) {
    if (is_freed) return;
    is_freed = true;
    REQUIRE((bench.Append({{.group = 1, .compact_to = 100}})).ok());
    Collect(bench);
  }));
  REQUIRE(is_freed);
  REQUIRE_OK(bench.db->WaitForBackgroundWork());
  REQUIRE_FALSE(HasSegment(bench, 1));
}

TEST_CASE("damage in a held segment is found when it is opened", "[groups][damage]") {
  GroupBench bench;
  bench.Open();
  Fill(bench, 1, 100);
  FlushAll(bench);
  bench.db.reset();
  SECTION("a flipped bit") {
    REQUIRE_OK(bench.disk.FlipBit("/db/000001.log", 5000, 3));
    const absl::Status status = bench.TryOpen();
    REQUIRE(absl::IsDataLoss(status));
    REQUIRE_THAT(std::string(status.message()), Catch::Contains("000001.log at"));
  }
  SECTION("a missing file") {
    REQUIRE_OK(bench.disk.Remove("/db/000002.log"));
    const absl::Status status = bench.TryOpen();
    REQUIRE(absl::IsDataLoss(status));
    REQUIRE_THAT(std::string(status.message()), Catch::Contains("000002.log"));
  }
}

TEST_CASE("a damaged entry is an error with its place, not a wrong answer", "[groups][damage]") {
  GroupBench bench;
  bench.options.prefer_mapping = GENERATE(true, false);
  bench.Open();
  Fill(bench, 1, 10);
  REQUIRE_OK(bench.disk.FlipBit("/db/000001.log", 3000, 3));
  REQUIRE_THAT(bench.Read(1), Catch::Contains("000001.log at") && Catch::Contains("checksum"));
}

TEST_CASE("a full disk refuses entries, and lets groups free what they hold", "[groups]") {
  GroupBench bench;
  bench.Open();
  Fill(bench, 1, 100);
  bench.disk.SetCapacityBytes(bench.disk.UsedBytes() + (64 << 10));
  absl::Status status;
  const std::string payload(5000, 'p');
  for (uint64_t index = 101; status.ok(); ++index) {
    REQUIRE(index < 200);
    status = bench.AppendTo(1, index, 1, {payload});
  }
  REQUIRE(status.code() == absl::StatusCode::kResourceExhausted);
  REQUIRE_OK(bench.Append({{.group = 1, .compact_to = 100}}));
  bench.disk.SetCapacityBytes(UINT64_MAX);
  bench.clock.Advance(absl::Seconds(1));
  const uint64_t last = *bench.groups().LastIndex(1);
  REQUIRE_OK(bench.AppendTo(1, last + 1, 2, {"again"}));
}

}  // namespace nokv
