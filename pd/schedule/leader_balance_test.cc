#include "pd/schedule/leader_balance.h"

#include "engine/base/random.h"

#include <catch2/catch.hpp>

#include <algorithm>

namespace nokv::pd {
namespace {

// Stores 1 to 3 with a peer of every region each; the leaders as given.
class Fixture {
 public:
  explicit Fixture(const std::vector<uint64_t>& leader_stores) {
    for (uint64_t store = 1; store <= 3; ++store) Report(store, now_ms);
    for (const uint64_t leader : leader_stores) AddRegion(leader);
  }

  void Report(uint64_t store, uint64_t at_ms, bool is_busy = false) {
    REQUIRE(cluster
                .Apply({.id = StoreId{store},
                        .identity = 1,
                        .address = fmt::format("s{}:1", store),
                        .stats = {.is_busy = is_busy}},
                       at_ms)
                .ok());
  }

  RegionReport& AddRegion(uint64_t leader) {
    const uint64_t id = reports.size() + 1;
    Region region{.id = RegionId{id},
                  .start_key = fmt::format("{:04}", id),
                  .end_key = fmt::format("{:04}", id + 1),
                  .epoch = {1, 1}};
    for (uint64_t store = 1; store <= 3; ++store) {
      region.peers.push_back({PeerId{id * 10 + store}, StoreId{store}});
    }
    reports.push_back({.region = region, .leader = PeerId{id * 10 + leader}, .term = 1});
    Send(reports.back());
    return reports.back();
  }

  void Send(const RegionReport& report) {
    REQUIRE(std::holds_alternative<Applied>(cluster.Apply(report)));
  }

  BalanceDecision Plan() {
    const BalanceDecision decision = PlanLeaderBalance(cluster, book, {}, after, now_ms);
    after = decision.last_examined;
    return decision;
  }

  // Does as ordered.
  void CarryOut(const Operator& move) {
    RegionReport& report = reports[Number(move.region) - 1];
    report.leader = move.step.to;
    ++report.term;
    Send(report);
    book.Observe(move.region, cluster.regions().Find(move.region), now_ms);
  }

  size_t LeadersOn(uint64_t store) { return cluster.LoadOf(StoreId{store}).leaders.size(); }

  uint64_t now_ms = 1000;
  RegionId after{};
  Cluster cluster{LivenessOptions{}};
  OperatorBook book{OperatorLimits{}};
  std::vector<RegionReport> reports;
};

TEST_CASE("leaders move from the store with most to the one with least", "[pd][schedule]") {
  Fixture fixture({1, 1, 1, 2});
  const BalanceDecision decision = fixture.Plan();
  REQUIRE(decision.result == BalanceResult::kMove);
  REQUIRE(decision.move->step.from_store == StoreId{1});
  REQUIRE(decision.move->step.to_store == StoreId{3});
  REQUIRE(
      decision.Explain().starts_with("region 1: its leader should move from store 1 to store 3"));
}

TEST_CASE("a difference of one is left alone, and it says so", "[pd][schedule]") {
  Fixture fixture({1, 1, 2, 2, 3});
  const BalanceDecision decision = fixture.Plan();
  REQUIRE(decision.result == BalanceResult::kBalanced);
  REQUIRE(decision.Explain() ==
          "leaders are balanced; store 1: up, 2 leaders, score 2; store 2: up, 2 leaders, score 2; "
          "store 3: up, 1 leaders, score 1");
}

TEST_CASE("operators under way count as done", "[pd][schedule]") {
  Fixture fixture({1, 1, 2});
  const BalanceDecision first = fixture.Plan();
  REQUIRE(fixture.book.Add(*first.move, fixture.now_ms).ok());
  REQUIRE(fixture.Plan().result == BalanceResult::kBalanced);
}

TEST_CASE("a draining store gives all its leaders away and gets none", "[pd][schedule]") {
  Fixture fixture({1, 2, 2, 3, 3});
  REQUIRE(fixture.cluster.SetIntent(StoreId{1}, StoreIntent::kDraining).ok());
  const BalanceDecision decision = fixture.Plan();
  REQUIRE(decision.move->step.from_store == StoreId{1});
  fixture.CarryOut(*decision.move);
  REQUIRE(fixture.Plan().result == BalanceResult::kBalanced);
  REQUIRE(fixture.LeadersOn(1) == 0);
}

TEST_CASE("silent and busy stores get no leaders", "[pd][schedule]") {
  Fixture fixture({1, 1, 1, 1});
  fixture.now_ms += 60'000;
  fixture.Report(1, fixture.now_ms);
  fixture.Report(3, fixture.now_ms, /*is_busy=*/true);
  const BalanceDecision decision = fixture.Plan();
  REQUIRE(decision.result == BalanceResult::kNoTarget);  // But store 1 itself.
  REQUIRE(decision.Explain().find("store 2: disconnected, 0 leaders, score 0, silent") !=
          std::string::npos);
  REQUIRE(decision.Explain().find("store 3: up, 0 leaders, score 0, takes no leaders") !=
          std::string::npos);
}

TEST_CASE("peers that are behind, down, learning or in a change are not chosen", "[pd][schedule]") {
  const auto plan = [](const auto& spoil) {
    Fixture fixture({});
    for (int i = 0; i < 3; ++i) {
      RegionReport& report = fixture.AddRegion(1);
      report.region.epoch.conf_version = 2;
      spoil(report);
      fixture.Send(report);
    }
    return fixture.Plan();
  };
  const auto pending = plan([](RegionReport& r) {
    r.pending_peers = {r.region.peers[1].id, r.region.peers[2].id};
  });
  REQUIRE(pending.result == BalanceResult::kNoRegion);
  REQUIRE(pending.regions_examined == 3);
  REQUIRE(plan([](RegionReport& r) {
            r.down_peers = {r.region.peers[1].id, r.region.peers[2].id};
          }).result == BalanceResult::kNoRegion);
  REQUIRE(plan([](RegionReport& r) {
            r.region.peers[1].role = PeerRole::kLearner;
            r.region.peers[2].role = PeerRole::kLearner;
          }).result == BalanceResult::kNoRegion);
  REQUIRE(plan([](RegionReport& r) { r.region.peers[1].role = PeerRole::kIncomingVoter; }).result ==
          BalanceResult::kNoRegion);
}

TEST_CASE("without stores or leaders it says what is missing", "[pd][schedule]") {
  Fixture idle({});
  REQUIRE(idle.Plan().result == BalanceResult::kNoSource);
  Fixture draining({1, 2, 3});
  for (uint64_t store = 1; store <= 3; ++store) {
    REQUIRE(draining.cluster.SetIntent(StoreId{store}, StoreIntent::kDraining).ok());
  }
  REQUIRE(draining.Plan().result == BalanceResult::kNoTarget);
}

TEST_CASE("a region that can't move does not keep others from moving", "[pd][schedule]") {
  Fixture fixture({1, 1, 1, 1});
  RegionReport& stuck = fixture.reports[0];
  stuck.pending_peers = {stuck.region.peers[1].id, stuck.region.peers[2].id};
  fixture.Send(stuck);
  REQUIRE(fixture.Plan().move->region == RegionId{2});
}

TEST_CASE("any distribution of leaders becomes even without going back and forth",
          "[pd][schedule]") {
  const uint64_t seed = GENERATE(range(uint64_t{1}, uint64_t{21}));
  CAPTURE(seed);
  Random random(seed);
  std::vector<uint64_t> leaders;
  const uint64_t most = 1 + random.Uniform(3);
  for (uint64_t i = 0; i < 30; ++i) {
    leaders.push_back(random.OneIn(2) ? most : 1 + random.Uniform(3));
  }
  Fixture fixture(leaders);
  size_t moves = 0;
  for (;;) {
    const BalanceDecision decision = fixture.Plan();
    if (!decision.move.has_value()) break;
    REQUIRE(fixture.book.Add(*decision.move, fixture.now_ms).ok());
    fixture.CarryOut(*decision.move);
    REQUIRE(++moves <= 30);
  }
  const auto [low, high] =
      std::minmax({fixture.LeadersOn(1), fixture.LeadersOn(2), fixture.LeadersOn(3)});
  REQUIRE(high - low <= 1);
}

}  // namespace
}  // namespace nokv::pd
