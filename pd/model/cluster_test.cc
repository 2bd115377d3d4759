#include "pd/model/cluster.h"

#include <catch2/catch.hpp>

#include <utility>

namespace nokv::pd {
namespace {

Region MakeRegion(uint64_t id, std::string start, std::string end, Epoch epoch) {
  return {.id = RegionId{id},
          .start_key = std::move(start),
          .end_key = std::move(end),
          .epoch = epoch,
          .peers = {{PeerId{id * 10 + 1}, StoreId{1}},
                    {PeerId{id * 10 + 2}, StoreId{2}},
                    {PeerId{id * 10 + 3}, StoreId{3}}}};
}

RegionReport ReportOf(const Region& region, uint64_t leader_store = 1, uint64_t term = 5) {
  return {.region = region, .leader = FindPeerOn(region, StoreId{leader_store})->id, .term = term};
}

bool IsApplied(const RegionOutcome& outcome) { return std::holds_alternative<Applied>(outcome); }

bool IsStale(const RegionOutcome& outcome) { return std::holds_alternative<Stale>(outcome); }

bool IsRefused(const RegionOutcome& outcome) { return std::holds_alternative<Refused>(outcome); }

StoreReport MakeStore(uint64_t id, std::string address, uint64_t identity = 7) {
  return {.id = StoreId{id}, .identity = identity, .address = std::move(address)};
}

// Whether the report changed the store's record.
bool IsChange(const absl::StatusOr<StoreOutcome>& outcome) {
  REQUIRE(outcome.ok());
  return std::get<StoreAdmitted>(*outcome).is_changed;
}

// Null unless the store was refused for that reason.
template <typename Reason>
const Reason* RefusalIn(const absl::StatusOr<StoreOutcome>& outcome) {
  REQUIRE(outcome.ok());
  const auto* const refused = std::get_if<StoreRefused>(&*outcome);
  if (refused == nullptr) return nullptr;
  REQUIRE_FALSE(refused->message.empty());
  return std::get_if<Reason>(&refused->reason);
}

TEST_CASE("a split child is accepted before its parent reports", "[pd][model]") {
  Cluster cluster({});
  const Region before = MakeRegion(1, "", "", {1, 1});
  const Region parent = MakeRegion(1, "", "m", {2, 1});
  const Region child = MakeRegion(2, "m", "", {2, 1});
  REQUIRE(IsApplied(cluster.Apply(ReportOf(before))));

  const RegionOutcome outcome = cluster.Apply(ReportOf(child));
  REQUIRE(IsApplied(outcome));
  REQUIRE(std::get<Applied>(outcome).dirty == std::vector<RegionId>{RegionId{2}, RegionId{1}});
  REQUIRE(cluster.regions().FindByKey("x")->region == child);
  REQUIRE(cluster.regions().FindByKey("a") == nullptr);  // Until the parent reports.
  REQUIRE(IsStale(cluster.Apply(ReportOf(before))));

  REQUIRE(IsApplied(cluster.Apply(ReportOf(parent))));
  REQUIRE(cluster.regions().FindByKey("a")->region == parent);
  REQUIRE(cluster.regions().size() == 2);
}

TEST_CASE("a stale report is told the newer regions, and changes nothing", "[pd][model]") {
  Cluster cluster({});
  const Region left = MakeRegion(1, "", "m", {3, 1});
  const Region right = MakeRegion(2, "m", "", {3, 1});
  cluster.Apply(ReportOf(left));
  cluster.Apply(ReportOf(right));
  const RegionOutcome outcome = cluster.Apply(ReportOf(MakeRegion(3, "c", "x", {2, 1})));
  REQUIRE(std::get<Stale>(outcome).current == std::vector<Region>{left, right});
  REQUIRE(cluster.regions().size() == 2);
  REQUIRE(cluster.regions().Find(RegionId{3}) == nullptr);
}

TEST_CASE("a merged region replaces its parts", "[pd][model]") {
  Cluster cluster({});
  cluster.Apply(ReportOf(MakeRegion(1, "", "m", {3, 1})));
  cluster.Apply(ReportOf(MakeRegion(2, "m", "", {4, 1})));
  REQUIRE(IsApplied(cluster.Apply(ReportOf(MakeRegion(1, "", "", {5, 2})))));
  REQUIRE(cluster.regions().size() == 1);
  REQUIRE(IsStale(cluster.Apply(ReportOf(MakeRegion(2, "m", "", {4, 1})))));
}

TEST_CASE("two regions of one version that share keys are a contradiction", "[pd][model]") {
  Cluster cluster({});
  cluster.Apply(ReportOf(MakeRegion(1, "", "m", {3, 1})));
  REQUIRE(IsRefused(cluster.Apply(ReportOf(MakeRegion(2, "l", "", {3, 1})))));
  REQUIRE(IsRefused(cluster.Apply(ReportOf(MakeRegion(1, "", "n", {3, 1})))));
  REQUIRE(cluster.regions().size() == 1);
}

TEST_CASE("the leader of the newest term is the leader", "[pd][model]") {
  Cluster cluster({});
  const Region region = MakeRegion(1, "", "", {1, 1});
  cluster.Apply(ReportOf(region, 1, 5));
  REQUIRE(cluster.LoadOf(StoreId{1}).leaders.size() == 1);
  REQUIRE(IsApplied(cluster.Apply(ReportOf(region, 2, 6))));
  REQUIRE(IsStale(cluster.Apply(ReportOf(region, 1, 5))));
  REQUIRE(cluster.regions().Find(RegionId{1})->leader == PeerId{12});
  REQUIRE(cluster.LoadOf(StoreId{1}).leaders.empty());
  REQUIRE(cluster.LoadOf(StoreId{2}).leaders.size() == 1);

  // A deposed leader may have applied a change that its successor has not reported yet.
  Region changed = region;
  changed.epoch.conf_version = 2;
  changed.peers.pop_back();
  REQUIRE(IsApplied(cluster.Apply(ReportOf(changed, 1, 5))));
  REQUIRE(cluster.regions().Find(RegionId{1})->region == changed);
  REQUIRE(cluster.regions().Find(RegionId{1})->leader == PeerId{12});
  REQUIRE(cluster.LoadOf(StoreId{3}).peer_count == 0);
}

TEST_CASE("a report that repeats what is known writes nothing", "[pd][model]") {
  Cluster cluster({});
  const RegionReport report = ReportOf(MakeRegion(1, "", "", {1, 1}));
  REQUIRE(std::get<Applied>(cluster.Apply(report)).dirty.size() == 1);
  REQUIRE(std::get<Applied>(cluster.Apply(report)).dirty.empty());
}

TEST_CASE("only a voter of the region leads it", "[pd][model]") {
  Cluster cluster({});
  RegionReport report = ReportOf(MakeRegion(1, "", "", {1, 1}));
  report.region.peers[0].role = PeerRole::kLearner;
  REQUIRE(IsRefused(cluster.Apply(report)));
  report.leader = PeerId{99};
  REQUIRE(IsRefused(cluster.Apply(report)));
}

TEST_CASE("regions are found by key and paged in order", "[pd][model]") {
  Cluster cluster({});
  cluster.Apply(ReportOf(MakeRegion(1, "b", "d", {1, 1})));
  cluster.Apply(ReportOf(MakeRegion(2, "d", "f", {1, 1})));
  cluster.Apply(ReportOf(MakeRegion(3, "h", "", {1, 1})));
  const RegionTree& regions = cluster.regions();
  REQUIRE(regions.FindByKey("a") == nullptr);
  REQUIRE(regions.FindByKey("c")->region.id == RegionId{1});
  REQUIRE(regions.FindByKey("d")->region.id == RegionId{2});
  REQUIRE(regions.FindByKey("g") == nullptr);
  REQUIRE(regions.FindByKey("zz")->region.id == RegionId{3});
  REQUIRE(regions.Scan("c", "", 10).size() == 3);
  REQUIRE(regions.Scan("c", "", 2).back()->region.id == RegionId{2});
  REQUIRE(regions.Scan("c", "d", 10).size() == 1);
  REQUIRE(regions.Scan("f", "h", 10).empty());
  REQUIRE(regions.Scan("g", "i", 10).front()->region.id == RegionId{3});
}

TEST_CASE("the id of a removed store is never used again", "[pd][model]") {
  Cluster cluster({});
  REQUIRE(IsChange(cluster.Apply(MakeStore(1, "a:1"), 0)));
  REQUIRE_FALSE(IsChange(cluster.Apply(MakeStore(1, "a:1"), 10)));
  cluster.Apply(ReportOf(MakeRegion(1, "", "", {1, 1})));
  REQUIRE(
      absl::IsFailedPrecondition(cluster.SetIntent(StoreId{1}, StoreIntent::kTombstone).status()));
  REQUIRE(*cluster.SetIntent(StoreId{1}, StoreIntent::kDraining));
  REQUIRE(
      absl::IsFailedPrecondition(cluster.SetIntent(StoreId{1}, StoreIntent::kTombstone).status()));

  Region moved = MakeRegion(1, "", "", {1, 2});
  moved.peers[0] = {PeerId{99}, StoreId{4}};
  cluster.Apply(ReportOf(moved, 4));
  REQUIRE(*cluster.SetIntent(StoreId{1}, StoreIntent::kTombstone));
  REQUIRE(RefusalIn<StoreRefused::Tombstone>(cluster.Apply(MakeStore(1, "a:1"), 20)) != nullptr);
  REQUIRE(
      absl::IsFailedPrecondition(cluster.SetIntent(StoreId{1}, StoreIntent::kServing).status()));
  REQUIRE(cluster.StateOf(*cluster.FindStore(StoreId{1}), 20) == StoreState::kTombstone);
}

TEST_CASE("a store that lost its directory is not the store that had its id", "[pd][model]") {
  Cluster cluster({});
  REQUIRE(IsChange(cluster.Apply(MakeStore(1, "a:1", 7), 0)));
  const auto outcome = cluster.Apply(MakeStore(1, "a:1", 8), 0);
  const auto* const other = RefusalIn<StoreRefused::OtherIdentity>(outcome);
  REQUIRE(other != nullptr);
  REQUIRE(other->known_identity == 7);
}

TEST_CASE("a store may move to an address that nobody alive has", "[pd][model]") {
  Cluster cluster({});
  REQUIRE(IsChange(cluster.Apply(MakeStore(1, "a:1"), 0)));
  const auto outcome = cluster.Apply(MakeStore(2, "a:1"), 10);
  const auto* const taken = RefusalIn<StoreRefused::AddressTaken>(outcome);
  REQUIRE(taken != nullptr);
  REQUIRE(taken->by == StoreId{1});
  REQUIRE(IsChange(cluster.Apply(MakeStore(2, "a:1"), 25'000)));  // Store 1 is silent by now.
  REQUIRE(IsChange(cluster.Apply(MakeStore(1, "a:2"), 25'000)));
}

TEST_CASE("silence makes a store disconnected, then down, until it reports", "[pd][model]") {
  Cluster cluster({});
  REQUIRE(cluster.Apply(MakeStore(1, "a:1"), 1000).ok());
  const Store& store = *cluster.FindStore(StoreId{1});
  REQUIRE(cluster.StateOf(store, 20'999) == StoreState::kUp);
  REQUIRE(cluster.StateOf(store, 21'000) == StoreState::kDisconnected);
  REQUIRE(cluster.StateOf(store, 1000 + 30 * 60'000) == StoreState::kDown);
  REQUIRE(cluster.Apply(MakeStore(1, "a:1"), 2'000'000).ok());
  REQUIRE(cluster.StateOf(store, 2'000'001) == StoreState::kUp);
}

TEST_CASE("malformed reports of stores are refused", "[pd][model]") {
  Cluster cluster({});
  REQUIRE(absl::IsInvalidArgument(cluster.Apply(MakeStore(0, "a:1"), 0).status()));
  REQUIRE(absl::IsInvalidArgument(cluster.Apply(MakeStore(1, ""), 0).status()));
  REQUIRE(absl::IsInvalidArgument(cluster.Apply(MakeStore(1, "a:1", 0), 0).status()));
  REQUIRE(absl::IsInvalidArgument(
      cluster.Apply(MakeStore(1, std::string(kAddressBytesMax + 1, 'a')), 0).status()));
  REQUIRE(absl::IsInvalidArgument(cluster.Apply(MakeStore(1, "a:1\nb:2"), 0).status()));
  REQUIRE(absl::IsInvalidArgument(cluster.Apply(MakeStore(1, "\xc3\xa4:1"), 0).status()));
}

}  // namespace
}  // namespace nokv::pd
