// For tests: a store's database and logs, on a disk in memory that can lose its power and whose
// operations can be watched.
//
// Thread-safety: none.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/random.h"
#include "engine/db.h"
#include "engine/vfs/fault_file_system.h"
#include "engine/vfs/mem_file_system.h"
#include "raftstore/log_store/log_store.h"
#include "tests/support/require_ok.h"

#include <catch2/catch.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace nokv::log_store {

struct Bench {
  std::shared_ptr<vfs::MemFileSystem> disk;
  std::unique_ptr<vfs::FaultFileSystem> files;  // Of the present process, over `disk`.
  ManualClock clock;
  ManualExecutor executor;
  Options options;
  std::unique_ptr<DB> db;
  std::unique_ptr<LogStore> store;

  Bench() : Bench(std::make_shared<vfs::MemFileSystem>(), {}) {}

  // What is set in `wanted` besides the bench's own.
  Bench(std::shared_ptr<vfs::MemFileSystem> on, Options wanted)
      : disk(std::move(on)), options(std::move(wanted)) {
    options.directory = "/db";
    options.segment_bytes_max = 64 << 10;
    options.memory_bytes = 1 << 20;
    options.reserve_bytes = 0;
    options.background_work = false;
    options.groups = true;
    Open();
  }

  // `hook` sees every operation from the first on.
  void Open(vfs::FaultFileSystem::Hook hook = {}) {
    files = std::make_unique<vfs::FaultFileSystem>(*disk);
    files->SetHook(std::move(hook));
    options.environment = {files.get(), &clock, &executor};
    auto opened = DB::Open(options);
    REQUIRE_OK(opened.status());
    db = *std::move(opened);
    auto logs = LogStore::Open(db->groups(), nullptr);
    REQUIRE_OK(logs.status());
    store = *std::move(logs);
  }

  // The process is gone; what it wrote is there.
  void Kill() {
    std::shared_ptr<vfs::MemFileSystem> left(disk->Clone());
    store.reset();
    db.reset();
    executor.Clear();
    files.reset();
    disk = std::move(left);
    disk->KillProcess();
  }

  // Everything that was not synced is gone.
  void PowerCut() {
    Kill();
    Random random(1);
    disk->PowerCut(random, vfs::PowerCutMode::kKeepNothing);
    Open();
  }

  void Sync(uint64_t position) {
    absl::Status told = InternalError("not told");
    store->SyncTo(position, [&](const absl::Status& status) { told = status; });
    executor.RunUntilIdle();
    REQUIRE_OK(told);
  }

  WrittenRound Write(const std::vector<std::pair<RegionId, raft::Ready>>& readies) {
    std::vector<RegionReady> round;
    for (const auto& [region, ready] : readies) round.push_back({region, &ready});
    const auto written = store->Write(round);
    REQUIRE_OK(written.status());
    return *written;
  }

  void SetMark(RegionId region, uint64_t index) {
    const GroupMark mark{region, index};
    REQUIRE_OK(db->Write({}, {.marks = std::span(&mark, 1)}));
  }
};

inline raft::Ready ReadyOf(raft::HardState hard_state, std::vector<raft::Entry> entries) {
  raft::Ready ready;
  ready.hard_state = hard_state;
  ready.entries = std::move(entries);
  ready.must_sync = true;
  return ready;
}

inline raft::Entry EntryOf(raft::Index index, raft::Term term, std::string_view data) {
  return {index, term, raft::EntryKind::kData, raft::Payload(data)};
}

inline std::vector<raft::Entry> ReadAll(const RegionLog& log, uint64_t bytes_max = UINT64_MAX) {
  std::vector<raft::Entry> entries;
  if (log.last_index() < log.first_index()) return entries;
  REQUIRE_OK(log.ReadEntries(log.first_index(), log.last_index() + 1, bytes_max, entries));
  return entries;
}

}  // namespace nokv::log_store
