#include "tests/simulation/cluster/cluster.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace nokv::simulation {
namespace {

constexpr uint64_t kReplicas = 3;
constexpr uint64_t kChangesOfStart = 40;  // That a store makes to its disk, about.

// Keys of both kinds lie among each other, so that every region has some.
std::string KeyName(uint64_t number) { return fmt::format("k{:03}", number); }

std::vector<region::RegionMeta> RegionsOf(const ClusterOptions& options) {
  const uint64_t keys = options.registers + options.counters;
  std::vector<region::RegionMeta> regions(options.regions);
  for (uint64_t i = 0; i < regions.size(); ++i) {
    region::RegionMeta& region = regions[i];
    region.id = i + 1;
    if (i > 0) region.start = regions[i - 1].end;
    if (i + 1 < regions.size()) region.end = KeyName(keys * (i + 1) / regions.size());
    for (uint64_t replica = 0; replica < std::min(kReplicas, options.stores); ++replica) {
      const uint64_t store = 1 + (i + replica) % options.stores;
      region.peers.push_back({.id = region.id * 100 + replica + 1, .store = store});
    }
  }
  return regions;
}

std::vector<pd::Region> ForDriver(const std::vector<region::RegionMeta>& regions) {
  std::vector<pd::Region> translated;
  for (const region::RegionMeta& region : regions) {
    pd::Region& made = translated.emplace_back();
    made.id = pd::RegionId(region.id);
    made.start_key = region.start;
    made.end_key = region.end;
    made.epoch = {.version = region.epoch.version, .conf_version = region.epoch.conf_version};
    for (const region::Peer& peer : region.peers) {
      made.peers.push_back({.id = pd::PeerId(peer.id), .store = pd::StoreId(peer.store)});
    }
  }
  return translated;
}

ClusterOptions WithKeys(ClusterOptions options) {
  const uint64_t keys = options.registers + options.counters;
  for (uint64_t i = 0; i < keys; ++i) {
    // Counters are spread evenly.
    const bool is_counter = (i + 1) * options.counters / keys > i * options.counters / keys;
    (is_counter ? options.workload.counters : options.workload.registers).push_back(KeyName(i));
  }
  return options;
}

}  // namespace

Cluster::Cluster(ClusterOptions options)
    : world_(options.seed),
      recorder_(world_.queue),
      options_(WithKeys(std::move(options))),
      regions_(RegionsOf(options_)),
      driver_(world_, ForDriver(regions_)) {
  world_.disk_delay_max = options_.disk_delay_max;
  for (uint64_t number = 1; number <= options_.stores; ++number) {
    stores_.push_back(std::make_unique<StoreHost>(
        world_, number,
        StoreHostOptions{.regions = regions_, .engine = options_.engine, .store = options_.store}));
  }
  for (uint64_t number = 1; number <= options_.clients; ++number) {
    clients_.push_back(std::make_unique<ClientHost>(world_, recorder_, number, options_.workload));
  }
}

void Cluster::Start() {
  driver_.Start();
  for (uint64_t number = 1; number <= stores(); ++number) StartStore(number);
  for (const auto& client : clients_) client->Start();
}

void Cluster::StartStore(uint64_t number) {
  std::optional<StoreHost::Doom> doom;
  Random& random = world_.queue.random();
  if (failing_starts_one_in_ > 0 && random.OneIn(failing_starts_one_in_)) {
    const Death death = random.OneIn(2) ? Death::kProcess : Death::kPowerCut;
    doom = DoomOf(number, 1 + random.Uniform(kChangesOfStart), death, absl::Milliseconds(100));
  }
  store(number).Start(driver_.cluster_id(), std::move(doom));
}

StoreHost::Doom Cluster::DoomOf(uint64_t number, uint64_t change, Death death,
                                absl::Duration pause) {
  return {.change = change,
          .then = [this, number, death, pause] { KillStore(number, death, pause); }};
}

void Cluster::KillStore(uint64_t number, Death death, absl::Duration pause) {
  if (!store(number).is_up()) return;
  store(number).Stop(death);
  reports_.erase(number);
  world_.queue.After(kWorld, pause, [this, number] { StartStore(number); });
}

void Cluster::KillStoreWithinChange(uint64_t number, uint64_t change, Death death,
                                    absl::Duration pause) {
  if (store(number).is_up()) store(number).Meet(DoomOf(number, change, death, pause));
}

void Cluster::KillDriver(Death death, absl::Duration pause) {
  if (!driver_.is_up()) return;
  driver_.Stop(death);
  world_.queue.After(kWorld, pause, [this] { driver_.Start(); });
}

void Cluster::Inspect() {
  reports_.clear();
  for (const auto& host : stores_) {
    if (!host->is_up()) continue;
    host->Inspect(
        [this, number = host->id()](const store::Report& report) { reports_[number] = report; });
  }
}

std::string Cluster::WhatIsMissing() {
  if (reports_.size() < stores_.size()) return "a store that does not say how it is";
  for (const region::RegionMeta& region : regions_) {
    uint64_t leaders = 0;
    std::map<raft::Index, uint64_t> applied;
    for (const auto& [number, report] : reports_) {
      for (const store::PeerStatus& peer : report.peers) {
        if (peer.region.id != region.id) continue;
        if (peer.is_leader && peer.may_evaluate) ++leaders;
        ++applied[peer.applied];
      }
    }
    if (leaders != 1) return fmt::format("a leader of region {}: {} lead", region.id, leaders);
    if (applied.size() != 1 || applied.begin()->second != region.peers.size()) {
      return fmt::format("equal replicas of region {}", region.id);
    }
  }
  for (uint64_t number = 1; number <= clients(); ++number) {
    if (!client(number).is_idle()) return fmt::format("an answer for client {}", number);
  }
  return {};
}

}  // namespace nokv::simulation
