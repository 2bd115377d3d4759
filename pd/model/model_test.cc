// Random histories of a cluster, whose reports arrive late, twice and out of order, beside a
// reference that is too simple to be wrong.
#include "engine/base/random.h"
#include "pd/model/cluster.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <utility>

namespace nokv::pd {
namespace {

constexpr uint64_t kStores = 6;

std::string KeyAt(uint64_t number) { return fmt::format("{:05}", number); }

bool Overlap(const Region& a, const Region& b) {
  return (a.end_key.empty() || b.start_key < a.end_key) &&
         (b.end_key.empty() || a.start_key < b.end_key);
}

// What really happens: regions that always tile all keys.
class History {
 public:
  explicit History(Random& random) : random_(random) {
    regions_.push_back({.id = RegionId{1},
                        .epoch = {1, 1},
                        .peers = {{PeerId{next_id_++}, StoreId{1}},
                                  {PeerId{next_id_++}, StoreId{2}},
                                  {PeerId{next_id_++}, StoreId{3}}}});
    terms_[RegionId{1}] = 1;
  }

  void Step() {
    const size_t at = random_.Uniform(regions_.size());
    switch (random_.Uniform(5)) {
      case 0:
      case 1:
        return Split(at);
      case 2:
        return Merge(at);
      case 3:
        return ChangePeers(at);
      default:
        ++terms_[regions_[at].id];
    }
  }

  RegionReport ReportOf(size_t at) {
    const Region& region = regions_[at];
    const uint64_t term = terms_[region.id];
    // One leader a term.
    return {.region = region, .leader = region.peers[term % region.peers.size()].id, .term = term};
  }

  const std::vector<Region>& regions() const { return regions_; }

 private:
  void Split(size_t at) {
    const std::string key = KeyAt(random_.Uniform(100'000));
    Region& parent = regions_[at];
    if (!Contains(parent, key) || key == parent.start_key) return;
    ++parent.epoch.version;
    Region child = parent;
    child.id = RegionId{next_id_++};
    for (Peer& peer : child.peers) peer.id = PeerId{next_id_++};
    child.start_key = key;
    parent.end_key = key;
    terms_[child.id] = 5;
    regions_.insert(regions_.begin() + static_cast<int64_t>(at) + 1, child);
  }

  void Merge(size_t at) {
    if (at + 1 >= regions_.size()) return;
    Region& target = regions_[at];
    const Region source = regions_[at + 1];
    target.epoch.version = std::max(target.epoch.version, source.epoch.version) + 1;
    target.end_key = source.end_key;
    regions_.erase(regions_.begin() + static_cast<int64_t>(at) + 1);
  }

  void ChangePeers(size_t at) {
    Region& region = regions_[at];
    const StoreId store{1 + random_.Uniform(kStores)};
    if (FindPeerOn(region, store) != nullptr) return;
    region.peers[random_.Uniform(region.peers.size())] = {PeerId{next_id_++}, store};
    std::sort(region.peers.begin(), region.peers.end(),
              [](const Peer& a, const Peer& b) { return a.id < b.id; });
    ++region.epoch.conf_version;
    ++terms_[region.id];
  }

  Random& random_;
  uint64_t next_id_ = 2;
  std::vector<Region> regions_;
  std::map<RegionId, uint64_t> terms_;
};

// The rule of replacement over a list, and counting by walking.
class Reference {
 public:
  bool Apply(const RegionReport& report) {
    for (const KnownRegion& known : known_) {
      const bool is_same = known.region.id == report.region.id;
      if (is_same && IsOlder(report.region.epoch, known.region.epoch)) return false;
      if (is_same && report.region.epoch == known.region.epoch && report.term < known.term) {
        return false;
      }
      if (!is_same && Overlap(known.region, report.region) &&
          known.region.epoch.version >= report.region.epoch.version) {
        return false;
      }
    }
    KnownRegion next{.region = report.region, .leader = report.leader, .term = report.term};
    for (const KnownRegion& known : known_) {
      if (known.region.id != next.region.id || known.term <= next.term) continue;
      next.term = known.term;
      next.leader = FindPeer(next.region, known.leader) != nullptr ? known.leader : kNoPeer;
    }
    std::erase_if(known_, [&](const KnownRegion& known) {
      return known.region.id == report.region.id || Overlap(known.region, report.region);
    });
    known_.push_back(std::move(next));
    return true;
  }

  void RequireSame(const Cluster& cluster) const {
    REQUIRE(cluster.regions().size() == known_.size());
    std::map<StoreId, uint64_t> peers;
    std::map<StoreId, uint64_t> leaders;
    for (const KnownRegion& known : known_) {
      const KnownRegion* const ours = cluster.regions().Find(known.region.id);
      REQUIRE(ours != nullptr);
      REQUIRE(ours->region == known.region);
      REQUIRE(ours->leader == known.leader);
      REQUIRE(ours->term == known.term);
      for (const Peer& peer : known.region.peers) ++peers[peer.store];
      const Peer* const leader = FindPeer(known.region, known.leader);
      if (leader != nullptr) ++leaders[leader->store];
    }
    for (uint64_t store = 1; store <= kStores; ++store) {
      const StoreLoad& load = cluster.LoadOf(StoreId{store});
      REQUIRE(load.peer_count == peers[StoreId{store}]);
      REQUIRE(load.leaders.size() == leaders[StoreId{store}]);
    }
  }

  const KnownRegion* FindByKey(std::string_view key) const {
    const auto found = std::find_if(known_.begin(), known_.end(), [key](const KnownRegion& known) {
      return Contains(known.region, key);
    });
    return found == known_.end() ? nullptr : &*found;
  }

 private:
  std::vector<KnownRegion> known_;
};

// What a driver that saves changes would find after a restart.
void SaveDirty(const Cluster& cluster, const RegionOutcome& outcome,
               std::map<RegionId, Region>& saved) {
  const auto* const applied = std::get_if<Applied>(&outcome);
  if (applied == nullptr) return;
  for (const RegionId id : applied->dirty) {
    const KnownRegion* const known = cluster.regions().Find(id);
    if (known != nullptr) {
      saved[id] = known->region;
    } else {
      saved.erase(id);
    }
  }
}

TEST_CASE("random reports in any order lead where a simple reference leads, and to the truth",
          "[pd][model]") {
  const uint64_t seed = GENERATE(range(uint64_t{1}, uint64_t{31}));
  CAPTURE(seed);
  Random random(seed);
  History history(random);
  Cluster cluster({});
  Reference reference;
  std::map<RegionId, Region> saved;
  std::vector<RegionReport> in_flight;
  const auto deliver = [&](const RegionReport& report) {
    const RegionOutcome outcome = cluster.Apply(report);
    REQUIRE_FALSE(std::holds_alternative<Refused>(outcome));  // Nobody lies here.
    REQUIRE(std::holds_alternative<Applied>(outcome) == reference.Apply(report));
    SaveDirty(cluster, outcome, saved);
  };
  for (int step = 0; step < 400; ++step) {
    history.Step();
    in_flight.push_back(history.ReportOf(random.Uniform(history.regions().size())));
    while (!in_flight.empty() && random.OneIn(2)) {
      const size_t at = random.Uniform(in_flight.size());
      const RegionReport report = in_flight[at];
      // Some arrive twice, some never.
      if (!random.OneIn(4)) in_flight.erase(in_flight.begin() + static_cast<int64_t>(at));
      if (!random.OneIn(10)) deliver(report);
    }
    if (step % 20 == 0) reference.RequireSame(cluster);
    const std::string key = KeyAt(random.Uniform(100'000));
    const KnownRegion* const found = cluster.regions().FindByKey(key);
    const KnownRegion* const expected = reference.FindByKey(key);
    REQUIRE((found == nullptr) == (expected == nullptr));
    if (found != nullptr) REQUIRE(found->region == expected->region);
  }

  // Once every leader has reported, what is known is what is.
  for (size_t at = 0; at < history.regions().size(); ++at) deliver(history.ReportOf(at));
  reference.RequireSame(cluster);
  const auto all = cluster.regions().Scan("", "", 10'000);
  REQUIRE(all.size() == history.regions().size());
  REQUIRE(saved.size() == all.size());
  for (size_t at = 0; at < all.size(); ++at) {
    REQUIRE(all[at]->region == history.regions()[at]);
    REQUIRE(saved[all[at]->region.id] == all[at]->region);
  }
}

TEST_CASE("random senseless reports never break the order of regions", "[pd][model]") {
  const uint64_t seed = GENERATE(range(uint64_t{1}, uint64_t{11}));
  CAPTURE(seed);
  Random random(seed);
  Cluster cluster({});
  for (int step = 0; step < 2000; ++step) {
    Region region{.id = RegionId{random.Uniform(20)},
                  .start_key = KeyAt(random.Uniform(100)),
                  .end_key = random.OneIn(10) ? "" : KeyAt(random.Uniform(100)),
                  .epoch = {random.Uniform(8), random.Uniform(4)}};
    for (uint64_t i = random.Uniform(4); i > 0; --i) {
      region.peers.push_back({PeerId{random.Uniform(9)}, StoreId{random.Uniform(9)},
                              static_cast<PeerRole>(random.Uniform(6))});
    }
    cluster.Apply({.region = region, .leader = PeerId{random.Uniform(9)}, .term = 1});
    const auto all = cluster.regions().Scan("", "", 1000);
    REQUIRE(all.size() == cluster.regions().size());
    for (size_t i = 1; i < all.size(); ++i) {
      REQUIRE_FALSE(all[i - 1]->region.end_key.empty());
      REQUIRE(all[i - 1]->region.end_key <= all[i]->region.start_key);
    }
  }
}

}  // namespace
}  // namespace nokv::pd
