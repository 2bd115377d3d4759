// Disks that fill up, and have space again: what is refused, what goes on, and what is set aside.
#include "tests/engine/crash_explorer.h"

#include <catch2/catch.hpp>

#include <memory>
#include <string>

namespace nokv::tests {
namespace {

using vfs::OperationKind;

constexpr uint64_t kReserveBytes = 256 << 10;

std::string Key(uint64_t number) { return fmt::format("key{:04}", number); }

Remains FreshDisk() {
  Remains fresh;
  fresh.disk = std::make_shared<vfs::MemFileSystem>();
  fresh.now_ms = 1'700'000'000'000;
  return fresh;
}

Remains KilledCopy(Trial& trial) {
  Remains left = trial.Copy();
  left.disk->KillProcess();
  return left;
}

Options RoomyReserve() {
  Options options = TinyOptions();
  options.reserve_bytes = 512 << 10;
  options.background_work = true;
  return options;
}

TEST_CASE("a full disk refuses writes, serves reads, and heals when rows are deleted",
          "[engine][fault]") {
  Trial trial(FreshDisk(), RoomyReserve(), 1);
  trial.disk().SetCapacityBytes(6 << 20);
  trial.Open();
  uint64_t count = 0;
  for (; count < 2000 && trial.ok(); ++count) {
    WriteBatch batch;
    batch.Set(Key(count), MakeValue(Key(count), count, 8000));
    if (!trial.TryWrite(batch)) break;
    trial.RunBackground(2);
  }
  INFO(trial.violation());
  REQUIRE(trial.ok());
  REQUIRE(count < 2000);
  REQUIRE(count > 300);
  REQUIRE(trial.db().GetStats().disk_full);
  trial.ExpectNewest();

  // Deletes need room too: that is what the reserve is for.
  for (uint64_t i = 0; i < count && trial.ok(); ++i) {
    WriteBatch batch;
    batch.Delete(Key(i));
    const bool is_deleted = trial.TryWrite(batch);
    INFO("delete " << i << " of " << count);
    REQUIRE(is_deleted);
  }
  trial.Flush();
  trial.Compact();
  trial.Collect();
  trial.Settle();
  trial.ExpectNewest();
  trial.Advance(absl::Minutes(1));  // It looks for space again only now and then.
  for (uint64_t i = 0; i < 100; ++i) trial.SetNext(Key(i), 8000);
  INFO(trial.violation());
  REQUIRE(trial.ok());
  REQUIRE_FALSE(trial.db().GetStats().disk_full);
  trial.Reopen();
  trial.Verify();
  INFO(trial.violation());
  REQUIRE(trial.ok());
}

TEST_CASE("a full disk heals by itself when somebody else makes room", "[engine][fault]") {
  Options options = TinyOptions();
  options.background_work = true;
  Trial trial(FreshDisk(), options, 1);
  trial.disk().SetCapacityBytes(1 << 20);
  trial.Open();
  bool is_full = false;
  for (uint64_t i = 0; i < 400 && trial.ok() && !is_full; ++i) {
    WriteBatch batch;
    batch.Set(Key(i), MakeValue(Key(i), i, 8000));
    is_full = !trial.TryWrite(batch);
  }
  REQUIRE(is_full);
  trial.disk().SetCapacityBytes(64 << 20);
  trial.Advance(absl::Minutes(1));
  for (uint64_t i = 0; i < 100; ++i) trial.SetNext(Key(i), 8000);
  trial.Settle();
  trial.Flush();
  trial.Reopen();
  INFO(trial.violation());
  REQUIRE(trial.ok());
}

Options WithReserve() {
  Options options = TinyOptions();
  options.reserve_bytes = kReserveBytes;
  return options;
}

// Opens on a disk of a mebibyte and writes until it is full.
void FillDisk(Trial& trial) {
  trial.disk().SetCapacityBytes(1 << 20);
  trial.Open();
  for (uint64_t i = 0; i < 300; ++i) {
    WriteBatch batch;
    batch.Set(Key(i), MakeValue(Key(i), i, 8000));
    if (!trial.TryWrite(batch)) break;
  }
  INFO(trial.violation());
  REQUIRE(trial.ok());
  REQUIRE(trial.db().GetStats().disk_full);
}

TEST_CASE("a full disk opens again after any number of deaths", "[engine][fault]") {
  const Options options = WithReserve();
  Remains left;
  {
    Trial trial(FreshDisk(), options, 1);
    FillDisk(trial);
    left = KilledCopy(trial);
  }
  // Whoever opened it last found no use for the segment that it began.
  for (int death = 0; death < 30; ++death) {
    Trial trial(std::move(left), options, 1);
    trial.Recover(Crash::kProcess);
    INFO("after death " << death << ": " << trial.violation());
    REQUIRE(trial.ok());
    left = KilledCopy(trial);
  }
  Trial trial(std::move(left), options, 1);
  trial.Recover(Crash::kProcess);
  trial.Del(Key(0));
  trial.ExpectNewest();
  INFO(trial.violation());
  REQUIRE(trial.ok());
}

TEST_CASE("no spare segment is made while the disk is full", "[engine][fault]") {
  Trial trial(FreshDisk(), WithReserve(), 1);
  FillDisk(trial);
  for (uint64_t i = 0; i < 20; ++i) {
    trial.Del(Key(i));
    trial.Settle();
    const auto names = trial.disk().List(std::string(kDirectory));
    REQUIRE(names.ok());
    for (const std::string& name : *names) {
      INFO(name << " after delete " << i);
      REQUIRE_FALSE(name.ends_with(".spare"));
    }
  }
  INFO(trial.violation());
  REQUIRE(trial.ok());
}

TEST_CASE("a reserve that a crash left short is made anew", "[engine][fault]") {
  const std::string path = fmt::format("{}/RESERVE", kDirectory);
  Trial trial(FreshDisk(), WithReserve(), 1);
  trial.Open();
  trial.Close();
  REQUIRE(*trial.disk().FileSize(path) == kReserveBytes);
  REQUIRE(trial.disk().CutAt(path, GENERATE(0, 100, 128 << 10)).ok());
  trial.Open();
  INFO(trial.violation());
  REQUIRE(trial.ok());
  REQUIRE(*trial.disk().FileSize(path) == kReserveBytes);
}

bool TakesWrite(Trial& trial, ColumnFamilyHandle family) {
  WriteBatch batch;
  batch.Set("k", std::string(600, 'v'), family);
  const absl::Status status = trial.db().Write(batch);
  INFO(status.ToString());
  std::string value;
  const auto found = trial.db().Get({.column_family = family}, "k", &value);
  return status.ok() && found.ok() && *found;
}

// The nth append to a manifest meets a full disk, once.
void FillDiskAtManifestAppend(Trial& trial, uint64_t nth) {
  trial.files().SetHook([nth, seen = std::make_shared<uint64_t>(0)](const auto& operation) {
    const bool is_edit = operation.kind == OperationKind::kAppend &&
                         operation.path.find("MANIFEST") != std::string_view::npos;
    if (!is_edit || ++*seen != nth) return vfs::FaultAction::Pass();
    return vfs::FaultAction::Fail(ResourceExhaustedError("no space left on device"));
  });
}

TEST_CASE("a column family whose creation met a full disk can be created again",
          "[engine][fault]") {
  const bool fails_in_rotation = GENERATE(false, true);
  Trial trial(FreshDisk(), TinyOptions(), 1);
  trial.Open();
  trial.RunBackground(0);
  trial.SetNext("a", 40);
  if (fails_in_rotation) {
    trial.files().FailAll(OperationKind::kAllocate, ResourceExhaustedError("no space left"));
  } else {
    FillDiskAtManifestAppend(trial, 1);
  }
  REQUIRE(absl::IsResourceExhausted(trial.db().CreateColumnFamily("other").status()));
  trial.files().ClearFaults();
  trial.MakeRoom();
  REQUIRE_FALSE(TakesWrite(trial, {1}));
  const auto created = trial.db().CreateColumnFamily("other");
  INFO(created.status().ToString());
  REQUIRE(created.ok());
  REQUIRE(TakesWrite(trial, *created));
  trial.Close();
  trial.Open();
  INFO(trial.violation());
  REQUIRE(trial.ok());
  REQUIRE(TakesWrite(trial, *trial.db().FindColumnFamily("other")));
}

TEST_CASE("a column family whose end met a full disk takes writes again", "[engine][fault]") {
  const uint64_t nth = GENERATE(1, 2);  // The edit of the flush, and that of the end.
  Trial trial(FreshDisk(), TinyOptions(), 1);
  trial.Open();
  const auto family = trial.db().CreateColumnFamily("other");
  REQUIRE(family.ok());
  REQUIRE(TakesWrite(trial, *family));
  FillDiskAtManifestAppend(trial, nth);
  REQUIRE(absl::IsResourceExhausted(trial.db().DropColumnFamily(*family)));
  trial.files().ClearFaults();
  trial.MakeRoom();
  REQUIRE(TakesWrite(trial, *family));
  REQUIRE(trial.db().DropColumnFamily(*family).ToString() == "OK");
  REQUIRE_FALSE(TakesWrite(trial, *family));
  const auto next = trial.db().CreateColumnFamily("next");
  REQUIRE(next.ok());
  std::string value;
  REQUIRE_FALSE(*trial.db().Get({.column_family = *next}, "k", &value));
  REQUIRE(TakesWrite(trial, *next));
}

}  // namespace
}  // namespace nokv::tests
