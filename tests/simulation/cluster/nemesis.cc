#include "tests/simulation/cluster/nemesis.h"

#include <array>
#include <utility>
#include <vector>

namespace nokv::simulation {
namespace {

constexpr int64_t kJumpMillisMax = 5'000;
constexpr uint64_t kChangesMax = 60;  // Of a disk, until the process dies within one.

NetworkOptions DrawStreams(Random& random) {
  return {.late_per_mille = static_cast<uint32_t>(random.Uniform(50)),
          .break_per_mille = static_cast<uint32_t>(random.Uniform(10)),
          .half_open_per_mille = static_cast<uint32_t>(random.Uniform(500))};
}

CallOptions DrawCalls(Random& random) {
  return {.late_per_mille = static_cast<uint32_t>(random.Uniform(60)),
          .lost_per_mille = static_cast<uint32_t>(random.Uniform(60)),
          .told_per_mille = static_cast<uint32_t>(random.Uniform(1001))};
}

}  // namespace

Harm DrawHarm(Random& random) {
  return {.kills = random.OneIn(2),
          .power_cuts = random.OneIn(2),
          .within_changes = random.OneIn(3),
          .driver = random.OneIn(2),
          .partitions = random.OneIn(2),
          .streams = random.OneIn(2),
          .calls = random.OneIn(2),
          .pauses = random.OneIn(3),
          .stalls = random.OneIn(3),
          .clocks = random.OneIn(3),
          .interval_max = absl::Milliseconds(1000 + random.Uniform(9000))};
}

std::string Describe(const Harm& harm) {
  std::string text;
  const std::array<std::pair<bool, const char*>, 10> kinds = {{{harm.kills, "kills"},
                                                               {harm.power_cuts, "power cuts"},
                                                               {harm.within_changes, "within"},
                                                               {harm.driver, "driver"},
                                                               {harm.partitions, "partitions"},
                                                               {harm.streams, "streams"},
                                                               {harm.calls, "calls"},
                                                               {harm.pauses, "pauses"},
                                                               {harm.stalls, "stalls"},
                                                               {harm.clocks, "clocks"}}};
  for (const auto& [is_done, name] : kinds) {
    if (is_done) text += text.empty() ? name : std::string(", ") + name;
  }
  return text.empty() ? "none" : text;
}

void Nemesis::Begin() {
  if (harm_.streams) cluster_.world().network.set_options(DrawStreams(random()));
  if (harm_.calls) cluster_.world().calls.set_options(DrawCalls(random()));
  if (harm_.within_changes) cluster_.set_failing_starts_one_in(4);
  ActLater();
}

void Nemesis::End() {
  is_over_ = true;
  cluster_.set_failing_starts_one_in(0);
  cluster_.world().network.Heal();
  cluster_.world().network.set_options({});
  cluster_.world().calls.set_options({});
  for (uint64_t store = 1; store <= cluster_.stores(); ++store) cluster_.store(store).Spare();
}

void Nemesis::ActLater() {
  cluster_.world().queue.After(
      kWorld, cluster_.world().queue.Between(absl::ZeroDuration(), harm_.interval_max), [this] {
        if (is_over_) return;
        Act();
        ActLater();
      });
}

void Nemesis::Act() {
  using Action = void (Nemesis::*)();
  std::vector<Action> actions;
  if (harm_.kills || harm_.within_changes) actions.push_back(&Nemesis::Kill);
  if (harm_.partitions) actions.push_back(&Nemesis::Cut);
  if (harm_.pauses || harm_.stalls || harm_.clocks) actions.push_back(&Nemesis::Pause);
  if (actions.empty()) return;
  ++acts_;
  (this->*actions[random().Uniform(actions.size())])();
}

void Nemesis::Kill() {
  const absl::Duration pause = AnyWhile();
  if (harm_.driver && random().OneIn(3)) return cluster_.KillDriver(AnyDeath(), pause);
  if (harm_.within_changes && (!harm_.kills || random().OneIn(2))) {
    return cluster_.KillStoreWithinChange(AnyStore(), 1 + random().Uniform(kChangesMax), AnyDeath(),
                                          pause);
  }
  if (!random().OneIn(6)) return cluster_.KillStore(AnyStore(), AnyDeath(), pause);
  for (uint64_t store = 1; store <= cluster_.stores(); ++store) {
    // They come back one after the other: those who have most may be the last.
    cluster_.KillStore(store, AnyDeath(), pause * (0.1 + random().NextDouble()));
  }
  if (harm_.driver) cluster_.KillDriver(AnyDeath(), pause);
}

uint64_t Nemesis::AnyStore() {
  const uint64_t region = 1 + random().Uniform(cluster_.options().regions);
  const uint64_t leader = cluster_.world().oracle.StoreOfLeader(region);
  if (leader != 0 && random().OneIn(2)) return leader;
  return 1 + random().Uniform(cluster_.stores());
}

void Nemesis::Cut() {
  SimNetwork& network = cluster_.world().network;
  const HostId a = AnyHost();
  const HostId b = AnyHost();
  const bool is_one_way = random().OneIn(3);
  if (random().OneIn(2)) {
    network.Cut(a, b);
    if (!is_one_way) network.Cut(b, a);
  } else {  // One store from all other stores; clients and driver still reach it.
    const HostId alone = StoreHostId(AnyStore());
    for (uint64_t other = 1; other <= cluster_.stores(); ++other) {
      network.Cut(StoreHostId(other), alone);
      if (!is_one_way) network.Cut(alone, StoreHostId(other));
    }
  }
  cluster_.world().queue.After(kWorld, AnyWhile(), [&network] { network.Heal(); });
}

void Nemesis::Pause() {
  EventQueue& queue = cluster_.world().queue;
  const uint64_t store = AnyStore();
  const bool is_driver = harm_.driver && random().OneIn(3);
  if (harm_.stalls && random().OneIn(2)) {
    const absl::Duration stall = AnyWhile();
    return is_driver ? cluster_.driver().StallDisk(stall) : cluster_.store(store).StallDisk(stall);
  }
  if (harm_.clocks && random().OneIn(2)) {
    const int64_t jump =
        static_cast<int64_t>(random().Uniform(2 * kJumpMillisMax)) - kJumpMillisMax;
    return is_driver ? cluster_.driver().JumpClock(jump) : cluster_.store(store).JumpClock(jump);
  }
  if (!harm_.pauses) return;
  queue.Pause(is_driver ? kDriverHost : StoreHostId(store), AnyWhile());
}

HostId Nemesis::AnyHost() {
  const uint64_t pick = random().Uniform(cluster_.stores() + cluster_.clients() + 1);
  if (pick < cluster_.stores()) return StoreHostId(pick + 1);
  if (pick == cluster_.stores()) return kDriverHost;
  return ClientHostId(pick - cluster_.stores());
}

Death Nemesis::AnyDeath() {
  const bool is_power_cut = harm_.power_cuts && !random().OneIn(4);
  return is_power_cut ? Death::kPowerCut : Death::kProcess;
}

}  // namespace nokv::simulation
