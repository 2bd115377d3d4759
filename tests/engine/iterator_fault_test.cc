// Readers and their files: an end that is none must not look like one, and what nobody reads goes.
#include "tests/engine/crash_explorer.h"

#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <vector>

namespace nokv::tests {
namespace {

using vfs::OperationKind;

constexpr uint64_t kKeys = 60;

std::string Key(uint64_t number) { return fmt::format("key{:04}", number); }

// Three overlapping tables of level 0, one below, and a few rows in the log.
void WriteLayers(Trial& trial) {
  trial.Open();
  for (uint64_t i = 0; i < kKeys; ++i) trial.SetNext(Key(i), 100);
  trial.Compact();
  for (uint64_t layer = 0; layer < 3; ++layer) {
    for (uint64_t i = layer; i < kKeys; i += 4) trial.SetNext(Key(i), 100 + layer);
    trial.Flush();
  }
  for (uint64_t i = 0; i < kKeys; i += 9) trial.SetNext(Key(i), 50);
  INFO(trial.violation());
  REQUIRE(trial.ok());
}

struct Walk {
  std::vector<std::string> keys;
  absl::Status status;
};

Walk WalkAll(Iterator& rows, bool is_backward) {
  Walk walk;
  if (is_backward) {
    for (rows.SeekToLast(); rows.Valid(); rows.Prev()) walk.keys.emplace_back(rows.key());
  } else {
    for (rows.SeekToFirst(); rows.Valid(); rows.Next()) walk.keys.emplace_back(rows.key());
  }
  walk.status = rows.status();
  return walk;
}

TEST_CASE("a walk that a failed read ends tells it, and the next one starts afresh",
          "[engine][fault][iterator]") {
  const bool is_backward = GENERATE(false, true);
  Options options = TinyOptions();
  options.memory_bytes = 64 << 10;  // Few blocks are cached.
  Remains fresh;
  fresh.disk = std::make_shared<vfs::MemFileSystem>();
  Trial trial(std::move(fresh), options, 1);
  WriteLayers(trial);
  uint64_t failures = 0;
  for (uint64_t nth = 1; nth < 1000; ++nth) {
    trial.Reopen();  // With an empty cache.
    REQUIRE(trial.ok());
    const uint64_t before = trial.files().count(OperationKind::kRead);
    trial.files().FailNth(OperationKind::kRead, nth, InternalError("Input/output error"));
    const std::unique_ptr<Iterator> rows = trial.db().NewIterator();
    Walk walk = WalkAll(*rows, is_backward);
    INFO("read " << nth << ": " << walk.status.ToString());
    if (trial.files().count(OperationKind::kRead) < before + nth) {
      REQUIRE(walk.status.ok());
      REQUIRE(walk.keys.size() == kKeys);
      break;
    }
    ++failures;
    // Every key that came is right, and none is left out before the failure.
    for (uint64_t i = 0; i < walk.keys.size(); ++i) {
      REQUIRE(walk.keys[i] == Key(is_backward ? kKeys - 1 - i : i));
    }
    REQUIRE_FALSE(walk.status.ok());
    trial.files().ClearFaults();
    walk = WalkAll(*rows, is_backward);
    REQUIRE(walk.status.ToString() == "OK");
    REQUIRE(walk.keys.size() == kKeys);
  }
  fmt::print("{} failed reads\n", failures);
  REQUIRE(failures > 5);
}

TEST_CASE("an iterator over no column family says so after every seek",
          "[engine][fault][iterator]") {
  Remains fresh;
  fresh.disk = std::make_shared<vfs::MemFileSystem>();
  Trial trial(std::move(fresh), TinyOptions(), 1);
  trial.Open();
  trial.SetNext("a", 40);
  IteratorOptions options;
  options.column_family = {7};
  const std::unique_ptr<Iterator> rows = trial.db().NewIterator(options);
  for (int i = 0; i < 2; ++i) {
    rows->SeekToFirst();
    REQUIRE_FALSE(rows->Valid());
    REQUIRE(absl::IsInvalidArgument(rows->status()));
    rows->SeekToLast();
    REQUIRE_FALSE(rows->Valid());
    REQUIRE(absl::IsInvalidArgument(rows->status()));
  }
}

TEST_CASE("the last reader's files go in the background, without another write",
          "[engine][iterator]") {
  const std::string reader = GENERATE("iterator", "pinned value", "snapshot");
  Remains fresh;
  fresh.disk = std::make_shared<vfs::MemFileSystem>();
  Options options = TinyOptions();
  options.background_work = reader == "snapshot";  // What it let go of is merged away first.
  Trial trial(std::move(fresh), options, 1);
  WriteLayers(trial);
  for (uint64_t i = 0; i < kKeys; ++i) trial.SetNext(Key(i), 3000);
  trial.Flush();
  trial.Settle();
  std::unique_ptr<Iterator> rows;
  std::unique_ptr<Snapshot> snapshot;
  PinnedValue pinned;
  if (reader == "iterator") rows = trial.db().NewIterator();
  if (reader == "snapshot") snapshot = trial.db().NewSnapshot();
  if (reader == "pinned value") REQUIRE(*trial.db().Get(ReadOptions{}, Key(0), &pinned));
  for (uint64_t i = 0; i < kKeys; ++i) trial.Del(Key(i));
  trial.Compact();
  trial.Collect();
  trial.Settle();
  const uint64_t held = trial.disk().UsedBytes();
  INFO(reader);
  REQUIRE(held > kKeys * 3000);

  const uint64_t removals = trial.files().count(OperationKind::kRemove);
  rows.reset();
  snapshot.reset();
  pinned = {};
  REQUIRE(trial.files().count(OperationKind::kRemove) == removals);  // Not in our own time.
  trial.Settle();
  REQUIRE(trial.files().count(OperationKind::kRemove) > removals);
  REQUIRE(trial.disk().UsedBytes() < held / 2);
  INFO(trial.violation());
  REQUIRE(trial.ok());
}

}  // namespace
}  // namespace nokv::tests
