// Damages each kind of file in each way, and asks for everything.
//
// The answer may be an error that names the file, or the truth. It may never be something else: a
// wrong value, a missing row, a crash. In a database that was closed that goes for the end of the
// log too. In one that was killed it looks like a write that a death interrupted, so a prefix of
// the history is the truth there.
#include "engine/base/codec.h"
#include "engine/base/crc32c.h"
#include "tests/engine/crash_explorer.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace nokv::tests {
namespace {

constexpr uint64_t kCloseBytes = 10;  // Of the edit that a close leaves in the manifest.

std::string Key(uint64_t number) { return fmt::format("key{:04}", number); }

Options DamageOptions() {
  Options options = TinyOptions();
  options.create_if_missing = false;
  return options;
}

enum class Ending : uint8_t { kClosed, kKilled };

// A database with every kind of file: tables on two levels, sealed segments, a value file, and a
// segment with rows that are in no table yet.
Remains BuildDatabase(Ending ending) {
  Remains fresh;
  fresh.disk = std::make_shared<vfs::MemFileSystem>();
  fresh.now_ms = 1'700'000'000'000;
  Trial trial(std::move(fresh), TinyOptions(), 1);
  trial.Open();
  const ColumnFamilyHandle other = trial.CreateFamily("other");
  for (uint64_t i = 0; i < 40; ++i) trial.SetNext(Key(i), i % 2 == 0 ? 4000 : 50);
  trial.Flush();
  for (uint64_t i = 0; i < 30; ++i) trial.SetNext(Key(i), 3000);
  WriteBatch batch;
  for (uint64_t i = 0; i < 10; ++i) batch.Set(Key(i), MakeValue(Key(i), 7, 500), other);
  trial.Write(batch);
  trial.Flush();
  trial.Compact();
  trial.Compact(other);
  trial.Collect();
  for (uint64_t i = 20; i < 26; ++i) trial.SetNext(Key(i), 90);
  trial.DeleteRange(Key(30), Key(33));
  trial.Flush();
  for (uint64_t i = 0; i < 12; ++i) trial.SetNext(Key(i * 2), 700);
  trial.ExpectNewest();
  INFO(trial.violation());
  REQUIRE(trial.ok());
  trial.Settle();  // What nobody needs any more is gone, so every file matters.
  if (ending == Ending::kClosed) trial.Close();
  Remains left = trial.Copy();
  left.disk->KillProcess();
  return left;
}

std::string PathOf(const std::string& name) { return fmt::format("{}/{}", kDirectory, name); }

// "log", "sst", "MANIFEST" and so on.
std::string KindOf(const std::string& name) {
  const size_t dot = name.rfind('.');
  if (dot != std::string::npos) return name.substr(dot + 1);
  return name.substr(0, name.find('-'));
}

std::string NewestSegment(const std::vector<std::string>& names) {
  std::string newest;
  for (const std::string& name : names) {
    if (KindOf(name) == "log") newest = std::max(newest, name);
  }
  return newest;
}

struct Outcome {
  bool is_error = false;
  absl::Status status;    // Of the first call that failed.
  std::string violation;  // A wrong answer.
};

// Opens and reads everything, then lets Verify() look.
Outcome Ask(const Remains& remains, bool may_be_a_prefix) {
  ManualClock clock(remains.now_ms);
  ManualExecutor executor;
  Options options = DamageOptions();
  options.environment = {.files = remains.disk.get(), .clock = &clock, .executor = &executor};
  const auto db = DB::Open(options);
  if (!db.ok()) return {true, db.status(), ""};
  const auto contents = ReadEverything(**db);
  if (!contents.ok()) {
    // Internal is what ReadEverything() says when two ways of reading disagree.
    const bool is_wrong = contents.status().code() == absl::StatusCode::kInternal;
    return {true, contents.status(), is_wrong ? contents.status().ToString() : ""};
  }
  History history = remains.history;
  const std::string wrong = may_be_a_prefix
                                ? history.Settle(*contents, Crash::kPower, remains.now_ms)
                                : history.Compare(*contents, remains.now_ms);
  if (!wrong.empty()) return {false, absl::OkStatus(), "wrong answer:\n" + wrong};
  const absl::Status verified = (*db)->Verify();
  return {!verified.ok(), verified, ""};
}

// The end of a manifest looks like an edit that a death interrupted, too: what is noticed is the
// contradiction with the files that it does not know, and those are named.
bool NamesTheDamage(const absl::Status& status, const std::string& name) {
  if (KindOf(name) == "MANIFEST") return status.message().find("000") != absl::string_view::npos;
  const std::string_view text = StdView(status.message());
  return text.find(name) != std::string_view::npos;
}

class Damager {
 public:
  explicit Damager(Ending ending)
      : original_(BuildDatabase(ending)), names_(*original_.disk->List(std::string(kDirectory))) {
    if (ending == Ending::kKilled) open_end_ = NewestSegment(names_);
  }

  const std::vector<std::string>& names() const { return names_; }

  // The file whose end may look like a write that a death interrupted: none in a closed database.
  bool HasOpenEnd(const std::string& name) const { return name == open_end_; }

  uint64_t SizeOf(const std::string& name) { return *original_.disk->FileSize(PathOf(name)); }

  Outcome Try(const std::string& name,
              const std::function<absl::Status(vfs::MemFileSystem&, const std::string&)>& damage) {
    Remains remains = original_;
    remains.disk = std::shared_ptr<vfs::MemFileSystem>(original_.disk->Clone());
    REQUIRE(damage(*remains.disk, PathOf(name)).ok());
    return Ask(remains, HasOpenEnd(name));
  }

  const Remains& original() const { return original_; }

 private:
  const Remains original_;
  const std::vector<std::string> names_;
  std::string open_end_;
};

Damager EitherDamager() { return Damager(GENERATE(Ending::kClosed, Ending::kKilled)); }

// Files whose bytes carry data. The lock file and a reserve do not.
bool HoldsData(const std::string& name) {
  static const std::set<std::string> kNone = {"LOCK", "RESERVE", "spare"};
  return !kNone.contains(KindOf(name));
}

// Many places: all of the first and last bytes, where headers and footers are, and some between.
std::vector<uint64_t> Places(uint64_t size, uint64_t between, Random& random) {
  std::set<uint64_t> places;
  for (uint64_t i = 0; i < std::min<uint64_t>(size, 80); ++i) {
    places.insert(i);
    places.insert(size - 1 - i);
  }
  for (uint64_t i = 0; i < between && size > 0; ++i) places.insert(random.Uniform(size));
  return {places.begin(), places.end()};
}

TEST_CASE("a database with every kind of file is whole before it is damaged", "[engine][damage]") {
  Damager damager = EitherDamager();
  std::set<std::string> kinds;
  for (const std::string& name : damager.names()) kinds.insert(KindOf(name));
  INFO(damager.original().disk->Dump());
  REQUIRE(kinds.size() >= 5);
  const Outcome outcome =
      damager.Try("CURRENT", [](vfs::MemFileSystem&, const auto&) { return absl::OkStatus(); });
  INFO(outcome.status.ToString() << outcome.violation);
  REQUIRE_FALSE(outcome.is_error);
  REQUIRE(outcome.violation.empty());
}

TEST_CASE("a flipped bit is found and named, and no wrong value comes out", "[engine][damage]") {
  Damager damager = EitherDamager();
  Random random(7);
  for (const std::string& name : damager.names()) {
    if (!HoldsData(name)) continue;
    uint64_t unseen = 0;
    const std::vector<uint64_t> places = Places(damager.SizeOf(name), 60 * Scale(), random);
    for (const uint64_t place : places) {
      const int bit = static_cast<int>(random.Uniform(8));
      const Outcome outcome =
          damager.Try(name, [&](vfs::MemFileSystem& disk, const std::string& path) {
            return disk.FlipBit(path, place, bit);
          });
      INFO(name << " bit " << bit << " of byte " << place << ": " << outcome.status.ToString());
      CHECK(outcome.violation == "");
      if (outcome.is_error) CHECK(NamesTheDamage(outcome.status, name));
      unseen += outcome.is_error ? 0 : 1;
    }
    fmt::print("{}: {} of {} flipped bits changed nothing\n", name, unseen, places.size());
    // Padding and what was never written may flip unseen, data may not.
    if (!damager.HasOpenEnd(name)) CHECK(unseen * 4 <= places.size());
  }
}

TEST_CASE("a file cut short at any length is found and named", "[engine][damage]") {
  Damager damager = EitherDamager();
  Random random(8);
  for (const std::string& name : damager.names()) {
    if (!HoldsData(name)) continue;
    for (const uint64_t size : Places(damager.SizeOf(name), 30 * Scale(), random)) {
      const Outcome outcome =
          damager.Try(name, [&](vfs::MemFileSystem& disk, const std::string& path) {
            return disk.CutAt(path, size);
          });
      INFO(name << " cut at " << size << " of " << damager.SizeOf(name) << ": "
                << outcome.status.ToString());
      CHECK(outcome.violation == "");
      if (outcome.is_error) CHECK(NamesTheDamage(outcome.status, name));
      // A manifest without its last edit does not know that the database was closed; that is all.
      const bool lost_the_close =
          KindOf(name) == "MANIFEST" && size + kCloseBytes >= damager.SizeOf(name);
      if (!damager.HasOpenEnd(name) && !lost_the_close) CHECK(outcome.is_error);
    }
  }
}

TEST_CASE("a file whose end became zeros is found and named", "[engine][damage]") {
  Damager damager = EitherDamager();
  Random random(9);
  for (const std::string& name : damager.names()) {
    if (!HoldsData(name)) continue;
    for (const uint64_t from : Places(damager.SizeOf(name), 30 * Scale(), random)) {
      const Outcome outcome =
          damager.Try(name, [&](vfs::MemFileSystem& disk, const std::string& path) {
            return disk.ZeroFrom(path, from);
          });
      INFO(name << " zeros from " << from << ": " << outcome.status.ToString());
      CHECK(outcome.violation == "");
      if (outcome.is_error) CHECK(NamesTheDamage(outcome.status, name));
    }
  }
}

TEST_CASE("a missing file is an error, not an empty database", "[engine][damage]") {
  Damager damager = EitherDamager();
  for (const std::string& name : damager.names()) {
    // The writes of the newest segment are missed by nobody else.
    if (!HoldsData(name) || damager.HasOpenEnd(name)) continue;
    const Outcome outcome = damager.Try(
        name, [&](vfs::MemFileSystem& disk, const std::string& path) { return disk.Remove(path); });
    INFO(name << " is missing: " << outcome.status.ToString());
    CHECK(outcome.violation == "");
    CHECK(outcome.is_error);
  }
}

TEST_CASE("a foreign file under our name is refused, and foreign files are left alone",
          "[engine][damage]") {
  Damager damager = EitherDamager();
  for (const std::string& name : damager.names()) {
    if (!HoldsData(name) || damager.HasOpenEnd(name)) continue;
    const Outcome outcome =
        damager.Try(name, [&](vfs::MemFileSystem& disk, const std::string& path) {
          RETURN_IF_ERROR(disk.Remove(path));
          return vfs::ReplaceFile(disk, path, std::string(5000, '#') + "a letter to grandmother");
        });
    INFO(name << ": " << outcome.status.ToString());
    CHECK(outcome.violation == "");
    CHECK(outcome.is_error);
    CHECK(NamesTheDamage(outcome.status, name));
  }

  auto disk = std::make_shared<vfs::MemFileSystem>();
  const std::vector<std::string> letters = {"letter.txt", "holiday.log.txt", "000001.doc"};
  REQUIRE(disk->CreateDirectory(std::string(kDirectory)).ok());
  for (const std::string& letter : letters) {
    REQUIRE(vfs::ReplaceFile(*disk, PathOf(letter), "dear").ok());
  }
  Remains remains;
  remains.disk = disk;
  remains.now_ms = 1;
  {
    Trial trial(std::move(remains), TinyOptions(), 1);
    trial.Open();
    if (trial.ok()) {  // Refusing such a directory is as good.
      trial.SetNext("key", 500);
      trial.Flush();
      trial.Reopen();
    }
  }
  for (const std::string& letter : letters) {
    const auto text = vfs::ReadFile(*disk, PathOf(letter), 100);
    INFO(letter << ": " << text.status().ToString());
    REQUIRE(text.ok());
    REQUIRE(*text == "dear");
  }
}

TEST_CASE("a segment of another database is refused", "[engine][damage]") {
  Damager damager = EitherDamager();
  Remains other;
  other.disk = std::make_shared<vfs::MemFileSystem>();
  other.now_ms = 1'700'000'000'000;
  Trial stranger(std::move(other), TinyOptions(), 2);
  stranger.Open();
  for (uint64_t i = 0; i < 60; ++i) stranger.SetNext(Key(i), 4000);
  REQUIRE(stranger.ok());
  stranger.Close();
  const auto strange_names = *stranger.disk().List(std::string(kDirectory));
  for (const std::string& name : damager.names()) {
    const bool is_shared =
        std::find(strange_names.begin(), strange_names.end(), name) != strange_names.end();
    if (KindOf(name) != "log" || !is_shared) continue;
    const auto bytes = vfs::ReadFile(stranger.disk(), PathOf(name), 1 << 20);
    REQUIRE(bytes.ok());
    const Outcome outcome =
        damager.Try(name, [&](vfs::MemFileSystem& disk, const std::string& path) {
          RETURN_IF_ERROR(disk.Remove(path));
          return vfs::ReplaceFile(disk, path, *bytes);
        });
    INFO(name << ": " << outcome.status.ToString());
    CHECK(outcome.violation == "");
    CHECK(outcome.is_error);
  }
}

TEST_CASE("a newer format is named as such", "[engine][damage]") {
  // Segments and value files: magic u64, version u32, and at 60 the checksum of the 60 bytes.
  Damager damager = EitherDamager();
  for (const std::string& name : damager.names()) {
    if (KindOf(name) != "log" && KindOf(name) != "val") continue;
    const Outcome outcome =
        damager.Try(name, [&](vfs::MemFileSystem& disk, const std::string& path) {
          ASSIGN_OR_RETURN(std::string bytes, vfs::ReadFile(disk, path, 1 << 20));
          StoreFixed<uint32_t>(bytes.data() + 8, 99);
          StoreFixed<uint32_t>(bytes.data() + 60, Crc32c({bytes.data(), 60}));
          RETURN_IF_ERROR(disk.Remove(path));
          return vfs::ReplaceFile(disk, path, bytes);
        });
    INFO(name << ": " << outcome.status.ToString());
    CHECK(outcome.status.code() == absl::StatusCode::kUnimplemented);
    CHECK(NamesTheDamage(outcome.status, name));
  }
}

}  // namespace
}  // namespace nokv::tests
