// Disks that fail a sync, or any one call: what is said, and what goes on.
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

TEST_CASE("a database that another process has just created is opened, not created again",
          "[engine][fault]") {
  Trial trial(FreshDisk(), TinyOptions(), 1);
  // Between the look for the database and the lock on it.
  trial.files().SetHook([&, is_first = std::make_shared<bool>(true)](const auto& operation) {
    if (operation.kind != OperationKind::kLock || !*is_first) return vfs::FaultAction::Pass();
    *is_first = false;
    Remains same_disk = FreshDisk();
    same_disk.disk = std::shared_ptr<vfs::MemFileSystem>(&trial.disk(), [](auto*) {});
    Trial other(std::move(same_disk), TinyOptions(), 2);
    other.Open();
    WriteBatch batch;
    batch.Set("theirs", "1");
    other.Write(batch);
    other.Close();
    trial.history().Submit(batch);
    trial.history().Acknowledge(Durability::kProcess);
    return vfs::FaultAction::Pass();
  });
  trial.Open();
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
