// For tests: a database that holds groups, over files in memory, on one thread.
//
// Thread-safety: none.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/random.h"
#include "engine/db.h"
#include "engine/vfs/fault_file_system.h"
#include "engine/vfs/mem_file_system.h"
#include "tests/support/require_ok.h"

#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <vector>

namespace nokv {

struct GroupBench {
  vfs::MemFileSystem disk;
  vfs::FaultFileSystem files{disk};
  std::vector<std::unique_ptr<vfs::FaultFileSystem>> survivors;
  ManualClock clock;
  ManualExecutor executor;
  Options options;
  std::unique_ptr<DB> db;
  uint64_t end = 0;  // Of the last append.

  GroupBench() {
    options.directory = "/db";
    options.segment_bytes_max = 64 << 10;
    options.memory_bytes = 1 << 20;
    options.log_distance_bytes_max = 128 << 10;
    options.reserve_bytes = 0;
    options.background_work = false;
    options.groups = true;
    options.environment = {&files, &clock, &executor};
  }

  ~GroupBench() { files.ClearFaults(); }

  absl::Status TryOpen() {
    ASSIGN_OR_RETURN(db, DB::Open(options));
    return absl::OkStatus();
  }

  void Open() { REQUIRE_OK(TryOpen()); }

  void Kill() {
    files.Kill();
    db.reset();
    executor.Clear();
    disk.KillProcess();
    Revive();
  }

  void PowerCut() {
    files.Kill();
    db.reset();
    executor.Clear();
    Random random(1);
    disk.PowerCut(random, vfs::PowerCutMode::kKeepNothing);
    Revive();
  }

  // The fault file system stays dead; the next program gets another.
  void Revive() {
    survivors.push_back(std::make_unique<vfs::FaultFileSystem>(disk));
    options.environment.files = survivors.back().get();
  }

  Groups& groups() { return db->groups(); }

  absl::Status Append(const std::vector<GroupWrite>& writes) {
    ASSIGN_OR_RETURN(end, groups().Append(writes));
    return absl::OkStatus();
  }

  static std::vector<GroupEntry> Entries(uint64_t first, uint64_t term,
                                         const std::vector<std::string_view>& payloads) {
    std::vector<GroupEntry> entries;
    for (const std::string_view payload : payloads) {
      entries.push_back({first + entries.size(), term, 1, payload});
    }
    return entries;
  }

  absl::Status AppendTo(GroupId group, uint64_t first, uint64_t term,
                        const std::vector<std::string_view>& payloads) {
    const std::vector<GroupEntry> entries = Entries(first, term, payloads);
    return Append({{.group = group, .entries = entries}});
  }

  void Sync() {
    absl::Status told = InternalError("not told");
    groups().SyncTo(end, [&](const absl::Status& status) { told = status; });
    executor.RunUntilIdle();
    REQUIRE_OK(told);
  }

  // "1/1:a 2/1:b", or the error.
  std::string Read(GroupId group) {
    const auto info = groups().Find(group);
    if (!info.has_value()) return "none";
    std::string text;
    const absl::Status status = groups().Read(
        group, info->start.index + 1, info->last_index + 1, [&](const GroupEntry& entry) {
          if (!text.empty()) text += ' ';
          text += fmt::format("{}/{}:{}", entry.index, entry.term, entry.payload.substr(0, 8));
          return true;
        });
    return status.ok() ? text : status.ToString();
  }

  std::string StateOf(GroupId group) { return groups().Find(group)->state; }

  size_t SegmentFiles() {
    const absl::StatusOr<std::vector<std::string>> names = disk.List("/db");
    size_t count = 0;
    for (const std::string& name : *names) count += name.ends_with(".log") ? 1 : 0;
    return count;
  }
};

}  // namespace nokv
