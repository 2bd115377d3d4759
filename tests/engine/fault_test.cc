// Disks that fill up, fail a sync, or fail any one call: what is said, and what goes on.
#include "tests/engine/crash_explorer.h"

#include <catch2/catch.hpp>

#include <string>

namespace nokv::tests {
namespace {

using vfs::OperationKind;

std::string Key(uint64_t number) { return fmt::format("key{:04}", number); }

Remains FreshDisk() {
  Remains fresh;
  fresh.disk = std::make_shared<vfs::MemFileSystem>();
  fresh.now_ms = 1'700'000'000'000;
  return fresh;
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

TEST_CASE("after a failed sync nothing is written until the database is opened again",
          "[engine][fault]") {
  Remains left;
  {
    Trial trial(FreshDisk(), TinyOptions(), 1);
    trial.Open();
    for (uint64_t i = 0; i < 10; ++i) trial.SetNext(Key(i), 400, Durability::kPower);
    trial.SetNext(Key(5), 300);
    trial.files().FailNth(OperationKind::kSync, 1, InternalError("fdatasync: Input/output error"));
    REQUIRE(trial.ok());
    const absl::Status failed = trial.db().Set("doubtful", "1", {.durability = Durability::kPower});
    REQUIRE_FALSE(failed.ok());
    INFO(failed.ToString());
    for (int i = 0; i < 3; ++i) {
      const absl::Status refused = trial.db().Set("later", "2");
      REQUIRE(refused.code() == absl::StatusCode::kFailedPrecondition);
      REQUIRE(StdView(refused.message()).find("Input/output error") != std::string_view::npos);
    }
    REQUIRE(trial.db().GetStats().read_only);
    REQUIRE_FALSE(trial.db().GetStats().read_only_cause.empty());
    REQUIRE(trial.db().Get(Key(5))->has_value());
    WriteBatch doubtful;
    doubtful.Set("doubtful", "1");
    trial.history().Submit(doubtful);
    left = trial.Copy();
  }
  left.disk->KillProcess();
  Trial trial(std::move(left), TinyOptions(), 2);
  trial.Recover(Crash::kProcess);
  trial.SetNext("again", 40, Durability::kPower);
  trial.ExpectNewest();
  INFO(trial.violation());
  REQUIRE(trial.ok());
}

Remains KilledCopy(Trial& trial) {
  Remains left = trial.Copy();
  left.disk->KillProcess();
  return left;
}

TEST_CASE("a full disk opens again after any number of deaths", "[engine][fault]") {
  Options options = TinyOptions();
  options.reserve_bytes = 256 << 10;
  Remains left;
  {
    Trial trial(FreshDisk(), options, 1);
    trial.disk().SetCapacityBytes(1 << 20);
    trial.Open();
    for (uint64_t i = 0; i < 300; ++i) {
      WriteBatch batch;
      batch.Set(Key(i), MakeValue(Key(i), i, 8000));
      if (!trial.TryWrite(batch)) break;
    }
    REQUIRE(trial.db().GetStats().disk_full);
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

TEST_CASE("a close makes everything durable", "[engine][fault]") {
  Trial trial(FreshDisk(), TinyOptions(), 1);
  trial.Open();
  for (uint64_t i = 0; i < 30; ++i) trial.SetNext(Key(i), i % 2 == 0 ? 60 : 6000);
  trial.Close();
  trial.history().MarkDurable();
  Remains left = trial.Copy();
  Random random(1);
  left.disk->PowerCut(random, vfs::PowerCutMode::kKeepNothing);
  Trial after(std::move(left), TinyOptions(), 2);
  after.Recover(Crash::kPower);
  after.ExpectNewest();
  INFO(after.violation());
  REQUIRE(after.ok());
}

TEST_CASE("a close that fails leaves what a death would", "[engine][fault]") {
  const OperationKind kind =
      GENERATE(OperationKind::kSync, OperationKind::kAppend, OperationKind::kSegmentWrite,
               OperationKind::kTruncate, OperationKind::kDirectorySync);
  const uint64_t nth = GENERATE(1u, 2u);
  Trial trial(FreshDisk(), TinyOptions(), 1);
  trial.Open();
  for (uint64_t i = 0; i < 30; ++i) trial.SetNext(Key(i), i % 2 == 0 ? 60 : 6000);
  trial.files().FailNth(kind, nth, InternalError("Input/output error"));
  trial.Close();
  Trial after(KilledCopy(trial), TinyOptions(), 2);
  after.Recover(Crash::kProcess);
  after.ExpectNewest();
  INFO(Name(kind) << " " << nth << ": " << after.violation());
  REQUIRE(after.ok());
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

TEST_CASE("a failed sync outside of a write ends writing too", "[engine][fault]") {
  // Whatever it says: a full disk heals, what a sync has lost does not.
  const absl::Status failure =
      GENERATE(InternalError("Input/output error"), ResourceExhaustedError("no space left"));
  const std::string call = GENERATE("create", "drop", "checkpoint", "compact");
  const bool is_checkpoint = call == "checkpoint";
  Trial trial(FreshDisk(), TinyOptions(), 1);
  trial.Open();
  const auto family = trial.db().CreateColumnFamily("other");
  REQUIRE(family.ok());
  for (int i = 0; i < 5; ++i) {
    trial.SetNext(Key(i % 2), 400);
    trial.Flush();
  }
  if (is_checkpoint) trial.SetNext("a", 400);
  trial.files().FailNth(is_checkpoint ? OperationKind::kSync : OperationKind::kDirectorySync, 1,
                        failure);
  absl::Status status;
  if (call == "create") status = trial.db().CreateColumnFamily("another").status();
  if (call == "drop") status = trial.db().DropColumnFamily(*family);
  if (call == "compact") status = trial.db().CompactRange({}, "", "");
  if (is_checkpoint) status = trial.db().Checkpoint("/copy");
  INFO(call << ": " << status.ToString());
  REQUIRE(status.code() == absl::StatusCode::kInternal);
  trial.MakeRoom();
  for (int i = 0; i < 2; ++i) {
    REQUIRE(trial.db().Set("later", "2").code() == absl::StatusCode::kFailedPrecondition);
  }
  REQUIRE(trial.db().GetStats().read_only);
  trial.ExpectNewest();
  INFO(trial.violation());
  REQUIRE(trial.ok());
}

// Calls that fail, in a script that goes on regardless as a stubborn program would.
class StubbornRun {
 public:
  // The n-th mutation (or read) fails once, after `skip` operations of its class.
  std::string Go(bool fail_reads, uint64_t n, bool* has_ended);

 private:
  void Write(uint64_t number);

  Trial* trial_ = nullptr;
  bool is_doubtful_ = false;  // The last write failed and may or may not be there.
};

void StubbornRun::Write(uint64_t number) {
  WriteBatch batch;
  const std::string key = Key(number % 12);
  batch.Set(key, MakeValue(key, number, number % 3 == 0 ? 3000 : 60));
  if (number % 4 == 1) batch.Delete(Key((number + 5) % 12));
  History before = trial_->history();
  if (is_doubtful_) trial_->history().Reject();
  trial_->history().Submit(batch);
  const Durability level = number % 5 == 0 ? Durability::kPower : Durability::kProcess;
  const absl::Status status = trial_->db().Write(batch, {.durability = level});
  if (status.ok()) {
    trial_->history().Acknowledge(level);
    is_doubtful_ = false;
  } else if (is_doubtful_) {
    trial_->history() = before;  // Still the first one that is in doubt.
  } else {
    is_doubtful_ = true;
  }
}

std::string StubbornRun::Go(bool fail_reads, uint64_t n, bool* has_ended) {
  Remains left;
  {
    Trial trial(FreshDisk(), TinyOptions(), 1);
    trial_ = &trial;
    uint64_t seen = 0;
    trial.files().SetHook([&](const vfs::Operation& operation) {
      const bool is_read = operation.kind == OperationKind::kRead;
      if ((fail_reads ? is_read : vfs::IsMutation(operation.kind)) && ++seen == n) {
        return vfs::FaultAction::Fail(
            InternalError("{} {}: Input/output error", Name(operation.kind), operation.path));
      }
      return vfs::FaultAction::Pass();
    });
    trial.Open();
    if (trial.ok()) {
      for (uint64_t i = 0; i < 60; ++i) {
        Write(i);
        if (i % 20 == 15) (void)trial.db().Flush();
        if (i == 36) (void)trial.db().CompactRange({}, "", "");
        if (i == 37) (void)trial.db().RunValueLogGC().status();
        if (i == 45) (void)trial.db().Checkpoint("/copy");
        // A read answers the truth or an error; what is in doubt may be either.
        std::string value;
        const auto found = trial.db().Get(ReadOptions{}, Key(i % 12), &value);
        uint64_t version = 0;
        if (found.ok() && *found && !ParseValue(Key(i % 12), value, &version)) {
          return "a wrong value came out: " + Quote(value);
        }
        const Stored* const expected = trial.history().newest().Find({}, Key(i % 12), 0);
        if (found.ok() && !is_doubtful_ &&
            (*found != (expected != nullptr) || (*found && value != *expected->value))) {
          return fmt::format("{} reads as {}", Key(i % 12), *found ? Quote(value) : "absent");
        }
      }
    }
    *has_ended = seen < n;
    left = trial.Copy();
  }
  left.disk->KillProcess();
  Trial trial(std::move(left), TinyOptions(), 2);
  trial.Recover(Crash::kProcess);
  trial.SetNext("after", 400, Durability::kPower);
  trial.Flush();
  trial.Compact();
  trial.Collect();
  trial.Verify();
  trial.ExpectNewest();
  return trial.violation();
}

TEST_CASE("any one call may fail: acknowledged writes are there, answers are right or errors",
          "[engine][fault]") {
  for (const bool fail_reads : {false, true}) {
    uint64_t n = 1;
    for (bool has_ended = false; !has_ended && n < 2000; ++n) {
      const std::string wrong = StubbornRun().Go(fail_reads, n, &has_ended);
      INFO((fail_reads ? "read " : "change ") << n << " fails");
      REQUIRE(wrong == "");
    }
    fmt::print("{} single failures of {}\n", n - 1, fail_reads ? "reads" : "changes");
  }
}

}  // namespace
}  // namespace nokv::tests
