#include "tests/engine/crash_explorer.h"

#include "engine/base/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

namespace nokv::tests {
namespace {

using vfs::Operation;
using vfs::PowerCutMode;

constexpr uint64_t kBatchOfPoints = 48;  // Copies of the disk that are held at a time.

// A moment at which the machine or the process may stop.
struct CrashPoint {
  Remains remains;
  std::string where;
  // The write that was about to happen: a killed process may have done half of it.
  std::string path;
  uint64_t offset = 0;
  std::string half = {};
};

// Where files are now that were opened under another name.
using Renames = std::map<std::string, std::string, std::less<>>;

CrashPoint MakePoint(Trial& trial, const Operation& operation, const Renames& renames) {
  const auto renamed = renames.find(operation.path);
  CrashPoint point{.remains = trial.Copy(),
                   .where = fmt::format("before change {} ({} {})", operation.mutation,
                                        Name(operation.kind), operation.path),
                   .path = renamed != renames.end() ? renamed->second : std::string(operation.path),
                   .offset = operation.offset};
  for (const std::string_view piece : operation.pieces) point.half += piece;
  point.half.resize(point.half.size() / 2);
  return point;
}

// Calls `observe` before each change of the disk, until the trial ends or Ignore().
void Observe(Trial& trial, std::function<void(const Operation&, const Renames&)> observe) {
  trial.files().SetHook([observe = std::move(observe),
                         renames = std::make_shared<Renames>()](const Operation& operation) {
    if (vfs::IsMutation(operation.kind)) observe(operation, *renames);
    if (operation.kind == vfs::OperationKind::kRename) {
      renames->insert_or_assign(std::string(operation.from), std::string(operation.path));
    }
    return vfs::FaultAction::Pass();
  });
}

void Ignore(Trial& trial) { trial.files().SetHook(nullptr); }

struct CrashKind {
  std::string_view name;
  Crash crash;
  std::optional<PowerCutMode> mode;  // None: the process dies.
  bool is_half_done = false;
};

constexpr CrashKind kKill{"kill", Crash::kProcess, std::nullopt};
constexpr CrashKind kKillHalfway{"kill halfway", Crash::kProcess, std::nullopt, true};
constexpr CrashKind kCutNothing{"power cut, nothing kept", Crash::kPower,
                                PowerCutMode::kKeepNothing};
constexpr CrashKind kCutAll{"power cut, everything kept", Crash::kPower,
                            PowerCutMode::kKeepEverything};
constexpr CrashKind kCutRandom{"power cut, random", Crash::kPower, PowerCutMode::kRandom};
constexpr CrashKind kCutReorder{"power cut, late writes kept", Crash::kPower,
                                PowerCutMode::kReorder};

class Explorer {
 public:
  Explorer(const Scenario& scenario, const Exploration& exploration)
      : scenario_(scenario), exploration_(exploration), random_(exploration.seed) {}

  Findings Run();

 private:
  // Calls `observe` before each change of a fresh run of the scenario; false if the run failed.
  bool RunScenario(const std::function<void(Trial&, const Operation&, const Renames&)>& observe);
  std::vector<CrashKind> KindsFor(const CrashPoint& point, int depth);
  void CrashAt(const CrashPoint& point, const CrashKind& kind, int depth, const std::string& trail);
  Remains Apply(const CrashPoint& point, const CrashKind& kind);
  void GoOnAndCutPower(Trial& trial, const std::string& trail);
  void Report(Trial& trial, const std::string& trail);

  bool is_done() const { return findings_.violations.size() >= exploration_.violations_max; }

  const Scenario& scenario_;
  const Exploration& exploration_;
  Random random_;
  Findings findings_;
};

void Explorer::Report(Trial& trial, const std::string& trail) {
  if (trial.ok()) return;
  findings_.violations.push_back(fmt::format("scenario '{}', seed {}{}: {}\n{}", scenario_.name,
                                             exploration_.seed, trail, trial.violation(),
                                             trial.disk().Dump()));
}

bool Explorer::RunScenario(
    const std::function<void(Trial&, const Operation&, const Renames&)>& observe) {
  Remains fresh;
  fresh.disk = std::make_shared<vfs::MemFileSystem>();
  fresh.now_ms = 1'700'000'000'000;
  Trial trial(std::move(fresh), scenario_.options(), exploration_.seed);
  Observe(trial, [&](const Operation& operation, const Renames& renames) {
    observe(trial, operation, renames);
  });
  scenario_.run(trial);
  Ignore(trial);
  findings_.changes = trial.files().mutation_count();
  Report(trial, " without a crash");
  return trial.ok();
}

Remains Explorer::Apply(const CrashPoint& point, const CrashKind& kind) {
  Remains remains = point.remains;
  remains.disk = std::shared_ptr<vfs::MemFileSystem>(point.remains.disk->Clone());
  if (kind.is_half_done) {
    // Stores to a mapping can stop anywhere, so a dying process leaves half a record.
    const auto capacity = remains.disk->FileSize(point.path);
    NOKV_CHECK(capacity.ok());
    auto segment = remains.disk->OpenSegment(point.path, {.capacity_bytes = *capacity});
    NOKV_CHECK(segment.ok());
    const std::string_view piece = point.half;
    NOKV_CHECK((*segment)->Write(point.offset, {&piece, 1}).ok());
  }
  if (kind.mode.has_value()) {
    remains.disk->PowerCut(random_, *kind.mode);
  } else {
    remains.disk->KillProcess();
  }
  return remains;
}

std::vector<CrashKind> Explorer::KindsFor(const CrashPoint& point, int depth) {
  if (depth < exploration_.depth) {  // Inside recoveries: one of each.
    return {kKill, random_.OneIn(2) ? kCutRandom : kCutNothing};
  }
  std::vector<CrashKind> kinds = {kKill, kCutNothing, kCutAll};
  if (!point.half.empty()) kinds.push_back(kKillHalfway);
  for (int i = 0; i < exploration_.power_cuts; ++i) {
    kinds.push_back(i % 3 == 2 ? kCutReorder : kCutRandom);
  }
  return kinds;
}

void Explorer::CrashAt(const CrashPoint& point, const CrashKind& kind, int depth,
                       const std::string& outer_trail) {
  const std::string trail = fmt::format("{}, {} {}", outer_trail, kind.name, point.where);
  ++findings_.crash_points;
  ++findings_.recoveries;
  Trial trial(Apply(point, kind), scenario_.options(), random_.Next());

  // A fair choice of `nested_max` among the changes that this recovery makes.
  std::vector<CrashPoint> nested;
  if (depth > 1) {
    Observe(trial, [&](const Operation& operation, const Renames& renames) {
      const uint64_t slot = nested.size() < exploration_.nested_max
                                ? nested.size()
                                : random_.Uniform(operation.mutation);
      if (slot >= exploration_.nested_max) return;
      nested.resize(std::max<size_t>(nested.size(), slot + 1));
      nested[slot] = MakePoint(trial, operation, renames);
    });
  }
  trial.Recover(kind.crash);
  Ignore(trial);
  // What this recovery found, every later one must find, however often the machine stops.
  for (CrashPoint& inner : nested) inner.remains.history = trial.history();
  GoOnAndCutPower(trial, trail);
  Report(trial, trail);
  for (const CrashPoint& inner : nested) {
    for (const CrashKind& inner_kind : KindsFor(inner, depth - 1)) {
      if (is_done()) return;
      CrashAt(inner, inner_kind, depth - 1, trail);
    }
  }
}

// Writes to the recovered database, cuts the power, recovers again, and uses everything once more.
void Explorer::GoOnAndCutPower(Trial& trial, const std::string& trail) {
  trial.ExpectCheckpoints();
  trial.Del("after0");  // Even if the disk is full.
  trial.MakeRoom();
  trial.SetNext("after1", 40);
  trial.SetNext("after2", 700, Durability::kPower);
  trial.SetNext("after3", 40);
  if (!trial.ok()) return;

  Remains remains = trial.Copy();
  remains.disk->PowerCut(random_,
                         random_.OneIn(2) ? PowerCutMode::kRandom : PowerCutMode::kKeepNothing);
  ++findings_.recoveries;
  Trial last(std::move(remains), scenario_.options(), random_.Next());
  last.Recover(Crash::kPower);
  if (random_.OneIn(4)) {
    last.Flush();
    last.Compact();
    last.Collect();
    last.ExpectNewest();
    last.Verify();
  }
  Report(last, trail + ", recovered, wrote at L2, power cut");
}

Findings Explorer::Run() {
  if (!RunScenario([](Trial&, const Operation&, const Renames&) {})) return findings_;
  const uint64_t changes = findings_.changes;
  const uint64_t stride = (changes + exploration_.points_max - 1) / exploration_.points_max;
  const uint64_t first = 1 + random_.Uniform(stride);
  for (uint64_t begin = first; begin <= changes && !is_done(); begin += stride * kBatchOfPoints) {
    const uint64_t end = begin + stride * kBatchOfPoints;
    std::vector<CrashPoint> points;
    if (!RunScenario([&](Trial& trial, const Operation& operation, const Renames& renames) {
          const uint64_t number = operation.mutation;
          if (number < begin || number >= end || (number - begin) % stride != 0) return;
          points.push_back(MakePoint(trial, operation, renames));
        })) {
      return findings_;
    }
    NOKV_CHECK(findings_.changes == changes);  // Or the scenario is not deterministic.
    for (const CrashPoint& point : points) {
      for (const CrashKind& kind : KindsFor(point, exploration_.depth)) {
        if (is_done()) return findings_;
        CrashAt(point, kind, exploration_.depth, "");
      }
    }
  }
  return findings_;
}

}  // namespace

void Findings::Add(const Findings& other) {
  changes += other.changes;
  crash_points += other.crash_points;
  recoveries += other.recoveries;
  violations.insert(violations.end(), other.violations.begin(), other.violations.end());
}

Findings Explore(const Scenario& scenario, const Exploration& exploration) {
  return Explorer(scenario, exploration).Run();
}

uint64_t Scale() {
  const char* const scale = std::getenv("NOKV_TEST_SCALE");
  return scale != nullptr && std::string_view(scale) == "long" ? 20 : 1;
}

}  // namespace nokv::tests
