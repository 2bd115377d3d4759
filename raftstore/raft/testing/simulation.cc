#include "raftstore/raft/testing/simulation.h"

#include "raftstore/raft/planted.h"
#include "raftstore/raft/testing/clients.h"
#include "raftstore/raft/testing/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace nokv::raft::testing {
namespace {

constexpr uint64_t kSecond = 1'000'000;
constexpr uint64_t kHealthySeconds = 30;
constexpr PeerId kLastId = 9;  // So many peers a run may have, one after the other.

// What goes wrong in a run, and how often: each run enables a part of it.
struct Faults {
  bool crashes = false;
  bool partitions = false;
  bool slow_disks = false;
  bool transfers = false;
  bool membership = false;
  uint64_t pause_us = 0;  // Between two faults, on average.
};

class Simulation {
 public:
  explicit Simulation(const SimulationOptions& options)
      : options_(options), draw_(options.seed), world_(draw_.Next(), DrawNetwork()) {
    faults_ = {.crashes = !draw_.OneIn(4),
               .partitions = !draw_.OneIn(4),
               .slow_disks = draw_.OneIn(2),
               .transfers = draw_.OneIn(2),
               .membership = !options.without_membership && draw_.OneIn(2),
               .pause_us = draw_.OneIn(3) ? kSecond / 3 : (1 + draw_.Uniform(8)) * kSecond};
    sync_us_max_ = draw_.OneIn(3) ? 400'000 : draw_.OneIn(2) ? 50'000 : 3'000;
    DrawPeers();
  }

  SimulationResult Run() {
    Configuration group = MakeConfiguration(First(3 + 2 * draw_.Uniform(2)));
    next_id_ = group.highest_id + 1;
    for (const PeerId id : group.voters) AddHost(id, group);
    Clients clients(world_, 3, 100'000 + draw_.Uniform(200'000));
    clients.Start();
    NextFault();

    const uint64_t healthy_us = (options_.seconds - kHealthySeconds) * kSecond;
    world_.RunUntil(healthy_us);
    StopFaults();
    const uint64_t writes = world_.result().writes;
    const uint64_t reads = world_.result().reads;
    world_.RunUntil(healthy_us + (kHealthySeconds - 10) * kSecond);
    const bool has_served = world_.result().writes > writes && world_.result().reads > reads;
    clients.Stop();
    world_.RunUntil(options_.seconds * kSecond);
    if (world_.violation().empty()) {
      CheckRecovered(has_served);
      if (!world_.violation().empty()) world_.result().violation += world_.Describe();
    }
    world_.result().elections = world_.invariants().elections();
    return world_.result();
  }

 private:
  static std::vector<PeerId> First(uint64_t count) {
    std::vector<PeerId> ids;
    for (PeerId id = 1; id <= count; ++id) ids.push_back(id);
    return ids;
  }

  NetworkOptions DrawNetwork() {
    NetworkOptions network;
    network.latency_us_max = draw_.OneIn(4) ? 150'000 : 10'000;
    if (draw_.OneIn(2)) network.lost_per_mille = static_cast<uint32_t>(draw_.Uniform(150));
    if (draw_.OneIn(2)) network.repeated_per_mille = static_cast<uint32_t>(draw_.Uniform(100));
    if (draw_.OneIn(2)) network.late_per_mille = static_cast<uint32_t>(draw_.Uniform(50));
    return network;
  }

  void DrawPeers() {
    peer_.pre_vote = !draw_.OneIn(5);
    peer_.check_quorum = !draw_.OneIn(6);
    peer_.lease_reads = peer_.check_quorum && draw_.OneIn(2);
    if (options_.with_leases) peer_.lease_reads = peer_.check_quorum = true;
    if (Planted(Bug::kLeaseWithoutCheckQuorum)) peer_.check_quorum = false;
    if (draw_.OneIn(2)) {  // Tight limits, so that they are met.
      peer_.inflight = {.messages = 2, .bytes = 200};
      peer_.message_bytes_max = 100;
      peer_.applying_bytes_max = 64;
    }
    // Who neither asks before an election nor protects a leader is at the mercy of peers that do
    // not know that they were removed.
    if (!peer_.pre_vote || !peer_.check_quorum) faults_.membership = false;
  }

  void AddHost(PeerId id, const Configuration& configuration) {
    Options options = peer_;
    options.id = id;
    Host& host = world_.AddHost(options, configuration);
    // Clocks run up to 10 % faster or slower than they should.
    host.tick_us = 90'000 + draw_.Uniform(20'001);
    host.sync_us_max = draw_.OneIn(2) ? sync_us_max_ : 3'000;
  }

  void NextFault() {
    world_.After(1 + world_.random().Uniform(2 * faults_.pause_us), [this] {
      if (is_healthy_) return;
      MakeFault();
      NextFault();
    });
  }

  Host& AnyHost() {
    const size_t at = world_.random().Uniform(world_.hosts().size());
    return std::next(world_.hosts().begin(), static_cast<std::ptrdiff_t>(at))->second;
  }

  // Leaders are where most things can go wrong.
  Host& LeaderOrAny() {
    Host* const leader = world_.random().OneIn(2) ? world_.Leader() : nullptr;
    return leader != nullptr ? *leader : AnyHost();
  }

  void MakeFault() {
    switch (world_.random().Uniform(6)) {
      case 0:
        if (faults_.crashes) CrashOne();
        return;
      case 1:
        if (faults_.partitions) Partition();
        return;
      case 2:
        if (faults_.slow_disks) {
          LeaderOrAny().slow_until_us = world_.now_us() + world_.random().Uniform(5 * kSecond);
        }
        return;
      case 3:
        if (faults_.transfers) Transfer();
        return;
      case 4:
        if (faults_.crashes && faults_.partitions) ForgetLeader();
        return;
      default:
        if (faults_.membership) ChangeMembers();
        return;
    }
  }

  void CrashOne() {
    Host& host = LeaderOrAny();
    if (!host.is_up()) return;
    world_.Crash(host, world_.random().Uniform(host.node->pending_writes() + 1));
    const uint64_t down_us = world_.random().OneIn(2) ? 1 : world_.random().Uniform(8 * kSecond);
    world_.After(down_us, [this, id = host.options.id] {
      if (Host* const again = world_.Find(id); again != nullptr) world_.Restart(*again);
    });
  }

  void Partition() {
    ++world_.result().partitions;
    Random& random = world_.random();
    const uint64_t shape = random.Uniform(3);
    const PeerId chosen = LeaderOrAny().options.id;
    for (auto& [from, a] : world_.hosts()) {
      for (auto& [to, b] : world_.hosts()) {
        if (from == to) continue;
        const bool is_cut = shape == 0   ? (from == chosen) != (to == chosen)  // Alone.
                            : shape == 1 ? to == chosen      // Heard, and hears nothing.
                                         : random.OneIn(3);  // Any links, in any direction.
        if (is_cut) world_.network().Cut(from, to);
      }
    }
    world_.After(random.Uniform(8 * kSecond), [this] { world_.network().Heal(); });
  }

  void Transfer() {
    Host* const leader = world_.Leader();
    if (leader == nullptr) return;
    const PeerId to = AnyHost().options.id;
    static_cast<void>(world_.Do(*leader, [to](Raft& raft) { return raft.TransferLeadership(to); }));
    if (!faults_.partitions || world_.random().OneIn(2)) return;
    // It may not hear of its successor for a while.
    const PeerId old = leader->options.id;
    world_.After(world_.random().Uniform(30'000), [this, old] {
      if (is_healthy_) return;
      for (auto& [id, host] : world_.hosts()) world_.network().Cut(id, old);
    });
    world_.After(kSecond, [this] { world_.network().Heal(); });
  }

  // The leader and another do not hear each other, and the rest forget what they only remembered.
  void ForgetLeader() {
    Host* const leader = world_.Leader();
    const PeerId other = AnyHost().options.id;
    if (leader == nullptr || leader->options.id == other) return;
    world_.network().Cut(leader->options.id, other);
    world_.network().Cut(other, leader->options.id);
    for (auto& [id, host] : world_.hosts()) {
      if (id == other || id == leader->options.id) continue;
      for (int i = 0; i < 5; ++i) {
        world_.After(kSecond + world_.random().Uniform(2 * kSecond), [this, forgetful = id] {
          Host* const again = world_.Find(forgetful);
          if (is_healthy_ || again == nullptr || !again->is_up()) return;
          world_.Crash(*again, again->node->pending_writes());
          world_.Restart(*again);
        });
      }
    }
    world_.After(4 * kSecond, [this] { world_.network().Heal(); });
  }

  void ChangeMembers() {
    Host* const leader = world_.Leader();
    if (leader == nullptr) return;
    const Configuration& group = leader->raft().configuration();
    Random& random = world_.random();
    ConfigChange change;
    change.transition = static_cast<ConfigChange::Transition>(random.Uniform(4));
    if (change.transition != ConfigChange::Transition::kLeave) {
      const size_t steps = 1 + random.Uniform(3);
      for (size_t i = 0; i < steps; ++i) AddStep(group, change);
      if (change.steps.empty()) return;
    } else if (!group.is_joint()) {
      return;
    }
    const absl::StatusOr<Configuration> after = raft::Apply(group, change);
    // Two voters can lose their quorum to one crash, which is no fault of theirs.
    if (!after.ok() || after->voters.size() < 3) return;
    for (const ConfigChange::Step& step : change.steps) {
      if (step.peer < next_id_) continue;
      AddHost(step.peer, {});
      next_id_ = step.peer + 1;
    }
    const Term term = leader->raft().term();
    const bool is_proposed =
        world_.Do(*leader, [&](Raft& raft) { return raft.ProposeConfigChange(change, term); }).ok();
    world_.result().config_changes += is_proposed;
  }

  void AddStep(const Configuration& group, ConfigChange& change) {
    Random& random = world_.random();
    PeerId peer = 1 + random.Uniform(next_id_);  // Perhaps a newcomer.
    if (peer > kLastId) return;
    if (peer < next_id_ && !group.Contains(peer)) return;
    const auto is_same = [peer](const ConfigChange::Step& step) { return step.peer == peer; };
    if (std::any_of(change.steps.begin(), change.steps.end(), is_same)) return;
    const bool may_remove = group.Contains(peer) && group.voters.size() > 2;
    change.steps.push_back(
        {static_cast<ConfigChange::Op>(random.Uniform(may_remove ? 3 : 2)), peer});
  }

  void StopFaults() {
    is_healthy_ = true;
    world_.network().StopFaults();
    for (auto& [id, host] : world_.hosts()) {
      host.slow_until_us = 0;
      world_.Restart(host);
    }
  }

  void CheckRecovered(bool has_served) {
    Host* const leader = world_.Leader();
    if (leader == nullptr) return world_.Violate("liveness: no leader without faults");
    if (!has_served) return world_.Violate("liveness: nothing written or read without faults");
    const Configuration& group = leader->raft().configuration();
    if (group.is_joint() && group.auto_leave) {
      return world_.Violate("liveness: the joint configuration was not left");
    }
    for (auto& [id, host] : world_.hosts()) {
      if (!group.Contains(id)) continue;
      if (host.raft().applied() != leader->raft().last_index()) {
        return world_.Violate(fmt::format(
            "liveness: {} has applied {}, and the log of leader {} "
            "ends at {}",
            id, host.raft().applied(), leader->options.id, leader->raft().last_index()));
      }
      if (host.registers.numbers != leader->registers.numbers) {
        return world_.Violate(fmt::format("{} and {} differ in state", id, leader->options.id));
      }
    }
  }

  SimulationOptions options_;
  Random draw_;  // For what a run is; world_.random() is for what happens in it.
  World world_;
  Faults faults_;
  Options peer_;
  uint64_t sync_us_max_ = 0;
  PeerId next_id_ = 1;
  bool is_healthy_ = false;
};

}  // namespace

void SimulationResult::Add(const SimulationResult& other) {
  events += other.events;
  messages += other.messages;
  elections += other.elections;
  crashes += other.crashes;
  partitions += other.partitions;
  config_changes += other.config_changes;
  snapshots += other.snapshots;
  writes += other.writes;
  reads += other.reads;
  lease_reads += other.lease_reads;
}

std::string ToString(const SimulationResult& r) {
  return fmt::format(
      "{} events, {} messages, {} elections, {} crashes, {} partitions, {} configuration changes, "
      "{} snapshots, {} writes, {} reads ({} under a lease)",
      r.events, r.messages, r.elections, r.crashes, r.partitions, r.config_changes, r.snapshots,
      r.writes, r.reads, r.lease_reads);
}

SimulationResult Simulate(const SimulationOptions& options) { return Simulation(options).Run(); }

}  // namespace nokv::raft::testing
