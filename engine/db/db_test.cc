// The whole path, from a write to a read after reopening, on the machine's files and in memory.
#include "engine/db.h"

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/vfs/mem_file_system.h"

#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <string>

namespace nokv {
namespace {

// One database over simulated files, on one thread.
struct Bench {
  vfs::MemFileSystem files;
  ManualClock clock;
  ManualExecutor executor;
  Options options;
  std::unique_ptr<DB> db;

  Bench() {
    options.directory = "/db";
    options.segment_bytes_max = 64 << 10;
    options.memory_bytes = 4 << 20;
    options.reserve_bytes = 0;
    options.environment = {&files, &clock, &executor};
  }

  RecoveryReport Open() {
    RecoveryReport report;
    auto opened = DB::Open(options, &report);
    INFO(opened.status());
    REQUIRE(opened.ok());
    db = *std::move(opened);
    return report;
  }

  std::optional<std::string> Get(std::string_view key) {
    auto value = db->Get(key);
    INFO(value.status());
    REQUIRE(value.ok());
    return *value;
  }
};

std::string Key(int i) { return fmt::format("key{:06}", i); }

std::string Value(int i, size_t size) {
  std::string value = fmt::format("value {} ", i);
  value.resize(size, static_cast<char>('a' + i % 26));
  return value;
}

TEST_CASE("what is written is read, before and after reopening", "[db]") {
  Bench bench;
  bench.Open();
  REQUIRE(bench.db->Set("small", "one").ok());
  REQUIRE(bench.db->Set("large", Value(7, 1000)).ok());
  REQUIRE(bench.Get("small") == "one");
  REQUIRE(bench.Get("large") == Value(7, 1000));
  REQUIRE(bench.Get("none") == std::nullopt);
  REQUIRE(bench.db->Del("small").ok());
  REQUIRE(bench.Get("small") == std::nullopt);

  bench.db.reset();
  const RecoveryReport report = bench.Open();
  REQUIRE(report.records_replayed == 3);
  REQUIRE(report.cut_position.empty());
  REQUIRE(bench.Get("small") == std::nullopt);
  REQUIRE(bench.Get("large") == Value(7, 1000));
}

TEST_CASE("many writes pass through flush, compaction and collection", "[db]") {
  Bench bench;
  bench.options.prefer_mapping = GENERATE(true, false);
  bench.Open();
  std::map<std::string, std::string> model;
  for (int round = 0; round < 6; ++round) {
    for (int i = 0; i < 2000; i += 1 + (i + round) % 4) {
      const std::string value = Value(i + round, i % 3 == 0 ? 20 : 600);
      REQUIRE(bench.db->Set(Key(i), value).ok());
      model[Key(i)] = value;
    }
    for (int i = round; i < 2000; i += 7) {
      REQUIRE(bench.db->Del(Key(i)).ok());
      model.erase(Key(i));
    }
    bench.executor.RunUntilIdle();
  }
  REQUIRE(bench.db->Flush().ok());
  REQUIRE(bench.db->WaitForBackgroundWork().ok());
  const Stats stats = bench.db->GetStats();
  REQUIRE(stats.flushes > 0);
  REQUIRE(stats.compactions > 0);
  REQUIRE(stats.collections > 0);
  REQUIRE(bench.db->Verify().ok());

  const auto check = [&] {
    auto it = bench.db->NewIterator();
    it->SeekToFirst();
    for (const auto& [key, value] : model) {
      REQUIRE(it->Valid());
      REQUIRE(it->key() == key);
      REQUIRE(it->value() == value);
      it->Next();
    }
    REQUIRE(!it->Valid());
    REQUIRE(it->status().ok());
    it->SeekToLast();
    for (auto entry = model.rbegin(); entry != model.rend(); ++entry) {
      REQUIRE(it->Valid());
      REQUIRE(it->key() == entry->first);
      REQUIRE(it->value() == entry->second);
      it->Prev();
    }
    REQUIRE(!it->Valid());
  };
  check();
  bench.db.reset();
  bench.Open();
  check();
  for (int i = 0; i < 2000; ++i) {
    const auto found = model.find(Key(i));
    REQUIRE(bench.Get(Key(i)) ==
            (found == model.end() ? std::nullopt : std::optional<std::string>(found->second)));
  }
}

TEST_CASE("keys looked up together have the answers of keys looked up alone", "[db]") {
  Bench bench;
  bench.options.prefer_mapping = GENERATE(true, false);
  bench.Open();
  const uint64_t expiry_ms = bench.clock.WallMillis() + 1000;
  std::map<std::string, std::string> model;
  for (int round = 0; round < 4; ++round) {  // Into tables, a waiting memtable, the active one.
    for (int i = round; i < 200; i += 1 + 2 * round) {
      model[Key(i)] = Value(i + round, i % 3 == 0 ? 20 : 600);
      WriteBatch batch;
      batch.SetWithExpiry(Key(i), model[Key(i)], i % 5 == 0 ? expiry_ms : 0);
      batch.Delete(Key(i + 1));
      model.erase(Key(i + 1));
      REQUIRE(bench.db->Write(batch).ok());
    }
    if (round < 2) REQUIRE(bench.db->Flush().ok());
  }
  std::vector<std::string> keys;
  for (int i = 0; i < 250; ++i) keys.push_back(Key(i));
  std::vector<Lookup> lookups;
  for (int i = 0; i < 250; ++i) {
    lookups.push_back({.key = keys[static_cast<size_t>(i)], .wants_value = i % 4 != 0});
  }
  PinnedValues values;
  REQUIRE(bench.db->MultiGet(ReadOptions{}, lookups, &values).ok());
  // The values stay, whatever happens to the keys.
  REQUIRE(bench.db->DeleteRange("a", "z").ok());
  REQUIRE(bench.db->Flush().ok());
  REQUIRE(bench.db->WaitForBackgroundWork().ok());
  for (int i = 0; i < 250; ++i) {
    const Lookup& lookup = lookups[static_cast<size_t>(i)];
    INFO(i);
    REQUIRE(lookup.is_found == model.contains(keys[static_cast<size_t>(i)]));
    if (!lookup.is_found) continue;
    REQUIRE(lookup.expiry_ms == (i % 5 == 0 ? expiry_ms : 0));
    if (lookup.wants_value) REQUIRE(lookup.value == model[keys[static_cast<size_t>(i)]]);
  }
  Lookup empty{.key = ""};
  REQUIRE(absl::IsInvalidArgument(bench.db->MultiGet(ReadOptions{}, {&empty, 1}, &values)));
  REQUIRE(bench.db->MultiGet(ReadOptions{}, {}, &values).ok());
}

TEST_CASE("when everything is deleted the disk space comes back", "[db]") {
  Bench bench;
  bench.Open();
  for (int i = 0; i < 5000; ++i) REQUIRE(bench.db->Set(Key(i), Value(i, 800)).ok());
  const bool by_range = GENERATE(true, false);
  if (by_range) {
    REQUIRE(bench.db->DeleteRange("key", "kez").ok());
  } else {
    for (int i = 0; i < 5000; ++i) REQUIRE(bench.db->Del(Key(i)).ok());
  }
  REQUIRE(bench.db->CompactRange(kDefaultColumnFamily, "", "").ok());
  REQUIRE(bench.db->RunValueLogGC().ok());
  REQUIRE(bench.db->WaitForBackgroundWork().ok());
  REQUIRE(bench.Get(Key(17)) == std::nullopt);
  REQUIRE(bench.db->GetStats().disk_bytes < 300'000);
  REQUIRE(bench.files.UsedBytes() < 300'000);
}

TEST_CASE("a snapshot sees its state through flush, compaction and collection", "[db]") {
  Bench bench;
  bench.Open();
  for (int i = 0; i < 300; ++i) REQUIRE(bench.db->Set(Key(i), Value(i, 500)).ok());
  auto snapshot = bench.db->NewSnapshot();
  for (int i = 0; i < 300; ++i) REQUIRE(bench.db->Set(Key(i), Value(i + 1, 500)).ok());
  REQUIRE(bench.db->DeleteRange(Key(0), Key(150)).ok());
  REQUIRE(bench.db->CompactRange(kDefaultColumnFamily, "", "").ok());
  REQUIRE(bench.db->RunValueLogGC().ok());
  for (int i = 0; i < 300; ++i) {
    std::string value;
    const auto found = bench.db->Get({.snapshot = snapshot.get()}, Key(i), &value);
    REQUIRE((found.ok() && *found));
    REQUIRE(value == Value(i, 500));
    REQUIRE(bench.Get(Key(i)).has_value() == (i >= 150));
  }
}

TEST_CASE("a value expires for readers and is gone after a merge", "[db]") {
  Bench bench;
  bench.Open();
  REQUIRE(bench.db->Set("k", "old").ok());
  REQUIRE(bench.db->Flush().ok());
  REQUIRE(bench.db->SetWithTTL("k", "new", absl::Seconds(10)).ok());
  REQUIRE(bench.Get("k") == "new");
  bench.clock.Advance(absl::Seconds(11));
  REQUIRE(bench.Get("k") == std::nullopt);
  REQUIRE(bench.db->CompactRange(kDefaultColumnFamily, "", "").ok());
  REQUIRE(bench.Get("k") == std::nullopt);
  REQUIRE(bench.db->GetStats().tables == 0);
}

TEST_CASE("a checkpoint opens with the state it was taken at", "[db]") {
  Bench bench;
  bench.Open();
  for (int i = 0; i < 1000; ++i) REQUIRE(bench.db->Set(Key(i), Value(i, 400)).ok());
  REQUIRE(bench.db->Flush().ok());
  REQUIRE(bench.db->Set("late", "in the log").ok());
  REQUIRE(bench.db->Checkpoint("/copy").ok());
  REQUIRE(bench.db->Set("later", "not there").ok());
  REQUIRE(bench.db->Checkpoint("/copy").code() == absl::StatusCode::kAlreadyExists);

  Options options = bench.options;
  options.directory = "/copy";
  auto copy = DB::Open(options);
  INFO(copy.status());
  REQUIRE(copy.ok());
  REQUIRE(**(*copy)->Get("late") == "in the log");
  REQUIRE(!(*copy)->Get("later")->has_value());
  REQUIRE(**(*copy)->Get(Key(5)) == Value(5, 400));
}

TEST_CASE("column families hold keys apart and are dropped whole", "[db]") {
  Bench bench;
  bench.Open();
  auto created = bench.db->CreateColumnFamily("other");
  REQUIRE(created.ok());
  WriteBatch batch;
  batch.Set("k", "default");
  batch.Set("k", Value(1, 700), *created);
  REQUIRE(bench.db->Write(batch).ok());
  bench.db.reset();
  bench.Open();
  std::string value;
  const ColumnFamilyHandle other = *bench.db->FindColumnFamily("other");
  REQUIRE(*bench.db->Get({.column_family = other}, "k", &value));
  REQUIRE(value == Value(1, 700));
  REQUIRE(bench.Get("k") == "default");
  REQUIRE(bench.db->DropColumnFamily(other).ok());
  REQUIRE(!bench.db->Get({.column_family = other}, "k", &value).ok());
  REQUIRE(bench.Get("k") == "default");
}

TEST_CASE("reopening again and again without a write in between loses nothing", "[db]") {
  Bench bench;
  bench.Open();
  REQUIRE(bench.db->Set("first", Value(1, 600)).ok());
  for (int i = 0; i < 5; ++i) {
    bench.db.reset();
    bench.Open();  // Leaves an empty segment behind each time.
  }
  REQUIRE(bench.db->Set("last", "one").ok());
  bench.db.reset();
  bench.Open();
  REQUIRE(bench.Get("first") == Value(1, 600));
  REQUIRE(bench.Get("last") == "one");
  REQUIRE(bench.db->Flush().ok());
  REQUIRE(bench.db->WaitForBackgroundWork().ok());
  REQUIRE(bench.db->GetStats().segments == 2);
}

TEST_CASE("a flush finds a damaged record instead of copying it", "[db][damage]") {
  Bench bench;
  bench.options.prefer_mapping = GENERATE(true, false);
  bench.Open();
  REQUIRE(bench.db->Set("key", "a small value").ok());
  const std::string path = "/db/000001.log";
  const auto bytes = vfs::ReadFile(bench.files, path, 1 << 20);
  REQUIRE(bytes.ok());
  const size_t place = bytes->find("small");
  REQUIRE(place != std::string::npos);
  REQUIRE(bench.files.FlipBit(path, place, 0).ok());
  const absl::Status flushed = bench.db->Flush();
  INFO(flushed);
  REQUIRE_FALSE(flushed.ok());
  REQUIRE_THAT(std::string(flushed.message()), Catch::Contains("000001.log at 64"));
}

// Every file with its bytes.
std::map<std::string, std::string> ContentsOf(const vfs::FileSystem& files) {
  std::map<std::string, std::string> contents;
  const auto names = files.List("/db");
  REQUIRE(names.ok());
  for (const std::string& name : *names) {
    const auto bytes = vfs::ReadFile(files, "/db/" + name, 1 << 20);
    REQUIRE(bytes.ok());
    contents[name] = *bytes;
  }
  return contents;
}

TEST_CASE("a directory that is not ours is refused and left exactly as it was", "[db]") {
  using Contents = std::map<std::string, std::string>;
  const Contents theirs = GENERATE(
      Contents{{"letter.txt", "dear reader"}}, Contents{{"000007.log", "the CURRENT is gone"}},
      Contents{{"CURRENT", "MANIFEST-000004\n"}, {"MANIFEST-000004", "another engine's"}},
      Contents{{"CURRENT", "MANIFEST-000004\n"}, {"LOCK", "theirs"}, {"LOG", "hello"}});
  Bench bench;
  bench.options.read_only = GENERATE(false, true);
  REQUIRE(bench.files.CreateDirectory("/db").ok());
  for (const auto& [name, bytes] : theirs) {
    REQUIRE(vfs::ReplaceFile(bench.files, "/db/" + name, bytes).ok());
  }
  const auto opened = DB::Open(bench.options);
  INFO(opened.status());
  REQUIRE_FALSE(opened.ok());
  REQUIRE_THAT(std::string(opened.status().message()), Catch::Contains("/db"));
  REQUIRE(ContentsOf(bench.files) == theirs);
}

TEST_CASE("a second opener is refused", "[db]") {
  Bench bench;
  bench.Open();
  const auto second = DB::Open(bench.options);
  REQUIRE(second.status().code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("an iterator shows every row before a damaged block", "[db]") {
  Bench bench;
  bench.Open();
  constexpr int kKeys = 2000;
  for (int i = 0; i < kKeys; ++i) REQUIRE(bench.db->Set(Key(i), Value(i, 20)).ok());
  REQUIRE(bench.db->Flush().ok());
  bool damaged = false;
  const auto names = bench.files.List("/db");
  REQUIRE(names.ok());
  for (const std::string& name : *names) {
    if (!name.ends_with(".sst")) continue;
    REQUIRE(bench.files.ZeroFrom("/db/" + name, 20'000).ok());
    damaged = true;
  }
  REQUIRE(damaged);

  auto it = bench.db->NewIterator();
  int rows = 0;
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    REQUIRE(it->status().ok());
    REQUIRE(it->key() == Key(rows));
    REQUIRE(it->value() == Value(rows, 20));
    ++rows;
  }
  REQUIRE(absl::IsDataLoss(it->status()));
  REQUIRE(rows > 0);
  REQUIRE(rows < kKeys);
  it->Seek(Key(rows));  // The next row stands in the damaged block, not merely before it.
  REQUIRE_FALSE(it->Valid());
  it->Seek(Key(rows - 1));
  REQUIRE(it->Valid());
}

}  // namespace
}  // namespace nokv
