#include "tests/engine/group_explorer.h"

#include "tests/engine/group_trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace nokv::tests {
namespace {

using vfs::PowerCutMode;

struct CrashPoint {
  std::shared_ptr<vfs::MemFileSystem> disk;
  size_t acknowledged;
  size_t durable;
  std::string where;
};

class GroupExplorer {
 public:
  explicit GroupExplorer(const GroupExploration& exploration)
      : exploration_(exploration), random_(exploration.seed), map_(exploration.seed % 3 != 0) {}

  Findings Run();

 private:
  // Copies the disk before every `stride`-th change of it.
  void Observe(GroupTrial& trial, uint64_t stride, std::vector<CrashPoint>* points);
  void CrashAt(const CrashPoint& point, bool power, int depth, const std::string& trail);
  void CutPower(vfs::MemFileSystem& disk);
  // Whether `found` is one of the states [first, last].
  void ExpectOneOf(size_t first, size_t last, GroupTrial& trial, const GroupDatabase& found);
  void Report(const GroupTrial& trial, const std::string& trail);

  bool is_done() const { return !findings_.violations.empty(); }

  const GroupExploration exploration_;
  Random random_;
  const bool map_;
  GroupStates states_;
  Findings findings_;
};

void GroupExplorer::Observe(GroupTrial& trial, uint64_t stride, std::vector<CrashPoint>* points) {
  trial.files().SetHook([&trial, stride, points](const vfs::Operation& operation) {
    if (vfs::IsMutation(operation.kind) && operation.mutation % stride == 0) {
      points->push_back({std::shared_ptr<vfs::MemFileSystem>(trial.disk().Clone()),
                         trial.acknowledged(), trial.durable(),
                         fmt::format("before change {} ({} {})", operation.mutation,
                                     Name(operation.kind), operation.path)});
    }
    return vfs::FaultAction::Pass();
  });
}

void GroupExplorer::CutPower(vfs::MemFileSystem& disk) {
  constexpr PowerCutMode kModes[] = {PowerCutMode::kKeepNothing, PowerCutMode::kKeepEverything,
                                     PowerCutMode::kRandom, PowerCutMode::kReorder};
  disk.PowerCut(random_, kModes[random_.Uniform(4)]);
}

void GroupExplorer::ExpectOneOf(size_t first, size_t last, GroupTrial& trial,
                                const GroupDatabase& found) {
  last = std::min(last, states_.size() - 1);
  for (size_t i = first; i <= last; ++i) {
    if (*states_[i] == found) return;
  }
  trial.Fail(fmt::format(
      "found is none of the states from {} to {}:\n{}durable\n{}acknowledged "
      "or being made\n{}",
      first, last, found.Describe(), states_[first]->Describe(), states_[last]->Describe()));
}

void GroupExplorer::Report(const GroupTrial& trial, const std::string& trail) {
  if (trial.ok()) return;
  findings_.violations.push_back(
      fmt::format("groups, seed {}{}: {}", exploration_.seed, trail, trial.violation()));
}

void GroupExplorer::CrashAt(const CrashPoint& point, bool power, int depth,
                            const std::string& trail) {
  if (is_done()) return;
  const std::string here =
      fmt::format("{}, {} {}", trail, power ? "power cut" : "kill", point.where);
  std::shared_ptr<vfs::MemFileSystem> disk(point.disk->Clone());
  if (power) {
    CutPower(*disk);
  } else {
    disk->KillProcess();
  }
  GroupTrial trial(disk, random_.Next(), map_);
  std::vector<CrashPoint> nested;
  if (depth > 0) Observe(trial, 1 + random_.Uniform(6), &nested);
  trial.Open();
  trial.files().SetHook(nullptr);
  ++findings_.recoveries;
  GroupDatabase found = trial.Read();
  // The change that was being made may be there as a whole.
  const size_t first = power ? point.durable : point.acknowledged;
  if (trial.ok()) ExpectOneOf(first, point.acknowledged + 1, trial, found);
  trial.SetFound(std::move(found));
  if (trial.ok()) trial.AppendAndSync();
  if (random_.OneIn(3)) trial.TidyUp();
  trial.ExpectNewest();
  Report(trial, here);
  if (is_done()) return;

  std::shared_ptr<vfs::MemFileSystem> cut(trial.disk().Clone());
  CutPower(*cut);
  GroupTrial again(cut, random_.Next(), map_);
  again.SetFound(*trial.states()[trial.acknowledged()]);
  again.Open();
  again.ExpectNewest();
  ++findings_.recoveries;
  Report(again, here + ", changed, synced, power cut");

  if (nested.size() > 2) nested.resize(2);
  for (CrashPoint& inner : nested) {
    inner.acknowledged = point.acknowledged;
    inner.durable = point.durable;
    CrashAt(inner, power || random_.OneIn(2), depth - 1, here + ", in its recovery");
  }
}

Findings GroupExplorer::Run() {
  std::vector<CrashPoint> points;
  {
    GroupTrial trial(std::make_shared<vfs::MemFileSystem>(), exploration_.seed, map_);
    Observe(trial, exploration_.stride, &points);
    trial.Open();
    for (int step = 0; step < exploration_.steps; ++step) {
      trial.Step();
      if (step % 40 == 39) trial.ExpectNewest();
    }
    trial.files().SetHook(nullptr);
    Report(trial, "");
    states_ = trial.states();
  }
  findings_.crash_points = points.size();
  for (const CrashPoint& point : points) {
    CrashAt(point, false, exploration_.depth, "");
    CrashAt(point, true, exploration_.depth, "");
  }
  return std::move(findings_);
}

}  // namespace

Findings ExploreGroups(const GroupExploration& exploration) {
  return GroupExplorer(exploration).Run();
}

}  // namespace nokv::tests
