// An engine on a disk in memory, beside the history of what was done to it.
//
// Everything runs on the caller's thread: the executor runs tasks when told to, the clock moves
// when told to. The first thing that goes wrong is kept as the violation, and from then on every
// call does nothing, so that scenarios read as plain scripts.
//
// Thread-safety: none.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/random.h"
#include "engine/db.h"
#include "engine/vfs/fault_file_system.h"
#include "engine/vfs/mem_file_system.h"
#include "tests/engine/history.h"

#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::tests {

inline constexpr std::string_view kDirectory = "/db";

// A finished checkpoint and what must be in it.
struct CheckpointRecord {
  std::string directory;
  State state;
};

// All that a crash leaves behind of a trial, and all that is known about it.
struct Remains {
  std::shared_ptr<vfs::MemFileSystem> disk;
  History history;
  std::vector<CheckpointRecord> checkpoints;
  uint64_t now_ms = 0;
};

// Everything small: a few dozen writes fill segments, tables and levels.
Options TinyOptions();

class Trial {
 public:
  // The disk of `remains` is used in place.
  Trial(Remains remains, const Options& options, uint64_t seed);
  ~Trial();

  bool ok() const { return violation_.empty(); }

  const std::string& violation() const { return violation_; }

  // --- Life.

  // A failure to open is a violation.
  void Open();
  void Close();
  void Reopen();

  // After a crash: opens, reads everything, and settles the history with what was found.
  void Recover(Crash crash);

  // Everything acknowledged, and nothing else, is what readers see.
  void ExpectNewest();

  // Every finished checkpoint opens and holds what it held.
  void ExpectCheckpoints();

  // --- Changes.

  void Set(std::string_view key, std::string_view value, Durability level = Durability::kProcess);
  // A value of this size that tells its version.
  void SetNext(std::string_view key, size_t size_bytes, Durability level = Durability::kProcess);
  void SetWithTTL(std::string_view key, size_t size_bytes, absl::Duration ttl);
  void Del(std::string_view key, Durability level = Durability::kProcess);
  void DeleteRange(std::string_view start, std::string_view end);
  void Write(const WriteBatch& batch, Durability level = Durability::kProcess);
  // True if the write was made, false if the disk is full.
  bool TryWrite(const WriteBatch& batch, Durability level = Durability::kProcess);
  void SyncLog();
  ColumnFamilyHandle CreateFamily(std::string_view name);
  void DropFamily(ColumnFamilyHandle family);

  // --- Upkeep.

  void Flush();
  void Compact(ColumnFamilyHandle family = kDefaultColumnFamily);
  void Collect(double dead_ratio = 0.0);
  void Checkpoint(const std::string& directory);
  void Verify();
  // Runs up to this many waiting background tasks.
  void RunBackground(int tasks);

  void Settle() { RunBackground(1000); }

  void Advance(absl::Duration duration) { clock_.Advance(duration); }

  // The disk has space from now on, and the engine has had the time to see it.
  void MakeRoom();

  // --- Parts.

  DB& db() { return *db_; }

  vfs::MemFileSystem& disk() { return *disk_; }

  vfs::FaultFileSystem& files() { return files_; }

  History& history() { return history_; }

  Random& random() { return random_; }

  uint64_t now_ms() { return clock_.WallMillis(); }

  uint64_t NextVersion() { return ++version_; }

  // The state as it is now, with the disk copied.
  Remains Copy();

  void Expect(const absl::Status& status, std::string_view what);
  void Fail(std::string what);

 private:
  const std::shared_ptr<vfs::MemFileSystem> disk_;
  vfs::FaultFileSystem files_;
  Options options_;
  Random random_;
  ManualExecutor executor_;
  ManualClock clock_;
  History history_;
  std::vector<CheckpointRecord> checkpoints_;
  uint64_t version_ = 0;
  std::string violation_;
  std::unique_ptr<DB> db_;  // Last: it uses all the others.
};

}  // namespace nokv::tests
