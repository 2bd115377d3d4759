// Crashes a database that holds groups before changes of its disk, and looks at what is left.
//
// Every change of the database is one batch in the log. After a kill everything acknowledged is
// there, and perhaps the change that was being made; after a power cut what was there after some
// change, not before the last one whose sync was told.
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/random.h"
#include "engine/vfs/fault_file_system.h"
#include "engine/vfs/mem_file_system.h"
#include "tests/engine/crash_explorer.h"
#include "tests/engine/group_model.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace nokv::tests {
namespace {

using vfs::PowerCutMode;

constexpr GroupId kGroups = 5;

Options GroupOptions(bool map) {
  Options options = TinyOptions();
  options.groups = true;
  options.prefer_mapping = map;
  options.log_distance_bytes_max = 96 << 10;
  return options;
}

using States = std::vector<std::shared_ptr<const GroupDatabase>>;

struct CrashPoint {
  std::shared_ptr<vfs::MemFileSystem> disk;
  size_t acknowledged;  // Of the states, the last that was acknowledged,
  size_t durable;       // and the last whose durability was told.
  std::string where;
};

// A database on a disk in memory, and every state that it went through.
class Run {
 public:
  Run(std::shared_ptr<vfs::MemFileSystem> disk, uint64_t seed, bool map)
      : disk_(std::move(disk)), files_(*disk_), random_(seed), executor_(&random_), map_(map) {
    states_.push_back(std::make_shared<GroupDatabase>());
  }

  ~Run() {
    files_.ClearFaults();
    db_.reset();
  }

  absl::Status Open() {
    Options options = GroupOptions(map_);
    options.environment = {.files = &files_, .clock = &clock_, .executor = &executor_};
    ASSIGN_OR_RETURN(db_, DB::Open(options));
    return absl::OkStatus();
  }

  void Step();

  // Copies the disk before every `stride`-th change of it.
  void Observe(uint64_t stride) {
    files_.SetHook([this, stride](const vfs::Operation& operation) {
      if (vfs::IsMutation(operation.kind) && operation.mutation % stride == 0) {
        points_.push_back({std::shared_ptr<vfs::MemFileSystem>(disk_->Clone()), acknowledged_,
                           durable_,
                           fmt::format("before change {} ({} {})", operation.mutation,
                                       Name(operation.kind), operation.path)});
      }
      return vfs::FaultAction::Pass();
    });
  }

  void Ignore() { files_.SetHook(nullptr); }

  // Goes on from what was found after a crash.
  void SetFound(GroupDatabase found) {
    states_ = {std::make_shared<GroupDatabase>(std::move(found))};
    acknowledged_ = durable_ = 0;
  }

  void AppendAndSync();
  void TidyUp();

  DB& db() { return *db_; }

  vfs::MemFileSystem& disk() { return *disk_; }

  const States& states() const { return states_; }

  const GroupDatabase& newest() const { return *states_[acknowledged_]; }

  std::vector<CrashPoint>& points() { return points_; }

 private:
  void AppendRandomRound();
  void WriteMarkedRows();

  std::string Payload() {
    const size_t size = random_.OneIn(4) ? random_.Uniform(5000) : random_.Uniform(200);
    return std::string(size, static_cast<char>('a' + random_.Uniform(26)));
  }

  // Does `change`, which leads to `after`.
  template <typename Change>
  void Do(GroupDatabase after, Change&& change) {
    states_.push_back(std::make_shared<GroupDatabase>(std::move(after)));
    const absl::Status status = change();
    INFO(status.ToString());
    REQUIRE(status.ok());
    acknowledged_ = states_.size() - 1;
  }

  void Sync() {
    bool is_done = false;
    const size_t covered = acknowledged_;
    db_->groups().SyncTo(end_, [&](const absl::Status& status) {
      REQUIRE(status.ok());
      is_done = true;
    });
    REQUIRE_FALSE(is_done);
    executor_.RunUntilIdle();
    REQUIRE(is_done);
    // Rows that came after the round are not covered.
    durable_ = std::max(durable_, std::min(covered, end_state_));
  }

  const std::shared_ptr<vfs::MemFileSystem> disk_;
  vfs::FaultFileSystem files_;
  Random random_;
  ManualExecutor executor_;
  ManualClock clock_{1'700'000'000'000};
  const bool map_;
  States states_;
  size_t acknowledged_ = 0;
  size_t durable_ = 0;
  uint64_t end_ = 0;  // Of the last round, and the state that it led to.
  size_t end_state_ = 0;
  uint64_t term_ = 1;
  std::vector<CrashPoint> points_;
  std::unique_ptr<DB> db_;
};

void Run::AppendRandomRound() {
  GroupDatabase after = newest();
  std::vector<GroupWrite> writes;
  std::vector<std::vector<GroupEntry>> entries(kGroups);
  std::vector<std::string> texts;
  texts.reserve(100);
  for (GroupId id = 1; id <= kGroups; ++id) {
    if (random_.OneIn(2)) continue;
    GroupWrite write{.group = id};
    const auto found = after.groups.find(id);
    const bool exists = found != after.groups.end();
    uint64_t start = exists ? found->second.start.index : 0;
    uint64_t last = exists ? found->second.last_index() : 0;
    if (exists && random_.OneIn(40)) {
      write.remove = true;
    } else {
      if (random_.OneIn(30)) {
        start = last = last + random_.Uniform(3);
        write.restart = GroupPoint{start, term_};
      } else if (last > start && random_.OneIn(3)) {
        write.compact_to = start = start + 1 + random_.Uniform(last - start);
      }
      if (random_.OneIn(3)) {
        texts.push_back(fmt::format("state at {}", term_));
        write.state = texts.back();
      }
      const bool cuts = last > start && random_.OneIn(6);
      uint64_t next = cuts ? start + 1 + random_.Uniform(last - start) : last + 1;
      term_ += random_.OneIn(5) ? 1 : 0;
      for (uint64_t i = 0, count = 1 + random_.Uniform(3); i < count; ++i) {
        texts.push_back(Payload());
        entries[id - 1].push_back({next++, term_, 1, texts.back()});
      }
      write.entries = entries[id - 1];
    }
    after.Apply(write);
    writes.push_back(write);
  }
  if (writes.empty()) return;
  Do(std::move(after), [&]() -> absl::Status {
    ASSIGN_OR_RETURN(end_, db_->groups().Append(writes));
    return absl::OkStatus();
  });
  end_state_ = acknowledged_;
}

// What a store does when it applies: data and how far it has it, in one write.
void Run::WriteMarkedRows() {
  GroupDatabase after = newest();
  if (after.groups.empty()) return;
  const GroupId group = std::next(after.groups.begin(),
                                  static_cast<std::ptrdiff_t>(random_.Uniform(after.groups.size())))
                            ->first;
  const uint64_t index = after.groups.at(group).last_index();
  if (index == 0) return;
  WriteBatch batch;
  for (uint64_t i = random_.Uniform(3); i > 0; --i) {
    const std::string key = fmt::format("{}/{}", group, random_.Uniform(6));
    after.rows[key] = Payload();
    batch.Set(key, after.rows[key]);
  }
  after.marks[group] = index;
  const GroupMark mark{group, index};
  Do(std::move(after), [&] { return db_->Write(batch, {.marks = std::span(&mark, 1)}); });
}

void Run::Step() {
  switch (random_.Uniform(16)) {
    case 0:
      REQUIRE(db_->Flush().ok());
      break;
    case 1: {
      const auto collected = db_->RunValueLogGC();
      INFO(collected.status().ToString());
      REQUIRE(collected.ok());
      break;
    }
    case 2:
    case 3:
    case 4:
      Sync();
      break;
    case 5:
    case 6:
    case 7:
      WriteMarkedRows();
      break;
    case 8:
      executor_.RunOne();
      break;
    default:
      AppendRandomRound();
      break;
  }
}

void Run::AppendAndSync() {
  for (int i = 0; i < 3 || end_ == 0; ++i) AppendRandomRound();  // Some are empty.
  Sync();
}

void Run::TidyUp() {
  REQUIRE(db_->Flush().ok());
  REQUIRE(db_->CompactRange(kDefaultColumnFamily, "", "").ok());
  REQUIRE(db_->RunValueLogGC().ok());
  REQUIRE(db_->Verify().ok());
}

void RequireNewest(Run& run) {
  const auto found = ReadGroupDatabase(run.db(), kGroups);
  INFO(found.status().ToString());
  REQUIRE(found.ok());
  INFO("expected\n" << run.newest().Describe() << "found\n" << found->Describe());
  REQUIRE(*found == run.newest());
}

// Which of the states [first, last] was found, or a failed test.
void RequireOneOf(const States& states, size_t first, size_t last, const GroupDatabase& found) {
  for (size_t i = first; i <= last && i < states.size(); ++i) {
    if (*states[i] == found) return;
  }
  INFO("found\n"
       << found.Describe() << "durable\n"
       << states[first]->Describe() << "acknowledged or being made\n"
       << states[std::min(last, states.size() - 1)]->Describe());
  FAIL("what was found is none of the states from " << first << " to " << last);
}

struct Seeds {
  Random random;
  bool map;
  uint64_t recoveries = 0;
};

void CrashAt(const CrashPoint& point, const States& states, bool power, int depth, Seeds& seeds) {
  INFO((power ? "power cut " : "kill ") << point.where);
  auto disk = std::shared_ptr<vfs::MemFileSystem>(point.disk->Clone());
  const PowerCutMode modes[] = {PowerCutMode::kKeepNothing, PowerCutMode::kKeepEverything,
                                PowerCutMode::kRandom, PowerCutMode::kReorder};
  if (power) {
    disk->PowerCut(seeds.random, modes[seeds.random.Uniform(4)]);
  } else {
    disk->KillProcess();
  }
  Run run(disk, seeds.random.Next(), seeds.map);
  if (depth > 0) run.Observe(1 + seeds.random.Uniform(6));
  const absl::Status opened = run.Open();
  run.Ignore();
  ++seeds.recoveries;
  INFO(opened.ToString());
  REQUIRE(opened.ok());
  auto found = ReadGroupDatabase(run.db(), kGroups);
  INFO(found.status().ToString());
  REQUIRE(found.ok());
  // The change that was being made may be there as a whole.
  const size_t last = point.acknowledged + 1;
  RequireOneOf(states, power ? point.durable : point.acknowledged, last, *found);

  std::vector<CrashPoint> nested = std::move(run.points());
  run.SetFound(*std::move(found));
  run.AppendAndSync();
  if (seeds.random.OneIn(3)) run.TidyUp();
  RequireNewest(run);
  std::shared_ptr<vfs::MemFileSystem> cut(run.disk().Clone());
  cut->PowerCut(seeds.random, modes[seeds.random.Uniform(4)]);
  Run again(cut, seeds.random.Next(), seeds.map);
  const absl::Status reopened = again.Open();
  INFO(reopened.ToString());
  REQUIRE(reopened.ok());
  again.SetFound(run.newest());
  RequireNewest(again);
  ++seeds.recoveries;

  if (nested.size() > 2) nested.resize(2);
  for (CrashPoint& inner : nested) {
    inner.acknowledged = point.acknowledged;
    inner.durable = point.durable;
    CrashAt(inner, states, power || seeds.random.OneIn(2), depth - 1, seeds);
  }
}

}  // namespace

TEST_CASE("a crash at any change of the disk leaves every group whole", "[groups][crash]") {
  const char* const only = std::getenv("NOKV_TEST_SEED");
  uint64_t points = 0;
  uint64_t recoveries = 0;
  for (uint64_t seed = 1; seed <= 6 * Scale(); ++seed) {
    if (only != nullptr && std::strtoull(only, nullptr, 10) != seed) continue;
    INFO("seed " << seed);
    Seeds seeds{Random(seed), seed % 3 != 0};
    auto disk = std::make_shared<vfs::MemFileSystem>();
    Run run(disk, seed, seeds.map);
    run.Observe(23);
    REQUIRE(run.Open().ok());
    for (int step = 0; step < 400; ++step) {
      run.Step();
      if (step % 40 == 39) RequireNewest(run);
    }
    run.Ignore();
    for (const CrashPoint& point : run.points()) {
      CrashAt(point, run.states(), false, 1, seeds);
      CrashAt(point, run.states(), true, 1, seeds);
    }
    points += run.points().size();
    recoveries += seeds.recoveries;
  }
  fmt::print("{} crash points, {} recoveries\n", points, recoveries);
  REQUIRE((only != nullptr || recoveries > 500));
}

}  // namespace nokv::tests
