// Threads that write, read, walk, take snapshots and do upkeep on one database at once.
//
// Keys come in groups. One writer owns a group and always writes all of it in one batch with the
// next version, so every reader can tell on its own whether what it sees could ever have been.
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/mutex.h"
#include "engine/base/random.h"
#include "engine/vfs/mem_file_system.h"
#include "engine/vfs/scratch_directory.h"
#include "tests/engine/crash_explorer.h"
#include "tests/engine/model.h"

#include <catch2/catch.hpp>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace nokv::tests {
namespace {

constexpr int kGroups = 6;
constexpr int kGroupKeys = 5;
constexpr int kGroupWriters = 3;

std::string Key(int group, int member) { return fmt::format("group{}/{:02}", group, member); }

// The first thing that went wrong, from any thread.
class Verdict {
 public:
  void Fail(std::string what) {
    MutexLock lock(mutex_);
    if (what_.empty()) what_ = std::move(what);
    has_failed_.store(true);
  }

  void Expect(const absl::Status& status, std::string_view what) {
    if (!status.ok()) Fail(fmt::format("{}: {}", what, status.ToString()));
  }

  bool has_failed() const { return has_failed_.load(); }

  std::string what() {
    MutexLock lock(mutex_);
    return what_;
  }

 private:
  Mutex mutex_;
  std::string what_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> has_failed_ = false;
};

class Crowd {
 public:
  Crowd(DB& db, Options options, uint64_t versions)
      : db_(db), options_(std::move(options)), versions_(versions) {}

  // Empty if all went well.
  std::string Run();

 private:
  void Write(int writer);
  void ReadKeys(uint64_t seed);
  void ReadGroups(uint64_t seed);
  void Walk(uint64_t seed);
  void KeepUp();
  void ComeAndGo();
  void Copy();

  bool is_over() const { return writers_left_.load() == 0 || verdict_.has_failed(); }

  // The version of a value, or 0 if the key is absent.
  uint64_t VersionOf(std::string_view key, bool is_found, std::string_view value);
  void ExpectWhole(int group, const std::vector<uint64_t>& seen, std::string_view how);

  DB& db_;
  const Options options_;
  const uint64_t versions_;
  Verdict verdict_;
  std::atomic<int> writers_left_ = kGroupWriters;
  std::atomic<uint64_t> newest_[kGroups] = {};  // Acknowledged versions.
};

uint64_t Crowd::VersionOf(std::string_view key, bool is_found, std::string_view value) {
  if (!is_found) return 0;
  uint64_t version = 0;
  if (!ParseValue(key, value, &version)) {
    verdict_.Fail(fmt::format("{} has {}", Quote(key), Quote(value)));
  }
  return version;
}

void Crowd::ExpectWhole(int group, const std::vector<uint64_t>& seen, std::string_view how) {
  for (const uint64_t version : seen) {
    if (version != seen.front() || seen.size() != kGroupKeys) {
      verdict_.Fail(
          fmt::format("group {} seen by {} is torn: {}", group, how, fmt::join(seen, " ")));
    }
  }
}

// Writer w owns the groups g with g mod kGroupWriters = w. The last groups blink: every seventh
// version of theirs is a deletion.
void Crowd::Write(int writer) {
  Random random(static_cast<uint64_t>(writer) + 1);
  for (uint64_t version = 1; version <= versions_ && !verdict_.has_failed(); ++version) {
    for (int group = writer; group < kGroups; group += kGroupWriters) {
      WriteBatch batch;
      const bool is_gone = group >= kGroups / 2 && version % 7 == 0;
      if (is_gone && version % 2 == 0) batch.DeleteRange(Key(group, 0), Key(group, kGroupKeys));
      for (int member = 0; member < kGroupKeys; ++member) {
        const std::string key = Key(group, member);
        if (!is_gone) {
          batch.Set(key, MakeValue(key, version, 30 + random.Uniform(3000)));
        } else if (version % 2 == 1) {
          batch.Delete(key);
        }
      }
      const Durability level = version % 50 == 0 ? Durability::kPower : Durability::kProcess;
      verdict_.Expect(db_.Write(batch, {.durability = level}), "write");
      newest_[group].store(version);
    }
    if (version % 100 == 0) {
      verdict_.Expect(db_.Set(fmt::format("big{}", writer), std::string(200'000, 'b')),
                      "big write");
    }
  }
  writers_left_.fetch_sub(1);
}

// A key never goes back, and is at least as new as what was acknowledged before the read.
void Crowd::ReadKeys(uint64_t seed) {
  Random random(seed);
  std::vector<uint64_t> last(kGroups * kGroupKeys);
  std::string value;
  while (!is_over()) {
    const int group = static_cast<int>(random.Uniform(kGroups / 2));  // Those that do not blink.
    const int member = static_cast<int>(random.Uniform(kGroupKeys));
    const std::string key = Key(group, member);
    uint64_t& seen = last[static_cast<size_t>(group) * kGroupKeys + static_cast<size_t>(member)];
    const uint64_t acknowledged = newest_[group].load();
    uint64_t version = 0;
    if (random.OneIn(2)) {
      PinnedValue pin;
      const auto found = db_.Get(ReadOptions{}, key, &pin);
      verdict_.Expect(found.status(), "pinned get");
      if (found.ok()) version = VersionOf(key, *found, pin.value());
    } else {
      const auto found = db_.Get(ReadOptions{}, key, &value);
      verdict_.Expect(found.status(), "get");
      if (found.ok()) version = VersionOf(key, *found, value);
    }
    if (version < seen || version < acknowledged) {
      verdict_.Fail(fmt::format("{} read as version {} after {} was seen and {} acknowledged",
                                Quote(key), version, seen, acknowledged));
    }
    seen = version;
  }
}

// Under a snapshot, and by MultiGet(), a batch is seen whole or not at all.
void Crowd::ReadGroups(uint64_t seed) {
  Random random(seed);
  std::string value;
  while (!is_over()) {
    const int group = static_cast<int>(random.Uniform(kGroups));
    std::vector<std::string> names;
    for (int member = 0; member < kGroupKeys; ++member) names.push_back(Key(group, member));
    std::vector<uint64_t> seen;
    if (random.OneIn(2)) {
      const std::unique_ptr<Snapshot> snapshot = db_.NewSnapshot();
      for (const std::string& name : names) {
        const auto found = db_.Get({.snapshot = snapshot.get()}, name, &value);
        verdict_.Expect(found.status(), "get under a snapshot");
        seen.push_back(found.ok() ? VersionOf(name, *found, value) : 0);
      }
      ExpectWhole(group, seen, "a snapshot");
      continue;
    }
    const std::vector<std::string_view> keys(names.begin(), names.end());
    const auto answers = db_.MultiGet({}, keys);
    verdict_.Expect(answers.status(), "MultiGet()");
    if (!answers.ok()) return;
    for (size_t i = 0; i < keys.size(); ++i) {
      const std::optional<std::string>& answer = (*answers)[i];
      seen.push_back(VersionOf(keys[i], answer.has_value(), answer.value_or("")));
    }
    ExpectWhole(group, seen, "MultiGet()");
  }
}

void Crowd::Walk(uint64_t seed) {
  Random random(seed);
  while (!is_over()) {
    const std::unique_ptr<Iterator> iterator = db_.NewIterator();
    std::vector<std::vector<uint64_t>> seen(kGroups);
    const bool is_forward = random.OneIn(2);
    is_forward ? iterator->SeekToFirst() : iterator->SeekToLast();
    while (iterator->Valid()) {
      const std::string key(iterator->key());
      if (key.starts_with("group")) {
        seen[static_cast<size_t>(key[5] - '0')].push_back(VersionOf(key, true, iterator->value()));
      }
      is_forward ? iterator->Next() : iterator->Prev();
    }
    verdict_.Expect(iterator->status(), "iterator");
    for (int group = 0; group < kGroups; ++group) {
      if (!seen[static_cast<size_t>(group)].empty()) {
        ExpectWhole(group, seen[static_cast<size_t>(group)], "an iterator");
      }
    }
  }
}

void Crowd::KeepUp() {
  for (uint64_t round = 0; !is_over(); ++round) {
    verdict_.Expect(db_.Flush(), "Flush()");
    if (round % 2 == 1) verdict_.Expect(db_.CompactRange({}, "", ""), "CompactRange()");
    verdict_.Expect(db_.RunValueLogGC(0.1).status(), "RunValueLogGC()");
    if (round % 4 == 3) verdict_.Expect(db_.Verify(), "Verify()");
    db_.GetStats();
    db_.ListSegments();
    db_.ListTables();
  }
}

// Column families come, take a few rows, and go.
void Crowd::ComeAndGo() {
  for (uint64_t round = 0; !is_over(); ++round) {
    const auto family = db_.CreateColumnFamily(fmt::format("family{}", round % 3));
    verdict_.Expect(family.status(), "CreateColumnFamily()");
    if (!family.ok()) return;
    for (int i = 0; i < 20; ++i) {
      WriteBatch batch;
      batch.Set(Key(9, i), MakeValue(Key(9, i), round, 600), *family);
      verdict_.Expect(db_.Write(batch), "write to a family");
    }
    std::string value;
    const auto found = db_.Get({.column_family = *family}, Key(9, 7), &value);
    verdict_.Expect(found.status(), "read of a family");
    if (found.ok() && VersionOf(Key(9, 7), *found, value) != round) {
      verdict_.Fail("a new column family shows rows of an old one");
    }
    verdict_.Expect(db_.DropColumnFamily(*family), "DropColumnFamily()");
  }
}

// Each checkpoint opens while everything goes on, and no batch in it is torn.
void Crowd::Copy() {
  for (int round = 0; round < 4 && !is_over(); ++round) {
    Options options = options_;
    options.directory = fmt::format("{}-copy{}", options_.directory, round);
    uint64_t acknowledged[kGroups];
    for (int group = 0; group < kGroups; ++group) acknowledged[group] = newest_[group].load();
    verdict_.Expect(db_.Checkpoint(options.directory), "Checkpoint()");
    const auto copy = DB::Open(options);
    verdict_.Expect(copy.status(), "opening a checkpoint");
    if (!copy.ok()) return;
    const auto contents = ReadEverything(**copy);
    verdict_.Expect(contents.status(), "reading a checkpoint");
    if (!contents.ok()) return;
    for (int group = 0; group < kGroups; ++group) {
      std::vector<uint64_t> seen;
      for (int member = 0; member < kGroupKeys; ++member) {
        const std::string key = Key(group, member);
        const Stored* const row = contents->state.Find({}, key, 0);
        seen.push_back(VersionOf(key, row != nullptr, row == nullptr ? "" : *row->value));
      }
      ExpectWhole(group, seen, "a checkpoint");
      if (group < kGroups / 2 && seen.front() < acknowledged[group]) {
        verdict_.Fail("a checkpoint lacks what was acknowledged before it");
      }
    }
  }
}

std::string Crowd::Run() {
  std::vector<std::thread> threads;
  for (int i = 0; i < kGroupWriters; ++i) threads.emplace_back([this, i] { Write(i); });
  threads.emplace_back([this] { ReadKeys(11); });
  threads.emplace_back([this] { ReadKeys(12); });
  threads.emplace_back([this] { ReadGroups(13); });
  threads.emplace_back([this] { Walk(14); });
  threads.emplace_back([this] { KeepUp(); });
  threads.emplace_back([this] { ComeAndGo(); });
  threads.emplace_back([this] { Copy(); });
  for (std::thread& thread : threads) thread.join();
  // No update was lost.
  for (int group = 0; group < kGroups && !verdict_.has_failed(); ++group) {
    const bool is_gone = group >= kGroups / 2 && versions_ % 7 == 0;
    std::string value;
    const auto found = db_.Get(ReadOptions{}, Key(group, 0), &value);
    verdict_.Expect(found.status(), "last get");
    if (found.ok() && VersionOf(Key(group, 0), *found, value) != (is_gone ? 0 : versions_)) {
      verdict_.Fail(fmt::format("group {} ends as {}", group, Quote(value)));
    }
  }
  return verdict_.what();
}

void RunCrowd(vfs::FileSystem& files, const std::string& directory, bool prefer_mapping) {
  const std::unique_ptr<Executor> executor = NewThreadPool(2);
  Options options;
  options.directory = directory;
  options.memory_bytes = 1 << 20;
  options.segment_bytes_max = 256 << 10;
  options.log_distance_bytes_max = 1 << 20;
  options.reserve_bytes = 0;
  options.prefer_mapping = prefer_mapping;
  options.table_bytes_target = 16 << 10;
  options.level_base_bytes = 64 << 10;
  options.environment = {.files = &files, .clock = &SystemClock(), .executor = executor.get()};
  const uint64_t versions = 400 * Scale() + 1;
  {
    auto db = DB::Open(options);
    REQUIRE(db.status().ToString() == "OK");
    REQUIRE(Crowd(**db, options, versions).Run() == "");
  }
  auto db = DB::Open(options);
  REQUIRE(db.status().ToString() == "OK");
  REQUIRE((*db)->Verify().ToString() == "OK");
  for (int group = 0; group < kGroups / 2; ++group) {
    std::string value;
    REQUIRE(*(*db)->Get(ReadOptions{}, Key(group, 0), &value));
    uint64_t version = 0;
    REQUIRE(ParseValue(Key(group, 0), value, &version));
    REQUIRE(version == versions);
  }
}

TEST_CASE("threads at work together see whole batches and lose nothing", "[engine][threads]") {
  SECTION("in memory") {
    vfs::MemFileSystem files;
    RunCrowd(files, "/db", true);
  }
  SECTION("in memory, without mapping") {
    vfs::MemFileSystem files;
    RunCrowd(files, "/db", false);
  }
  SECTION("on the machine's files") {
    const vfs::ScratchDirectory scratch;
    RunCrowd(vfs::PosixFileSystem(), scratch.Path("db"), true);
  }
}

}  // namespace
}  // namespace nokv::tests
