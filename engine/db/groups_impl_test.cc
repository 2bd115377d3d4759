#include "engine/base/check.h"
#include "engine/db/test_groups.h"
#include "engine/log/record.h"
#include "engine/lsm/manifest.h"

#include <atomic>
#include <map>
#include <thread>

namespace nokv {

TEST_CASE("a round of two groups is there after a power cut once its sync was told", "[groups]") {
  GroupBench bench;
  bench.options.prefer_mapping = GENERATE(true, false);
  bench.Open();
  const auto one = GroupBench::Entries(1, 1, {"a", "b"});
  const auto two = GroupBench::Entries(1, 2, {"c"});
  REQUIRE_OK(bench.Append({{.group = 1, .state = "vote 3", .entries = one},
                           {.group = 2, .state = "vote 1", .entries = two}}));
  bench.Sync();
  REQUIRE(bench.groups().durable_position() >= bench.end);
  REQUIRE_OK(bench.AppendTo(1, 3, 2, {"unsynced"}));
  REQUIRE(bench.Read(1) == "1/1:a 2/1:b 3/2:unsynced");

  bench.PowerCut();
  bench.Open();
  REQUIRE(bench.groups().List() == std::vector<GroupId>{1, 2});
  REQUIRE(bench.Read(1) == "1/1:a 2/1:b");
  REQUIRE(bench.Read(2) == "1/2:c");
  REQUIRE(bench.StateOf(1) == "vote 3");
  REQUIRE(bench.StateOf(2) == "vote 1");
  REQUIRE(bench.groups().TermAt(2, 1) == 2);
  REQUIRE(bench.groups().TermAt(2, 2) == std::nullopt);
}

TEST_CASE("segments are written out ahead where writes are synced, and not for rounds",
          "[groups]") {
  GroupBench bench;
  const bool has_groups = GENERATE(true, false);
  bench.options.groups = has_groups;
  bench.options.durability = Durability::kPower;
  int synced = 0;
  bench.files.SetHook([&](const vfs::Operation& operation) {
    const bool is_spare = operation.path.ends_with(".spare");
    if (operation.kind == vfs::OperationKind::kSync && is_spare) ++synced;
    return vfs::FaultAction::Pass();
  });
  bench.Open();
  bench.executor.RunUntilIdle();
  REQUIRE(synced == (has_groups ? 0 : 1));
}

TEST_CASE("a round that was cut off in the middle is in none of its groups", "[groups][crash]") {
  GroupBench bench;
  bench.Open();
  REQUIRE_OK(bench.AppendTo(1, 1, 1, {"before"}));
  const uint64_t nth = GENERATE(1, 2, 3, 4);
  bench.files.FailNth(vfs::OperationKind::kSegmentWrite, nth, InternalError("no more"));
  const auto one = GroupBench::Entries(2, 1, {"a"});
  const auto two = GroupBench::Entries(1, 1, {"b", "c"});
  REQUIRE_FALSE(bench.Append({{.group = 1, .entries = one}, {.group = 2, .entries = two}}).ok());
  bench.Kill();
  bench.Open();
  REQUIRE(bench.Read(1) == "1/1:before");
  REQUIRE(bench.Read(2) == "none");
}

TEST_CASE("what was appended survives the death of the process", "[groups][crash]") {
  GroupBench bench;
  bench.Open();
  REQUIRE_OK(bench.AppendTo(7, 1, 1, {"a", "b", "c", "d"}));
  REQUIRE_OK(bench.AppendTo(7, 3, 2, {"C"}));
  const auto more = GroupBench::Entries(4, 2, {"D"});
  REQUIRE_OK(bench.Append({{.group = 7, .compact_to = 1, .state = "s", .entries = more}}));
  bench.Kill();
  bench.Open();
  REQUIRE(bench.Read(7) == "2/1:b 3/2:C 4/2:D");
  REQUIRE(bench.groups().Find(7)->start == GroupPoint{1, 1});
  REQUIRE(bench.StateOf(7) == "s");
  REQUIRE_OK(bench.Append({{.group = 7, .restart = GroupPoint{9, 3}}}));
  REQUIRE(bench.StateOf(7) == "s");
  REQUIRE_OK(bench.AppendTo(7, 10, 3, {"ten"}));
  REQUIRE_OK(bench.AppendTo(8, 1, 1, {"x"}));
  REQUIRE_OK(bench.Append({{.group = 8, .remove = true}}));
  bench.Kill();
  bench.Open();
  REQUIRE(bench.Read(7) == "10/3:ten");
  REQUIRE(bench.Read(8) == "none");
}

TEST_CASE("entries are read in parts, and only those that are there", "[groups]") {
  GroupBench bench;
  bench.Open();
  for (uint64_t index = 1; index <= 200; ++index) {
    REQUIRE_OK(bench.AppendTo(1, index, 1, {std::to_string(index)}));
  }
  uint64_t next = 50;
  REQUIRE_OK(bench.groups().Read(1, 50, 190, [&](const GroupEntry& entry) {
    REQUIRE(entry.index == next);
    REQUIRE(entry.payload == std::to_string(next));
    return ++next < 180;
  }));
  REQUIRE(next == 180);
  const auto ignore = [](const GroupEntry&) { return true; };
  REQUIRE(absl::IsNotFound(bench.groups().Read(1, 200, 202, ignore)));
  REQUIRE(absl::IsNotFound(bench.groups().Read(2, 1, 2, ignore)));
}

TEST_CASE("an append that is refused changes nothing", "[groups]") {
  GroupBench bench;
  bench.Open();
  REQUIRE_OK(bench.AppendTo(1, 1, 1, {"a"}));
  const auto good = GroupBench::Entries(2, 1, {"b"});
  const auto gap = GroupBench::Entries(2, 1, {"c"});
  REQUIRE(absl::IsInvalidArgument(
      bench.Append({{.group = 1, .entries = good}, {.group = 2, .entries = gap}})));
  REQUIRE(absl::IsInvalidArgument(
      bench.Append({{.group = 1, .entries = good}, {.group = 1, .compact_to = 1}})));
  REQUIRE(bench.Read(1) == "1/1:a");
  REQUIRE_OK(bench.Append({}));
}

TEST_CASE("a failed sync is told to all who ask, and nothing is taken any more", "[groups]") {
  GroupBench bench;
  bench.Open();
  REQUIRE_OK(bench.AppendTo(1, 1, 1, {"a"}));
  bench.files.FailNth(vfs::OperationKind::kSync, 1, InternalError("eio"));
  int told = 0;
  for (int i = 0; i < 3; ++i) {
    bench.groups().SyncTo(bench.end, [&](const absl::Status& status) {
      REQUIRE_FALSE(status.ok());
      ++told;
    });
  }
  REQUIRE(told == 0);
  bench.executor.RunUntilIdle();
  REQUIRE(told == 3);
  REQUIRE(absl::IsFailedPrecondition(bench.AppendTo(1, 2, 1, {"b"})));
  REQUIRE(bench.Read(1) == "1/1:a");
}

TEST_CASE("requests for a sync are answered in order, by one sync for all that wait", "[groups]") {
  GroupBench bench;
  bench.Open();
  std::vector<int> told;
  const uint64_t before = bench.db->GetStats().syncs;
  for (int i = 0; i < 5; ++i) {
    REQUIRE_OK(bench.AppendTo(1, static_cast<uint64_t>(i) + 1, 1, {"a"}));
    bench.groups().SyncTo(bench.end, [&told, i](const absl::Status&) { told.push_back(i); });
  }
  bench.executor.RunUntilIdle();
  REQUIRE(told == std::vector<int>{0, 1, 2, 3, 4});
  REQUIRE(bench.db->GetStats().syncs == before + 1);
}

TEST_CASE("marks are set with the write, all or nothing, and survive with it", "[groups]") {
  GroupBench bench;
  bench.Open();
  const auto other = *bench.db->CreateColumnFamily("other");
  const GroupMark marks[] = {{1, 10}, {2, 20}};
  WriteBatch batch;
  batch.Set("a", "1");
  batch.Set("b", "2", other);
  REQUIRE_OK(bench.db->Write(batch, {.marks = marks}));
  REQUIRE(bench.groups().MarkOf(1) == 10);
  const GroupMark next{1, 11};
  REQUIRE_OK(bench.db->Write({}, {.marks = std::span(&next, 1)}));  // An entry without data.
  const GroupMark none{1, 0};
  REQUIRE(absl::IsInvalidArgument(bench.db->Set("c", "3", {.marks = std::span(&none, 1)})));

  const bool flush = GENERATE(true, false);
  if (flush) REQUIRE_OK(bench.db->Flush());
  bench.Kill();
  bench.Open();
  REQUIRE(bench.groups().MarkOf(1) == 11);
  REQUIRE(bench.groups().MarkOf(2) == 20);
  REQUIRE(bench.groups().MarkOf(3) == 0);

  REQUIRE_OK(bench.AppendTo(2, 1, 1, {"x"}));
  REQUIRE_OK(bench.Append({{.group = 2, .remove = true}}));
  REQUIRE(bench.groups().MarkOf(2) == 0);
  if (flush) REQUIRE_OK(bench.db->Flush());
  bench.Kill();
  bench.Open();
  REQUIRE(bench.groups().MarkOf(1) == 11);
  REQUIRE(bench.groups().MarkOf(2) == 0);
}

TEST_CASE("a mark and its data are lost together", "[groups][crash]") {
  GroupBench bench;
  bench.Open();
  const GroupMark first{1, 10};
  const GroupMark second{1, 11};
  REQUIRE_OK(bench.db->Set("k", "old", {.marks = std::span(&first, 1)}));
  REQUIRE_OK(bench.db->Flush());
  REQUIRE_OK(bench.db->Set("k", "new", {.marks = std::span(&second, 1)}));
  bench.PowerCut();
  bench.Open();
  REQUIRE(bench.groups().MarkOf(1) == 10);
  REQUIRE(**bench.db->Get("k") == "old");
}

TEST_CASE("every file of a database without groups is one of version 1", "[groups][golden]") {
  GroupBench bench;
  bench.options.groups = false;
  bench.Open();
  for (int i = 0; i < 200; ++i) {
    REQUIRE_OK(bench.db->Set(fmt::format("{}", i % 60), std::string(i % 2 == 0 ? 2000 : 20, 'v')));
    if (i % 50 == 49) REQUIRE_OK(bench.db->Flush());
  }
  REQUIRE_OK(bench.db->DeleteRange("3", "4"));
  REQUIRE_OK(bench.db->CompactRange(kDefaultColumnFamily, "", ""));
  REQUIRE(bench.db->RunValueLogGC(0).ok());
  REQUIRE_OK(bench.db->Set("late", std::string(1000, 'v')));
  std::map<std::string, int> seen;  // Files by the end of their names.
  const absl::StatusOr<std::vector<std::string>> names = bench.disk.List("/db");
  for (const std::string& name : *names) {
    const std::string bytes = *vfs::ReadFile(bench.disk, vfs::JoinPath("/db", name), 1 << 20);
    const bool is_table = name.ends_with(".sst");
    if (!is_table && !name.ends_with(".log") && !name.ends_with(".val") &&
        !name.starts_with("MANIFEST")) {
      continue;
    }
    INFO(name);
    REQUIRE(LoadFixed<uint32_t>(bytes.data() + (is_table ? bytes.size() - 16 : 8)) == 1);
    ++seen[name.starts_with("MANIFEST") ? "MANIFEST" : name.substr(name.size() - 4)];
  }
  REQUIRE(seen.size() == 4);
}

TEST_CASE("a database with groups takes keys as long as a store's encoding of its users'",
          "[groups]") {
  GroupBench bench;
  bench.Open();
  const std::string longest(kEncodedKeyBytesMax, 'k');
  const std::string longer = longest + 'k';
  const GroupMark mark{1, 1};
  REQUIRE_OK(bench.AppendTo(1, 1, 1, {"a"}));
  REQUIRE_OK(bench.db->Set(longest, "v", {.marks = std::span(&mark, 1)}));
  REQUIRE(bench.db->Set(longer, "v").code() == absl::StatusCode::kInvalidArgument);
  REQUIRE(bench.db->Get(longer).status().code() == absl::StatusCode::kInvalidArgument);

  bench.Kill();
  bench.Open();
  REQUIRE(**bench.db->Get(longest) == "v");
  REQUIRE_OK(bench.db->Flush());
  REQUIRE_OK(bench.db->Set(longest, "w"));
  REQUIRE_OK(bench.db->Flush());
  REQUIRE_OK(bench.db->CompactRange(kDefaultColumnFamily, "", ""));
  REQUIRE(**bench.db->Get(longest) == "w");
  bench.Kill();
  bench.Open();
  REQUIRE(**bench.db->Get(longest) == "w");
}

TEST_CASE("only a database with groups has files of the newer version", "[groups][golden]") {
  GroupBench bench;
  bench.options.groups = false;
  const auto versions = [&] {
    const auto segment = *vfs::ReadFile(bench.disk, "/db/000001.log", 1 << 20);
    const auto number = *lsm::ReadCurrent(bench.disk, "/db");
    const auto manifest =
        *vfs::ReadFile(bench.disk, vfs::JoinPath("/db", lsm::ManifestFileName(number)), 1 << 20);
    return std::pair(LoadFixed<uint32_t>(segment.data() + 8),
                     LoadFixed<uint32_t>(manifest.data() + 8));
  };
  bench.Open();
  REQUIRE_OK(bench.db->Set("k", "v"));
  REQUIRE(absl::IsFailedPrecondition(bench.AppendTo(1, 1, 1, {"a"})));
  const GroupMark mark{1, 1};
  REQUIRE(absl::IsFailedPrecondition(bench.db->Set("k", "w", {.marks = std::span(&mark, 1)})));
  REQUIRE(versions() == std::pair(1u, 1u));

  bench.options.groups = true;  // What was written before stays readable.
  bench.db.reset();
  bench.Open();
  REQUIRE(versions() == std::pair(1u, 2u));
  REQUIRE_OK(bench.AppendTo(1, 1, 1, {"a"}));
  REQUIRE(LoadFixed<uint32_t>(vfs::ReadFile(bench.disk, "/db/000002.log", 1 << 20)->data() + 8) ==
          2);

  bench.options.groups = false;  // Once it has groups, it has them.
  bench.db.reset();
  bench.Open();
  REQUIRE(bench.Read(1) == "1/1:a");
  REQUIRE_OK(bench.AppendTo(1, 2, 1, {"b"}));
  REQUIRE(**bench.db->Get("k") == "v");
}

namespace {

// Makes the record at `offset` of the first segment one of another kind, checksum and all.
void RewriteKind(GroupBench& bench, uint32_t offset, uint8_t kind) {
  const std::string path = "/db/000001.log";
  const std::string bytes = *vfs::ReadFile(bench.disk, path, 1 << 20);
  const log::Position position = log::MakePosition(1, offset);
  log::Record record;
  REQUIRE(log::DecodeRecord(std::string_view(bytes).substr(offset), position, &record));
  log::RecordDraft draft({.kind = static_cast<log::RecordKind>(kind),
                          .flags = record.flags,
                          .column_family = record.column_family,
                          .expiry_ms = record.expiry_ms,
                          .count = 0,
                          .key = record.key,
                          .value = record.value});
  draft.Finish(position, record.durable);
  const std::string_view header = draft.header();
  for (uint32_t at = 0; at < header.size(); ++at) {
    const auto differ = static_cast<uint8_t>(header[at] ^ bytes[offset + at]);
    for (int bit = 0; bit < 8; ++bit) {
      if ((differ >> bit & 1) != 0) REQUIRE_OK(bench.disk.FlipBit(path, offset + at, bit));
    }
  }
}

}  // namespace

TEST_CASE("a record of a kind that nobody knows is an error, not a change", "[groups][damage]") {
  GroupBench bench;
  bench.options.groups = GENERATE(true, false);
  bench.Open();
  REQUIRE_OK(bench.db->Set("first", "value"));
  REQUIRE_OK(bench.db->Set("second", "value"));
  bench.Kill();
  const uint8_t kind = GENERATE(uint8_t{0}, uint8_t{14}, uint8_t{200});
  RewriteKind(bench, log::kFileHeaderBytes, kind);
  const absl::Status status = bench.TryOpen();
  INFO(status.ToString());
  REQUIRE(absl::IsDataLoss(status));
  REQUIRE_THAT(std::string(status.message()),
               Catch::Contains(fmt::format("000001.log at 64: a record of kind {}", kind)));
}

TEST_CASE("a record of an unknown kind in a held segment is an error", "[groups][damage]") {
  GroupBench bench;
  bench.Open();
  REQUIRE_OK(bench.db->Set("first", "value"));
  REQUIRE_OK(bench.AppendTo(1, 1, 1, {"a"}));
  REQUIRE_OK(bench.db->Flush());
  bench.db.reset();
  RewriteKind(bench, log::kFileHeaderBytes, 200);
  const absl::Status status = bench.TryOpen();
  INFO(status.ToString());
  REQUIRE(absl::IsDataLoss(status));
  REQUIRE_THAT(std::string(status.message()), Catch::Contains("000001.log at 64: a record of"));
}

TEST_CASE("groups are read, and not written, in a database that is open for reading", "[groups]") {
  GroupBench bench;
  bench.Open();
  REQUIRE_OK(bench.AppendTo(1, 1, 1, {"a"}));
  bench.db.reset();
  bench.options.read_only = true;
  bench.Open();
  REQUIRE(bench.Read(1) == "1/1:a");
  REQUIRE(absl::IsFailedPrecondition(bench.AppendTo(1, 2, 1, {"b"})));
  absl::Status told;
  bench.groups().SyncTo(1, [&](const absl::Status& status) { told = status; });
  bench.executor.RunUntilIdle();
  REQUIRE(absl::IsFailedPrecondition(told));
}

TEST_CASE("a sync that is refused is told about after the database is gone", "[groups]") {
  GroupBench bench;
  // Too long to be kept inside the options themselves.
  bench.options.directory = "/a directory whose name is longer than most are";
  bench.Open();
  bench.db.reset();
  bench.options.read_only = true;
  bench.Open();
  absl::Status told;
  bench.groups().SyncTo(1, [&](const absl::Status& status) { told = status; });
  bench.db.reset();
  bench.executor.RunUntilIdle();
  REQUIRE(told == FailedPreconditionError("{}: opened read-only", bench.options.directory));
}

TEST_CASE("threads append to groups of their own while others write and read", "[groups]") {
  GroupBench bench;
  const std::unique_ptr<Executor> pool = NewThreadPool(2);
  bench.options.environment.executor = pool.get();
  bench.options.environment.clock = &SystemClock();  // A manual one is of one thread.
  bench.options.background_work = true;
  bench.Open();
  constexpr uint64_t kEntries = 400;
  std::atomic<uint64_t> synced{0};
  std::vector<std::thread> threads;
  for (GroupId group = 1; group <= 3; ++group) {
    threads.emplace_back([&, group] {
      const std::string payload(1000, static_cast<char>('a' + group));
      for (uint64_t index = 1; index <= kEntries; ++index) {
        const GroupEntry entry{index, 1, 0, payload};
        const uint64_t compact_to = index % 50 == 0 ? index - 10 : 0;
        const GroupWrite write{
            .group = group, .compact_to = compact_to, .entries = std::span(&entry, 1)};
        const auto end = bench.groups().Append(std::span(&write, 1));
        NOKV_CHECK(end.ok());
        if (index % 20 != 0) continue;
        bench.groups().SyncTo(*end, [&](const absl::Status& status) {
          if (status.ok()) synced.fetch_add(1);
        });
        const absl::Status read =
            bench.groups().Read(group, index, index + 1,
                                [&](const GroupEntry& found) { return found.payload == payload; });
        NOKV_CHECK(read.ok());
      }
    });
  }
  threads.emplace_back([&] {
    for (int i = 0; i < 2000; ++i) {
      NOKV_CHECK(bench.db->Set(fmt::format("{}", i % 100), std::string(500, 'v')).ok());
    }
  });
  for (std::thread& thread : threads) thread.join();
  bench.db.reset();
  REQUIRE(synced.load() == 3 * kEntries / 20);
  bench.Open();
  for (GroupId group = 1; group <= 3; ++group) {
    REQUIRE(bench.groups().Find(group)->start.index == kEntries - 10);
    REQUIRE(bench.groups().LastIndex(group) == kEntries);
    REQUIRE(bench.Read(group).starts_with("391/1:"));
  }
  bench.db.reset();
}

}  // namespace nokv
