#include "engine/log/writer.h"

#include "engine/log/test_log.h"
#include "engine/vfs/fault_file_system.h"

#include <atomic>
#include <thread>

namespace nokv::log {
namespace {

absl::Status Eio() { return InternalError("planned I/O error"); }

// A log over files that can fail.
struct FaultyLog : TestLog {
  vfs::FaultFileSystem faulty{files};

  void StartFaulty(uint64_t capacity_bytes = 16 << 10) {
    writer = std::make_unique<Writer>(Options(faulty));
    REQUIRE_OK(writer->OpenFirst(1, capacity_bytes, {}));
  }
};

}  // namespace

TEST_CASE("rolling seals a segment and goes on with the next number", "[log][writer]") {
  TestLog log;
  log.Start(4);
  const Position a = log.Set("a");
  REQUIRE(a == MakePosition(4, kFileHeaderBytes));
  const std::shared_ptr<Segment> first = log.writer->active();
  log.Roll(32 << 10);
  REQUIRE(first->sealed());
  REQUIRE(log.writer->active()->number() == 5);
  REQUIRE(log.writer->active()->capacity_bytes() == 32 << 10);
  REQUIRE(log.writer->appended() == MakePosition(5, kFileHeaderBytes));
  REQUIRE(log.Set("b") > a);
}

TEST_CASE("a segment is as large as the record that it is for", "[log][writer]") {
  TestLog log;
  log.Start();
  REQUIRE_OK(log.writer->Roll(4096, 100'000));
  REQUIRE(log.writer->active()->capacity_bytes() == 100'000);
}

TEST_CASE("what was synced survives a power cut, in all segments", "[log][writer]") {
  const bool map = GENERATE(true, false);
  TestLog log;
  REQUIRE_OK(log.files.SyncDirectory("/"));
  log.Start(1, 16 << 10, map);
  const Position a = log.Set("a");
  REQUIRE(log.writer->durable() <= a);
  log.Roll();
  const Position b = log.Set("b");
  REQUIRE_OK(log.writer->SyncTo(log.writer->appended()));
  REQUIRE(log.writer->durable() == log.writer->appended());
  REQUIRE(log.writer->syncs() == 1);
  REQUIRE_OK(log.writer->SyncTo(b));  // Nothing to do.
  REQUIRE(log.writer->syncs() == 1);
  log.Set("lost");
  REQUIRE(log.writer->durable() < log.writer->appended());
  log.writer.reset();
  Random random(1);
  log.files.PowerCut(random, vfs::PowerCutMode::kKeepNothing);

  for (const Position position : {a, b}) {
    const auto segment = Value(Segment::Open(log.files, kTestDirectory, SegmentOf(position),
                                             {.database_id = kTestDatabase}));
    Record record;
    std::string scratch;
    REQUIRE(Value(segment->Decode(OffsetOf(position), &record, &scratch)));
    REQUIRE(record.key == (position == a ? "a" : "b"));
    REQUIRE(segment->sealed() == (position == a));
  }
}

TEST_CASE("the first sync covers recovered segments", "[log][writer]") {
  TestLog log;
  log.Start(1);
  log.Set("a");
  log.Kill();
  const auto recovered =
      Value(Segment::Open(log.files, kTestDirectory, 1, {.database_id = kTestDatabase}));
  REQUIRE_OK(recovered->EndAt(kFileHeaderBytes + 32, log.files, true));
  REQUIRE_OK(recovered->WriteFooter(0));
  log.writer = std::make_unique<Writer>(log.Options(log.files));
  REQUIRE_OK(log.writer->OpenFirst(2, 16 << 10, {recovered}));
  REQUIRE(log.writer->durable() == MakePosition(1, 0));
  REQUIRE(recovered->size_bytes() < Value(log.files.FileSize(log.PathOf(1))));
  log.Sync();
  REQUIRE(log.writer->durable() == MakePosition(2, kFileHeaderBytes));
  REQUIRE(recovered->size_bytes() == Value(log.files.FileSize(log.PathOf(1))));
}

TEST_CASE("a closed log is sealed, durable and ends where it says", "[log][writer]") {
  const bool map = GENERATE(true, false);
  const bool is_empty = GENERATE(true, false);
  TestLog log;
  REQUIRE_OK(log.files.SyncDirectory("/"));
  log.Start(1, 16 << 10, map);
  log.Set("a");
  log.Roll();
  if (!is_empty) log.Set("b");
  REQUIRE(Value(log.writer->Close()) == (is_empty ? 2 : 3));
  log.writer.reset();
  Random random(1);
  log.files.PowerCut(random, vfs::PowerCutMode::kKeepNothing);
  for (uint32_t number = 1; number < (is_empty ? 2u : 3u); ++number) {
    REQUIRE(Value(Segment::Open(log.files, kTestDirectory, number, {.database_id = kTestDatabase}))
                ->sealed());
  }
}

TEST_CASE("a log that can't be made durable is not closed", "[log][writer]") {
  const auto kind = GENERATE(vfs::OperationKind::kSync, vfs::OperationKind::kTruncate,
                             vfs::OperationKind::kDirectorySync, vfs::OperationKind::kSegmentWrite);
  FaultyLog log;
  log.StartFaulty();
  log.Set("a");
  log.faulty.FailNth(kind, 1, Eio());
  REQUIRE(log.writer->Close().status() == Eio());
}

TEST_CASE("half a seal is no full disk that heals", "[log][writer]") {
  FaultyLog log;
  log.StartFaulty();
  log.Set("a");
  // The header of the next segment is written first, then the footer and the trailer.
  const uint64_t nth = GENERATE(2, 3);
  log.faulty.FailNth(vfs::OperationKind::kSegmentWrite, nth, ResourceExhaustedError("no space"));
  REQUIRE(log.writer->Roll(16 << 10, 0).code() == absl::StatusCode::kInternal);
}

TEST_CASE("a failed sync is final", "[log][writer]") {
  FaultyLog log;
  log.StartFaulty();
  log.Set("a");
  log.Sync();
  const Position durable = log.writer->durable();
  log.Set("b");
  log.faulty.FailNth(vfs::OperationKind::kSync, 1, Eio());
  REQUIRE(log.writer->SyncTo(log.writer->appended()) == Eio());
  REQUIRE(log.writer->durable() == durable);
  // The disk works again; nobody knows what it has.
  REQUIRE(log.writer->SyncTo(log.writer->appended()) == Eio());
  REQUIRE(log.writer->durable() == durable);
  absl::Status told;
  log.writer->SyncTo(log.writer->appended(), [&](const absl::Status& status) { told = status; });
  log.executor.RunUntilIdle();
  REQUIRE(told == Eio());
}

TEST_CASE("a sync that fails for want of space is final too, and no full disk that heals",
          "[log][writer]") {
  FaultyLog log;
  log.StartFaulty();
  log.Set("a");
  log.faulty.FailNth(vfs::OperationKind::kSync, 1, ResourceExhaustedError("no space left"));
  REQUIRE(log.writer->SyncTo(log.writer->appended()).code() == absl::StatusCode::kInternal);
  REQUIRE(log.writer->SyncTo(log.writer->appended()).code() == absl::StatusCode::kInternal);
}

TEST_CASE("a failed truncation or directory sync fails the sync", "[log][writer]") {
  const auto kind = GENERATE(vfs::OperationKind::kTruncate, vfs::OperationKind::kDirectorySync);
  FaultyLog log;
  log.StartFaulty();
  log.Set("a");
  log.Roll();
  log.faulty.FailNth(kind, 1, Eio());
  REQUIRE(log.writer->SyncTo(log.writer->appended()) == Eio());
  REQUIRE(log.writer->durable() == MakePosition(1, 0));
}

TEST_CASE("a directory is synced once for each new segment", "[log][writer]") {
  FaultyLog log;
  log.StartFaulty();
  for (int i = 0; i < 5; ++i) {
    log.Set("a");
    log.Sync();
  }
  REQUIRE(log.faulty.count(vfs::OperationKind::kDirectorySync) == 1);
  log.Roll();
  log.Sync();
  REQUIRE(log.faulty.count(vfs::OperationKind::kDirectorySync) == 2);
}

TEST_CASE("a sync through the executor is never done inside the call", "[log][writer]") {
  TestLog log;
  log.Start();
  log.Set("a");
  int calls = 0;
  for (int i = 0; i < 3; ++i) {
    log.writer->SyncTo(log.writer->appended(), [&](const absl::Status& status) {
      REQUIRE(status.ok());
      REQUIRE(log.writer->durable() == log.writer->appended());
      ++calls;
    });
  }
  REQUIRE(calls == 0);
  log.writer->WaitForSyncs();
  REQUIRE(calls == 3);
  REQUIRE(log.writer->syncs() == 1);
}

TEST_CASE("those who wait for a sync together share it", "[log][writer]") {
  FaultyLog log;
  log.StartFaulty();
  std::atomic<int> waiting{0};
  std::atomic<bool> is_open{false};
  // Holds the first sync until the others are about to wait.
  log.faulty.SetHook([&](const vfs::Operation& operation) {
    if (operation.kind == vfs::OperationKind::kSync && operation.nth_of_kind == 1) {
      while (!is_open.load()) std::this_thread::yield();
    }
    return vfs::FaultAction::Pass();
  });
  const Position a = log.Set("a");
  std::thread leader([&] { REQUIRE_OK(log.writer->SyncTo(a + 1)); });
  while (log.faulty.count(vfs::OperationKind::kSync) == 0) std::this_thread::yield();
  log.Set("b");
  const Position end = log.writer->appended();
  constexpr int kFollowers = 6;
  std::vector<std::thread> followers;
  std::atomic<int> failures{0};
  for (int i = 0; i < kFollowers; ++i) {
    followers.emplace_back([&] {
      waiting.fetch_add(1);
      if (!log.writer->SyncTo(end).ok() || log.writer->durable() < end) failures.fetch_add(1);
    });
  }
  while (waiting.load() < kFollowers) std::this_thread::yield();
  is_open.store(true);
  leader.join();
  for (std::thread& follower : followers) follower.join();
  REQUIRE(failures == 0);
  // The one that was held knew nothing of b; one more was enough for all the others.
  REQUIRE(log.writer->syncs() == 2);
  REQUIRE(log.writer->durable() == end);
}

TEST_CASE("syncs run beside appends and rolls", "[log][writer]") {
  TestLog log;
  log.Start(1, 4096);
  std::atomic<bool> is_done{false};
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      Position seen = 0;
      while (!is_done.load()) {
        const Position wanted = log.writer->appended();
        if (!log.writer->SyncTo(wanted).ok() || log.writer->durable() < wanted) failures++;
        if (log.writer->durable() < seen) failures++;
        seen = log.writer->durable();
      }
    });
  }
  const std::string value(100, 'v');
  for (int i = 0; i < 2000; ++i) {
    if (!log.writer->active()->HasRoom(256, 1)) log.Roll(4096);
    log.Set("key", value, kHasOrdinal);
  }
  is_done.store(true);
  for (std::thread& thread : threads) thread.join();
  REQUIRE(failures == 0);
  log.Sync();
  REQUIRE(log.writer->durable() == log.writer->appended());
  for (uint32_t number = 1; number < log.writer->active()->number(); ++number) {
    REQUIRE(Value(Segment::Open(log.files, kTestDirectory, number, {.database_id = kTestDatabase}))
                ->sealed());
  }
}

TEST_CASE("one spare is prepared, used by the next roll, and wanted again", "[log][writer]") {
  TestLog log;
  log.Start();
  REQUIRE(log.writer->WantsSpare());
  REQUIRE_FALSE(log.writer->WantsSpare());  // It is being prepared.
  log.writer->PrepareSpare(8192);
  REQUIRE_FALSE(log.writer->WantsSpare());
  REQUIRE(log.files.Exists("/db/000001.spare"));
  log.Roll(4096);
  REQUIRE_FALSE(log.files.Exists("/db/000001.spare"));
  REQUIRE(log.writer->active()->capacity_bytes() == 8192);
  REQUIRE(log.files.Exists(log.PathOf(2)));
  REQUIRE(log.writer->WantsSpare());
}

TEST_CASE("a spare that is too small stays, and one that is in the way goes", "[log][writer]") {
  TestLog log;
  log.Start();
  REQUIRE(log.writer->WantsSpare());
  log.writer->PrepareSpare(4096);
  REQUIRE_OK(log.writer->Roll(4096, 10'000));
  REQUIRE(log.writer->active()->capacity_bytes() == 10'000);
  REQUIRE(log.files.Exists("/db/000001.spare"));
  log.writer->DropSpare();
  REQUIRE_FALSE(log.files.Exists("/db/000001.spare"));
  log.writer->DropSpare();
  REQUIRE(log.writer->WantsSpare());
}

TEST_CASE("a full disk leaves no spare behind, and asks again", "[log][writer]") {
  FaultyLog log;
  log.StartFaulty();
  log.faulty.FailAll(vfs::OperationKind::kAllocate, ResourceExhaustedError("no space"));
  REQUIRE(log.writer->WantsSpare());
  log.writer->PrepareSpare(4096);
  REQUIRE(Value(log.files.List(kTestDirectory)).size() == 1);
  REQUIRE(log.writer->WantsSpare());
}

TEST_CASE("a freed segment becomes the spare, or goes if there is one", "[log][writer]") {
  TestLog log;
  log.Start(1, 8192);
  log.Roll(8192);
  log.Roll(8192);
  log.Sync();
  REQUIRE_OK(log.writer->RecycleOrRemove(1, 8192));
  REQUIRE_FALSE(log.files.Exists(log.PathOf(1)));
  REQUIRE(log.files.Exists("/db/000001.spare"));
  REQUIRE_OK(log.writer->RecycleOrRemove(2, 8192));
  REQUIRE_FALSE(log.files.Exists(log.PathOf(2)));
  REQUIRE(Value(log.files.List(kTestDirectory)).size() == 2);
  log.Roll(8192);
  REQUIRE(log.writer->active()->number() == 4);
  log.Set("b");
  log.Sync();
}

TEST_CASE("a roll on a full disk leaves the log as it was", "[log][writer]") {
  FaultyLog log;
  log.StartFaulty();
  log.Set("a");
  const std::shared_ptr<Segment> active = log.writer->active();
  const Position appended = log.writer->appended();
  const std::string before = log.files.Dump();
  log.faulty.FailAll(vfs::OperationKind::kAllocate, ResourceExhaustedError("no space"));
  REQUIRE(absl::IsResourceExhausted(log.writer->Roll(16 << 10, 0)));
  REQUIRE(log.writer->active() == active);
  REQUIRE_FALSE(active->sealed());
  REQUIRE(log.writer->appended() == appended);
  REQUIRE(log.files.Dump() == before);

  // There is room left in the old one, and later for a new one.
  REQUIRE(log.Set("b") == appended);
  log.Sync();
  log.faulty.ClearFaults();
  log.Roll();
  REQUIRE(log.Set("c") == MakePosition(2, kFileHeaderBytes));
  log.Sync();
}

TEST_CASE("a failed append is told, and the record is not there", "[log][writer]") {
  FaultyLog log;
  log.StartFaulty();
  const Position a = log.Set("a");
  log.faulty.FailNth(vfs::OperationKind::kSegmentWrite, 1, Eio());
  const RecordDraft::Fields fields = SetFields("b", "value");
  RecordDraft draft(fields);
  const Position failed = log.writer->active()->NextPosition();
  REQUIRE(log.writer->Append(draft, fields.key, fields.value) == Eio());
  Record record;
  std::string scratch;
  REQUIRE(Value(log.writer->active()->Decode(OffsetOf(a), &record, &scratch)));
  REQUIRE_FALSE(Value(log.writer->active()->Decode(OffsetOf(failed), &record, &scratch)));
}

}  // namespace nokv::log
