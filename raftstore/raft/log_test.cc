#include "raftstore/raft/log.h"

#include "raftstore/raft/testing/memory_disk.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace nokv::raft {
namespace {

using testing::MemoryDisk;

std::vector<Entry> Entries(Index first, const std::vector<Term>& terms) {
  std::vector<Entry> entries;
  for (const Term term : terms) {
    entries.push_back({first + entries.size(), term, EntryKind::kData,
                       Payload(std::to_string(first + entries.size()))});
  }
  return entries;
}

// A log over a disk that holds what was written and reported.
struct Fixture {
  Fixture() : disk(MakeConfiguration({1, 2, 3})), log(disk, 1, 1) {}

  uint64_t Take() {
    Ready ready;
    ready.number = ++writes;
    ready.entries = log.TakeUnwritten(ready.number, ready.snapshot);
    in_flight.push_back(ready);
    return ready.number;
  }

  void Complete(uint64_t number) {
    for (const Ready& ready : in_flight) {
      if (ready.number > completed && ready.number <= number) disk.Write(ready);
    }
    completed = number;
    log.Persisted(number);
  }

  MemoryDisk disk;
  Log log;
  std::vector<Ready> in_flight;
  uint64_t writes = 0;
  uint64_t completed = 0;
};

TEST_CASE("entries are in the log at once, and durable when their write completes", "[raft][log]") {
  Fixture f;
  f.log.Append(Entries(2, {1, 1, 2}));
  REQUIRE(f.log.last_index() == 4);
  REQUIRE(f.log.last_term() == 2);
  REQUIRE(f.log.persisted() == 1);
  const uint64_t first = f.Take();
  f.log.Append(Entries(5, {2}));
  const uint64_t second = f.Take();
  REQUIRE_FALSE(f.log.has_unwritten());
  f.Complete(first);
  REQUIRE(f.log.persisted() == 4);
  f.Complete(second);
  REQUIRE(f.log.persisted() == 5);
  REQUIRE(f.log.Read(2, 1 << 20)->size() == 4);
}

TEST_CASE("a write that completes does not make durable what has replaced it", "[raft][log]") {
  Fixture f;
  f.log.Append(Entries(2, {1, 1, 1}));
  const uint64_t first = f.Take();
  f.log.Append(Entries(3, {2}));
  const uint64_t second = f.Take();
  // What was replaced comes back, in a third write.
  f.log.Append(Entries(3, {3, 3}));
  const uint64_t third = f.Take();

  f.Complete(first);
  REQUIRE(f.log.persisted() == 2);
  f.Complete(second);
  REQUIRE(f.log.persisted() == 2);
  f.Complete(third);
  REQUIRE(f.log.persisted() == 4);
  REQUIRE(f.log.last_term() == 3);
}

TEST_CASE("entries are applied when they are committed and durable", "[raft][log]") {
  Fixture f;
  f.log.Append(Entries(2, {1, 1, 1}));
  const uint64_t write = f.Take();
  f.log.CommitTo(3);
  REQUIRE_FALSE(f.log.has_appliable());
  f.Complete(write);
  REQUIRE(f.log.has_appliable());
  const std::vector<Entry> applied = f.log.TakeAppliable().value();
  REQUIRE(applied.size() == 2);
  REQUIRE(applied.back().data.view() == "3");
  REQUIRE_FALSE(f.log.has_appliable());
  f.log.Applied(3);
  REQUIRE(f.log.applied() == 3);
}

TEST_CASE("what is handed out to apply is bounded in bytes", "[raft][log]") {
  Fixture f;
  f.log.set_applying_bytes_max(2 * (kEntryOverheadBytes + 1));
  f.log.Append(Entries(2, {1, 1, 1, 1, 1}));
  f.Complete(f.Take());
  f.log.CommitTo(6);
  REQUIRE(f.log.TakeAppliable()->size() == 2);
  REQUIRE_FALSE(f.log.has_appliable());
  f.log.Applied(2);
  f.log.Applied(3);
  REQUIRE(f.log.TakeAppliable()->size() == 2);
  f.log.Applied(5);
  REQUIRE(f.log.TakeAppliable()->size() == 1);
}

TEST_CASE("a snapshot replaces the log when it is durable", "[raft][log]") {
  Fixture f;
  f.log.Append(Entries(2, {1, 1}));
  f.Take();
  auto snapshot =
      std::make_shared<Snapshot>(Snapshot{10, 3, MakeConfiguration({1, 2, 3}), Payload()});
  f.log.Restore(snapshot);
  REQUIRE(f.log.first_index() == 11);
  REQUIRE(f.log.last_index() == 10);
  REQUIRE(f.log.committed() == 10);
  REQUIRE(f.log.TermAt(10) == 3);
  REQUIRE_FALSE(f.log.TermAt(2).has_value());
  f.log.Append(Entries(11, {3}));
  f.log.CommitTo(11);
  REQUIRE_FALSE(f.log.has_appliable());
  const uint64_t write = f.Take();
  f.Complete(write - 1);
  REQUIRE(f.log.has_pending_snapshot());
  f.Complete(write);
  REQUIRE_FALSE(f.log.has_pending_snapshot());
  REQUIRE(f.log.applied() == 10);
  REQUIRE(f.log.TakeAppliable()->front().index == 11);
}

TEST_CASE("the logs agree at the last index of a term that is not newer", "[raft][log]") {
  Fixture f;
  f.log.Append(Entries(2, {1, 2, 2, 4, 4, 4, 7}));  // 2 .. 8
  REQUIRE(f.log.LastIndexOfTermAtMost(8, 9) == 8);
  REQUIRE(f.log.LastIndexOfTermAtMost(8, 6) == 7);
  REQUIRE(f.log.LastIndexOfTermAtMost(8, 4) == 7);
  REQUIRE(f.log.LastIndexOfTermAtMost(6, 4) == 6);
  REQUIRE(f.log.LastIndexOfTermAtMost(8, 3) == 4);
  REQUIRE(f.log.LastIndexOfTermAtMost(8, 1) == 2);
  REQUIRE(f.log.LastIndexOfTermAtMost(8, 0) == 1);
  REQUIRE(f.log.LastIndexOfTermAtMost(100, 9) == 8);
  REQUIRE(f.log.LastIndexOfTermAtMost(0, 9) == 0);
}

TEST_CASE("entries that are already there are not replaced", "[raft][log]") {
  Fixture f;
  f.log.Append(Entries(2, {1, 2, 2}));
  f.log.CommitTo(3);
  REQUIRE(f.log.FirstNew(Entries(2, {1, 2})).value() == 4);
  REQUIRE(f.log.FirstNew(Entries(2, {1, 2, 2, 3})).value() == 5);
  REQUIRE(f.log.FirstNew(Entries(4, {3})).value() == 4);
  REQUIRE(f.log.FirstNew(Entries(3, {3})).status().code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("a read is bounded in bytes, gives one entry at least, and crosses into the tail",
          "[raft][log]") {
  Fixture f;
  f.log.Append(Entries(2, {1, 1}));
  f.Complete(f.Take());
  f.log.CommitTo(3);
  REQUIRE(f.log.TakeAppliable()->size() == 2);  // From here on these are read from the disk.
  f.log.Append(Entries(4, {1, 1}));
  REQUIRE(f.log.Read(2, 0)->size() == 1);
  REQUIRE(f.log.Read(2, 3 * (kEntryOverheadBytes + 1))->size() == 3);
  REQUIRE(f.log.Read(2, 1 << 20)->back().index == 5);
  REQUIRE(f.log.Read(6, 1 << 20)->empty());
  f.log.Applied(3);
  f.disk.Flush(3, MakeConfiguration({1, 2, 3}));
  f.disk.Compact(
      2, std::make_shared<Snapshot>(Snapshot{3, 1, MakeConfiguration({1, 2, 3}), Payload()}));
  REQUIRE(f.log.Read(2, 1 << 20).status().code() == absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace nokv::raft
