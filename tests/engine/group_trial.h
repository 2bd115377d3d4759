// A database that holds groups, on a disk in memory, beside every state that it went through.
//
// Each change is one batch in the log, so each leads from one state to the next: after a kill
// everything acknowledged is there, and perhaps the change that was being made; after a power cut
// what was there after some change, not before the last one whose sync was told.
//
// Everything runs on the caller's thread. The first thing that goes wrong is kept as the violation,
// and from then on every call does nothing.
//
// Thread-safety: none.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/random.h"
#include "engine/db.h"
#include "engine/vfs/fault_file_system.h"
#include "engine/vfs/mem_file_system.h"
#include "tests/engine/group_model.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::tests {

inline constexpr GroupId kTrialGroups = 5;

using GroupStates = std::vector<std::shared_ptr<const GroupDatabase>>;

class GroupTrial {
 public:
  GroupTrial(std::shared_ptr<vfs::MemFileSystem> disk, uint64_t seed, bool map);
  ~GroupTrial();

  bool ok() const { return violation_.empty(); }

  const std::string& violation() const { return violation_; }

  void Open();

  // A change, a sync or upkeep, at random.
  void Step();
  void AppendAndSync();
  void TidyUp();

  // What is read is the newest state.
  void ExpectNewest();

  // Reads all. Empty after a violation.
  GroupDatabase Read();

  // Goes on from what was found after a crash.
  void SetFound(GroupDatabase found);

  void Fail(std::string what);

  vfs::MemFileSystem& disk() { return *disk_; }

  vfs::FaultFileSystem& files() { return files_; }

  const GroupStates& states() const { return states_; }

  // Of the states, the last that was acknowledged, and the last whose durability was told.
  size_t acknowledged() const { return acknowledged_; }

  size_t durable() const { return durable_; }

 private:
  void AppendRandomRound();
  GroupWrite RandomWrite(GroupId id, const GroupDatabase& before, std::vector<GroupEntry>* entries,
                         std::vector<std::string>* texts);
  void WriteMarkedRows();
  void Sync();
  std::string Payload();
  void Expect(const absl::Status& status, std::string_view what);
  // Does `change`, which leads to `after`.
  template <typename Change>
  void Do(GroupDatabase after, Change&& change);

  const GroupDatabase& newest() const { return *states_[acknowledged_]; }

  const std::shared_ptr<vfs::MemFileSystem> disk_;
  vfs::FaultFileSystem files_;
  Random random_;
  ManualExecutor executor_;
  ManualClock clock_{1'700'000'000'000};
  const bool map_;
  GroupStates states_;
  size_t acknowledged_ = 0;
  size_t durable_ = 0;
  uint64_t end_ = 0;  // Of the last round, and the state that it led to.
  size_t end_state_ = 0;
  uint64_t term_ = 1;
  std::string violation_;
  std::unique_ptr<DB> db_;
};

}  // namespace nokv::tests
