#include "tests/simulation/cluster/cluster_simulation.h"

#include "engine/base/clock.h"
#include "tests/checker/linearizability.h"

#include <algorithm>
#include <set>
#include <utility>

namespace nokv::simulation {
namespace {

constexpr absl::Duration kInspectEvery = absl::Seconds(5);
constexpr uint64_t kHealingSecondsMax = 30;
constexpr uint64_t kReadingSecondsMax = 10;

class Run {
 public:
  Run(const SimulationOptions& options, const ClusterOptions& cluster, const Harm& harm)
      : options_(options), cluster_(cluster), nemesis_(cluster_, harm) {}

  // In order; each ends with the first violation.
  void Work();
  void Heal();
  void Read();
  void Judge();

  SimulationResult TakeResult();

 private:
  bool is_well() { return world().oracle.violation().empty(); }

  World& world() { return cluster_.world(); }

  void JudgeKeys(const std::vector<std::string>& keys, const checker::ModelFactory& model,
                 const checker::History& history);

  const SimulationOptions options_;
  Cluster cluster_;
  Nemesis nemesis_;
  double healing_seconds_ = 0;
};

void Run::Work() {
  nemesis_.Begin();
  cluster_.Start();
  absl::Duration left = absl::Seconds(options_.seconds);
  while (left > absl::ZeroDuration() && is_well()) {
    const absl::Duration step = std::min(left, kInspectEvery);
    world().queue.RunFor(step);
    left -= step;
    cluster_.Inspect();
  }
  nemesis_.End();
  for (uint64_t client = 1; client <= cluster_.clients(); ++client) cluster_.client(client).Rest();
}

// Broken streams of which one end has not learned yet are found out by keep-alive only. Until then
// a region may lose its leader again, so all must be well after it.
void Run::Heal() {
  const auto keepalive = static_cast<uint64_t>(absl::ToInt64Seconds(NetworkOptions{}.keepalive));
  std::string missing = "everything";
  for (uint64_t second = 1; second <= kHealingSecondsMax && is_well(); ++second) {
    cluster_.Inspect();
    world().queue.RunFor(absl::Seconds(1));
    missing = cluster_.WhatIsMissing();
    if (!missing.empty()) healing_seconds_ = static_cast<double>(second);
    if (missing.empty() && second > keepalive + 1) return;
  }
  world().oracle.Violate(
      fmt::format("{} s after the last harm there is not yet {}", kHealingSecondsMax, missing));
}

void Run::Read() {
  if (!is_well()) return;
  cluster_.client(1).ReadAll();
  for (uint64_t second = 0; second < kReadingSecondsMax && !cluster_.client(1).is_idle();
       ++second) {
    world().queue.RunFor(absl::Seconds(1));
  }
  if (!cluster_.client(1).is_idle()) world().oracle.Violate("the last reads do not end");
}

void Run::Judge() {
  if (!is_well()) return;
  const checker::History history = cluster_.recorder().TakeHistory();
  const WorkloadOptions& workload = cluster_.options().workload;
  JudgeKeys(workload.registers, checker::NewRegister, history);
  JudgeKeys(workload.counters, checker::NewCounter, history);
}

void Run::JudgeKeys(const std::vector<std::string>& keys, const checker::ModelFactory& model,
                    const checker::History& history) {
  const std::set<std::string> wanted(keys.begin(), keys.end());
  checker::History part;
  for (const checker::Operation& operation : history) {
    if (wanted.contains(operation.key)) part.push_back(operation);
  }
  // Time stands still: what can't be decided is decided by memory, on every machine alike.
  ManualClock clock;
  const absl::StatusOr<checker::Report> report =
      CheckLinearizable(part, model, clock, {.memory_bytes_max = size_t{256} << 20});
  if (!report.ok()) return world().oracle.Violate(report.status().ToString());
  if (report->verdict != checker::Verdict::kLinearizable) {
    world().oracle.Violate("not linearizable: " + checker::Describe(*report));
  }
}

SimulationResult Run::TakeResult() {
  const Oracle& oracle = world().oracle;
  const Recorder& recorder = cluster_.recorder();
  return {.violation = oracle.violation(),
          .trace = world().queue.trace(),
          .events = world().queue.events(),
          .operations = recorder.ended(),
          .unknown = recorder.forgotten() + recorder.open(),
          .dropped = recorder.dropped(),
          .acts = nemesis_.acts(),
          .terms = oracle.terms(),
          .replicas_compared = oracle.replicas_compared(),
          .timestamps = oracle.timestamps(),
          .healing_seconds = healing_seconds_};
}

}  // namespace

void SimulationResult::Add(const SimulationResult& other) {
  events += other.events;
  operations += other.operations;
  unknown += other.unknown;
  dropped += other.dropped;
  acts += other.acts;
  terms += other.terms;
  replicas_compared += other.replicas_compared;
  timestamps += other.timestamps;
  healing_seconds = std::max(healing_seconds, other.healing_seconds);
}

std::string ToString(const SimulationResult& result) {
  return fmt::format(
      "{} events, {} operations, {} unknown, {} dropped, {} acts of harm, {} terms, {} replicas "
      "compared, {} timestamps, healed within {} s",
      result.events, result.operations, result.unknown, result.dropped, result.acts, result.terms,
      result.replicas_compared, result.timestamps, result.healing_seconds);
}

ClusterOptions DrawCluster(uint64_t seed) {
  Random random(seed * 2 + 1);
  ClusterOptions options{.seed = seed};
  options.stores = random.OneIn(4) ? 5 : 3;
  options.regions = 1 + random.Uniform(4);
  options.clients = 1 + random.Uniform(4);
  options.registers = 2 + random.Uniform(6);
  options.counters = 1 + random.Uniform(4);
  options.workload.workers = 1 + random.Uniform(4);
  options.workload.think_max = absl::Milliseconds(20 + random.Uniform(300));
  options.workload.timeout = absl::Seconds(2 + random.Uniform(9));
  options.workload.attempt_timeout = absl::Milliseconds(100 << random.Uniform(6));
  options.disk_delay_max = absl::Milliseconds(1 << random.Uniform(7));

  options.engine.memory_bytes = random.OneIn(2) ? 512 << 10 : 4 << 20;
  options.engine.segment_bytes_max = random.OneIn(2) ? 64 << 10 : 1 << 20;
  options.engine.log_distance_bytes_max = 1 << 20;
  options.engine.reserve_bytes = 0;
  options.engine.table_bytes_target = 16 << 10;
  options.engine.level_base_bytes = 64 << 10;

  options.store.tick = absl::Milliseconds(random.OneIn(2) ? 20 : 100);
  options.store.unknown_outcome_wait = absl::Milliseconds(100 << random.Uniform(6));
  options.store.batch_bytes = random.OneIn(3) ? 1 : 256 << 10;
  options.store.log_entries = random.OneIn(2) ? 64 : 16'384;
  options.store.commands_max = random.OneIn(4) ? 8 : 1024;
  options.store.store_heartbeat_interval = absl::Seconds(1);
  options.store.region_heartbeat_interval = absl::Seconds(1 + random.Uniform(10));
  return options;
}

SimulationResult Simulate(const SimulationOptions& options) {
  const ClusterOptions cluster = options.cluster.value_or(DrawCluster(options.seed));
  Random random(options.seed * 2);
  const Harm harm = options.harm.value_or(DrawHarm(random));
  Run run(options, cluster, harm);
  run.Work();
  run.Heal();
  run.Read();
  run.Judge();
  SimulationResult result = run.TakeResult();
  result.setting =
      fmt::format("{} stores, {} regions, {} clients of {} workers, harm: {}", cluster.stores,
                  cluster.regions, cluster.clients, cluster.workload.workers, Describe(harm));
  return result;
}

}  // namespace nokv::simulation
