// Proves that the crash tests see: each bug is planted in turn, and they must object.
#include "engine/base/planted.h"

#include "engine/base/check.h"
#include "tests/engine/crash_explorer.h"
#include "tests/engine/group_explorer.h"
#include "tests/support/child.h"

#include <catch2/catch.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace nokv::tests {
namespace {

// Random changes of groups, instead of a scenario.
constexpr std::string_view kGroups = "groups";

struct Planting {
  Bug bug;
  std::string_view name;
  std::vector<std::string_view> scenarios = {};  // Where it shows.
};

const std::vector<Planting>& Plantings() {
  static const std::vector<Planting> all = {
      {Bug::kInstallBeforeSegmentSync, "InstallBeforeSegmentSync", {"flushes", "compactions"}},
      {Bug::kRecycleBeforeEditDurable,
       "RecycleBeforeEditDurable",
       {"collection", "segments roll and return"}},
      {Bug::kSealWithoutSync, "SealWithoutSync", {"big values", "segments roll and return"}},
      {Bug::kClosedBeforeLogSync, "ClosedBeforeLogSync", {"closings"}},
      {Bug::kInstallBeforeTableSync, "InstallBeforeTableSync", {"flushes", "compactions"}},
      {Bug::kRecoveryDoesNotSyncWhatItRead, "RecoveryDoesNotSyncWhatItRead", {"plain writes"}},
      {Bug::kResyncPastHoleSilently, "ResyncPastHoleSilently"},  // Shows under damage.
      {Bug::kBatchVisibleEntryByEntry, "BatchVisibleEntryByEntry", {"batches"}},
      {Bug::kLivenessIgnoresSnapshots, "LivenessIgnoresSnapshots", {"collection under a snapshot"}},
      {Bug::kLivenessCountsTwice,
       "LivenessCountsTwice",
       {"collection", "segments roll and return"}},
      {Bug::kCollectFreesLiveSegment, "CollectFreesLiveSegment", {"collection"}},
      {Bug::kCheckpointSharesActiveSegment, "CheckpointSharesActiveSegment", {"checkpoints"}},
      {Bug::kCheckpointSharesRecycledSegment,
       "CheckpointSharesRecycledSegment",
       {"checkpoints of recycled segments"}},
      {Bug::kCheckpointNotSynced, "CheckpointNotSynced", {"checkpoints"}},
      {Bug::kExpiredDroppedAboveBottom, "ExpiredDroppedAboveBottom", {"expiry"}},
      {Bug::kTombstoneDroppedAboveBottom,
       "TombstoneDroppedAboveBottom",
       {"compactions", "range deletes"}},
      {Bug::kRoundIsNoBatch, "RoundIsNoBatch", {kGroups}},
      {Bug::kHeldOnlyIfAlive, "HeldOnlyIfAlive", {kGroups}},
      {Bug::kHeldFreedBeforeLogSync, "HeldFreedBeforeLogSync", {kGroups}},
      {Bug::kMovedEntryCuts, "MovedEntryCuts", {kGroups}},
      {Bug::kMarkAheadOfData, "MarkAheadOfData", {kGroups}},
      {Bug::kSyncToldEarly, "SyncToldEarly", {kGroups}},
      {Bug::kReferredNotHeld, "ReferredNotHeld", {kGroups}},
      {Bug::kHeadBeginsLate, "HeadBeginsLate", {kGroups}},
      {Bug::kPowerWriteNotSynced, "PowerWriteNotSynced", {"plain writes"}},
  };
  return all;
}

constexpr uint64_t kSeeds = 6;

// Damages a record in the middle of the log that a dead process left. An error is right; going on
// without the acknowledged records behind it is not.
std::string LoseRecordsBehindDamage() {
  Remains remains;
  remains.disk = std::make_shared<vfs::MemFileSystem>();
  remains.now_ms = 1'700'000'000'000;
  Trial before(std::move(remains), TinyOptions(), 1);
  before.Open();
  for (int i = 0; i < 20; ++i) before.SetNext("key" + std::to_string(i), 500);
  Remains left = before.Copy();
  left.disk->KillProcess();
  const std::string segment = fmt::format("{}/000001.log", kDirectory);
  NOKV_CHECK(left.disk->FlipBit(segment, 5000, 3).ok());
  Trial after(std::move(left), TinyOptions(), 1);
  after.Recover(Crash::kProcess);
  return after.violation().starts_with("open: DATA_LOSS") ? "" : after.violation();
}

Exploration Thorough(uint64_t seed) {
  return {.seed = seed, .points_max = 150, .depth = 2, .violations_max = 1};
}

// Runs the scenarios until one objects.
bool Hunt(const Planting& planting) {
  planted_bug = planting.bug;
  if (planting.scenarios.empty()) return !LoseRecordsBehindDamage().empty();
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    for (const std::string_view name : planting.scenarios) {
      const Findings findings = name == kGroups ? ExploreGroups({.seed = seed, .stride = 7})
                                                : Explore(FindScenario(name), Thorough(seed));
      if (findings.violations.empty()) continue;
      fmt::print("{}: found after {} crash points: {}\n", planting.name, findings.crash_points,
                 findings.violations.front());
      return true;
    }
  }
  return false;
}

TEST_CASE("every planted bug is found", "[engine][crash][planted]") {
  REQUIRE(Plantings().size() == static_cast<size_t>(Bug::kCount) - 1);
  for (const Planting& planting : Plantings()) {
    INFO(planting.name);
    CHECK(IsFoundInChild(planting.name, [&planting] { return Hunt(planting); }));
  }
}

TEST_CASE("the same engine without a planted bug is clean", "[engine][crash][planted]") {
  planted_bug = Bug::kNone;
  REQUIRE(LoseRecordsBehindDamage() == "");
  REQUIRE(ExploreGroups({.steps = 100}).violations.empty());
  for (const std::string_view name :
       {"flushes", "checkpoints", "checkpoints of recycled segments", "expiry"}) {
    const Findings findings = Explore(FindScenario(name), {.points_max = 20, .depth = 1});
    for (const std::string& violation : findings.violations) {
      UNSCOPED_INFO(violation);
      CHECK(violation.empty());
    }
  }
}

TEST_CASE("a head that is not its value's is found by who verifies", "[engine][planted]") {
  for (const Bug bug : {Bug::kHeadBeginsLate, Bug::kNone}) {
    vfs::MemFileSystem files;
    ManualClock clock;
    ManualExecutor executor;
    Options options = TinyOptions();
    options.directory = "/db";
    options.groups = true;
    options.background_work = false;
    options.environment = {&files, &clock, &executor};
    const std::unique_ptr<DB> db = DB::Open(options).value();
    const std::string value = "begins so " + std::string(1000, 'v');
    const GroupEntry entry{.index = 1, .term = 1, .payload = value};
    const GroupWrite write{.group = 1, .entries = std::span(&entry, 1)};
    REQUIRE(db->groups().Append(std::span(&write, 1)).ok());
    WriteBatch batch;
    batch.SetFromEntry("key", value, {.group = 1, .index = 1, .head_bytes = 13});
    planted_bug = bug;
    REQUIRE(db->Write(batch).ok());
    planted_bug = Bug::kNone;
    REQUIRE(db->Flush().ok());
    REQUIRE(**db->Get("key") == value);
    REQUIRE(absl::IsDataLoss(db->Verify()) == (bug != Bug::kNone));
  }
}

}  // namespace
}  // namespace nokv::tests
