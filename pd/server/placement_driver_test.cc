#include "pd/server/placement_driver.h"

#include "engine/vfs/fault_file_system.h"
#include "engine/vfs/mem_file_system.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

namespace nokv::pd {
namespace {

struct Machine {
  vfs::MemFileSystem disk;
  vfs::FaultFileSystem files{disk};
  ManualClock clock;
  Random random{1};
  ManualExecutor executor;

  absl::StatusOr<std::unique_ptr<PlacementDriver>> TryOpen(PlacementOptions options = {}) {
    options.directory = "/pd";
    return PlacementDriver::Open(options, {.files = files,
                                           .clock = clock,
                                           .random = random,
                                           .executor = executor,
                                           .database_executor = executor});
  }

  std::unique_ptr<PlacementDriver> Open(PlacementOptions options = {}) {
    auto driver = TryOpen(std::move(options));
    REQUIRE(driver.ok());
    return *std::move(driver);
  }
};

Region MakeRegion(uint64_t id, std::string start, std::string end, Epoch epoch = {1, 1}) {
  return {.id = RegionId{id},
          .start_key = std::move(start),
          .end_key = std::move(end),
          .epoch = epoch,
          .peers = {{PeerId{id + 100}, StoreId{1}},
                    {PeerId{id + 200}, StoreId{2}},
                    {PeerId{id + 300}, StoreId{3}}}};
}

StoreHeartbeatReply Greet(PlacementDriver& driver, uint64_t store) {
  const auto reply = driver.HandleStoreHeartbeat(
      {.report = {
           .id = StoreId{store}, .identity = store, .address = fmt::format("s{}:1", store)}});
  REQUIRE(reply.ok());
  REQUIRE_FALSE(reply->refusal.has_value());
  return *reply;
}

// A store reports itself before its regions.
RegionOutcome Report(PlacementDriver& driver, const Region& region, uint64_t store = 1,
                     uint64_t term = 1) {
  Greet(driver, store);
  const PeerId leader = FindPeerOn(region, StoreId{store})->id;
  auto outcomes = driver.HandleRegionHeartbeats(
      StoreId{store}, {{.region = region, .leader = leader, .term = term}});
  REQUIRE(outcomes.ok());
  return outcomes->front();
}

TEST_CASE("a driver tells time, ids and the way to a key", "[pd][server]") {
  Machine machine;
  const auto driver = machine.Open();
  const TimestampRange first = *driver->GetTimestamps(10);
  REQUIRE(PhysicalMs(first.first) == machine.clock.WallMillis());
  REQUIRE(driver->GetTimestamps(1)->first > first.last());
  REQUIRE(*driver->AllocateIds(5) == 1);
  REQUIRE(*driver->AllocateIds(1) == 6);

  REQUIRE_FALSE(driver->GetRegionByKey("k").has_value());
  Greet(*driver, 1);
  REQUIRE(std::holds_alternative<Applied>(Report(*driver, MakeRegion(7, "", "m"))));
  const Route route = *driver->GetRegionByKey("k");
  REQUIRE(route.region == MakeRegion(7, "", "m"));
  REQUIRE(route.leader == PeerId{107});
  REQUIRE(route.peers[0].address == "s1:1");
  REQUIRE(route.peers[1].address.empty());  // Store 2 has not reported yet.
  REQUIRE_FALSE(driver->GetRegionByKey("m").has_value());
}

TEST_CASE("ids that a topology chose are not given to others", "[pd][server]") {
  Machine machine;
  const auto driver = machine.Open({.id_start = 100});
  REQUIRE(*driver->AllocateIds(1) == 100);
  Report(*driver, MakeRegion(101, "", ""));
  REQUIRE(*driver->AllocateIds(1) == 402);  // Its last peer has 401.
}

TEST_CASE("the first regions are known at once, and their ids are theirs", "[pd][server]") {
  Machine machine;
  const std::vector<Region> regions = {MakeRegion(1, "", "m"), MakeRegion(2, "m", "")};
  {
    const auto driver = machine.Open();
    REQUIRE(*driver->Bootstrap(regions));
    const Route route = *driver->GetRegionByKey("x");
    REQUIRE(route.region == regions[1]);
    REQUIRE(route.leader == kNoPeer);
    REQUIRE(*driver->AllocateIds(1) == 303);
    REQUIRE(std::holds_alternative<Applied>(Report(*driver, regions[1], 2)));
    REQUIRE(driver->GetStats().regions == 2);
    REQUIRE(driver->GetStats().regions_without_leader == 1);
  }
  const auto driver = machine.Open();
  REQUIRE_FALSE(*driver->Bootstrap({MakeRegion(9, "", "")}));  // They are made once.
  REQUIRE(driver->ScanRegions("", "", 10).size() == 2);
}

TEST_CASE("first regions that contradict each other are refused together", "[pd][server]") {
  Machine machine;
  const auto driver = machine.Open();
  for (const Region& other :
       {MakeRegion(2, "l", ""), MakeRegion(1, "m", ""), MakeRegion(2, "m", "", {0, 1})}) {
    REQUIRE(absl::IsInvalidArgument(driver->Bootstrap({MakeRegion(1, "", "m"), other}).status()));
    REQUIRE(driver->ScanRegions("", "", 10).empty());
  }
}

TEST_CASE("timestamps begin where a lost driver's ended", "[pd][server]") {
  Machine machine;
  const uint64_t start = MakeTimestamp(machine.clock.WallMillis() + 5000, 17);
  const auto driver = machine.Open({.timestamp_start = start});
  REQUIRE(driver->GetTimestamps(1)->first >= start);
  REQUIRE(driver->GetStats().timestamp_lead_ms >= 5000);
}

TEST_CASE("the cluster id is made once and checked ever after", "[pd][server]") {
  Machine machine;
  uint64_t cluster_id = 0;
  {
    const auto driver = machine.Open();
    cluster_id = driver->cluster_id();
    REQUIRE(cluster_id != 0);
    REQUIRE(Greet(*driver, 1).cluster_id == cluster_id);
    REQUIRE(driver->CheckClusterId(cluster_id).ok());
    REQUIRE(absl::IsFailedPrecondition(driver->CheckClusterId(cluster_id + 1)));
    REQUIRE(absl::IsFailedPrecondition(
        driver
            ->HandleStoreHeartbeat({.cluster_id = cluster_id + 1,
                                    .report = {.id = StoreId{2}, .identity = 2, .address = "s2:1"}})
            .status()));
  }
  REQUIRE(machine.Open()->cluster_id() == cluster_id);
  REQUIRE(absl::IsFailedPrecondition(machine.TryOpen({.cluster_id = cluster_id + 1}).status()));
}

TEST_CASE("a driver without a directory is refused: its timestamps would start anew",
          "[pd][server]") {
  Machine machine;
  const auto driver = PlacementDriver::Open({}, {.files = machine.files,
                                                 .clock = machine.clock,
                                                 .random = machine.random,
                                                 .executor = machine.executor,
                                                 .database_executor = machine.executor});
  REQUIRE(absl::IsInvalidArgument(driver.status()));
}

TEST_CASE("a restart knows regions and stores, and learns leaders anew", "[pd][server]") {
  Machine machine;
  {
    const auto driver = machine.Open();
    for (uint64_t store = 1; store <= 3; ++store) Greet(*driver, store);
    Report(*driver, MakeRegion(1, "", ""));
    Report(*driver, MakeRegion(2, "m", "", {2, 1}));
    Report(*driver, MakeRegion(1, "", "m", {2, 1}));
    REQUIRE(driver->SetStoreIntent(StoreId{3}, StoreIntent::kDraining).ok());
  }
  const auto driver = machine.Open();
  const std::vector<Route> routes = driver->ScanRegions("", "", 10);
  REQUIRE(routes.size() == 2);
  REQUIRE(routes[0].region == MakeRegion(1, "", "m", {2, 1}));
  REQUIRE(routes[1].region == MakeRegion(2, "m", "", {2, 1}));
  REQUIRE(routes[0].leader == kNoPeer);
  REQUIRE(routes[0].peers[2].address == "s3:1");
  REQUIRE(routes[0].peers[2].state == StoreState::kDraining);
  Report(*driver, MakeRegion(1, "", "m", {2, 1}), 2);
  REQUIRE(driver->GetRegionByKey("a")->leader == PeerId{201});
}

TEST_CASE("an old region that a crash kept beside its successor is dropped", "[pd][server]") {
  Machine machine;
  for (int life = 0; life < 2; ++life) {
    if (life == 0) {
      SavedState found;
      const auto storage =
          PdStorage::Open({.directory = "/pd",
                           .new_cluster_id = 5,
                           .environment = {&machine.files, &machine.clock, &machine.executor}},
                          &found);
      REQUIRE((*storage)
                  ->Save({.regions = {MakeRegion(1, "", "", {1, 1}), MakeRegion(2, "m", "", {2, 1}),
                                      MakeRegion(3, "n", "", {1, 1})},
                          .removed_regions = {},
                          .stores = {}})
                  .ok());
    }
    const auto driver = machine.Open();
    const std::vector<Route> routes = driver->ScanRegions("", "", 10);
    REQUIRE(routes.size() == 1);
    REQUIRE(routes[0].region.id == RegionId{2});
  }
}

TEST_CASE("a thousand heartbeats are a few writes, and repeating them is none", "[pd][server]") {
  Machine machine;
  const auto driver = machine.Open();
  std::vector<RegionReport> reports;
  for (uint64_t id = 1; id <= 1000; ++id) {
    const Region region =
        MakeRegion(id * 1000, fmt::format("{:04}", id), fmt::format("{:04}", id + 1));
    reports.push_back({.region = region, .leader = region.peers[0].id, .term = 1});
  }
  Greet(*driver, 1);
  const uint64_t before = machine.files.count(vfs::OperationKind::kSync);
  REQUIRE(driver->HandleRegionHeartbeats(StoreId{1}, reports).ok());
  machine.executor.RunUntilIdle();
  REQUIRE(machine.files.count(vfs::OperationKind::kSync) - before <=
          8);  // Ids, regions, and the engine's.

  const uint64_t mutations = machine.files.mutation_count();
  REQUIRE(driver->HandleRegionHeartbeats(StoreId{1}, reports).ok());
  machine.executor.RunUntilIdle();
  REQUIRE(machine.files.mutation_count() == mutations);
}

TEST_CASE("only the leader's own store reports a region", "[pd][server]") {
  Machine machine;
  const auto driver = machine.Open();
  const Region region = MakeRegion(1, "", "");
  Greet(*driver, 2);
  const auto outcomes =
      driver->HandleRegionHeartbeats(StoreId{2}, {{.region = region, .leader = PeerId{101}}});
  REQUIRE(std::holds_alternative<Refused>(outcomes->front()));
  REQUIRE_FALSE(driver->GetRegionByKey("a").has_value());
}

TEST_CASE("regions are heard of members only", "[pd][server]") {
  Machine machine;
  const auto driver = machine.Open();
  const Region region = MakeRegion(1, "", "");
  const std::vector<RegionReport> reports = {{.region = region, .leader = PeerId{201}}};
  REQUIRE(absl::IsFailedPrecondition(driver->HandleRegionHeartbeats(StoreId{2}, reports).status()));
  Greet(*driver, 2);
  REQUIRE(driver->HandleRegionHeartbeats(StoreId{2}, {}).ok());
  REQUIRE(driver->SetStoreIntent(StoreId{2}, StoreIntent::kDraining).ok());
  REQUIRE(driver->SetStoreIntent(StoreId{2}, StoreIntent::kTombstone).ok());
  REQUIRE(absl::IsFailedPrecondition(driver->HandleRegionHeartbeats(StoreId{2}, reports).status()));
}

TEST_CASE("a removed region is gone until its leader reports it again", "[pd][server]") {
  Machine machine;
  {
    const auto driver = machine.Open();
    Report(*driver, MakeRegion(1, "", ""));
    REQUIRE(*driver->RemoveRegion(RegionId{1}));
    REQUIRE_FALSE(*driver->RemoveRegion(RegionId{1}));
  }
  const auto driver = machine.Open();
  REQUIRE_FALSE(driver->GetRegionByKey("a").has_value());
  Report(*driver, MakeRegion(1, "", ""));
  REQUIRE(driver->GetRegionByKey("a").has_value());
}

TEST_CASE("pages of regions follow each other over holes", "[pd][server]") {
  Machine machine;
  const auto driver = machine.Open();
  Report(*driver, MakeRegion(1, "", "b"));
  Report(*driver, MakeRegion(2, "b", "d"));
  Report(*driver, MakeRegion(3, "f", "h"));
  std::vector<uint64_t> seen;
  std::string from;
  for (;;) {
    const std::vector<Route> page = driver->ScanRegions(from, "", 1);
    if (page.empty()) break;
    seen.push_back(Number(page[0].region.id));
    from = page[0].region.end_key;
  }
  REQUIRE(seen == std::vector<uint64_t>{1, 2, 3});
}

TEST_CASE("a disk that fails stops timestamps and ids, and gives none twice", "[pd][server]") {
  Machine machine;
  uint64_t newest_timestamp = 0;
  uint64_t newest_id = 0;
  {
    const auto driver = machine.Open();
    newest_timestamp = driver->GetTimestamps(1)->last();
    newest_id = *driver->AllocateIds(1);
    Greet(*driver, 1);
    machine.files.FailAll(vfs::OperationKind::kSync, absl::InternalError("EIO"));
    machine.clock.Advance(absl::Milliseconds(2999));  // Within the saved window.
    newest_timestamp = driver->GetTimestamps(1)->last();
    machine.executor.RunUntilIdle();
    machine.clock.Advance(absl::Milliseconds(2));
    REQUIRE(absl::IsUnavailable(driver->GetTimestamps(1).status()));
    REQUIRE(absl::IsUnavailable(driver->AllocateIds(5000).status()));
    Report(*driver, MakeRegion(1, "", ""));
    machine.executor.RunUntilIdle();
    REQUIRE_FALSE(driver->health().ok());
    machine.files.ClearFaults();
    REQUIRE_FALSE(driver->GetTimestamps(1).ok());  // A failed sync can't be trusted again.
  }
  machine.executor.Clear();
  const auto driver = machine.Open();
  REQUIRE(driver->GetTimestamps(1)->first > newest_timestamp);
  REQUIRE(*driver->AllocateIds(1) > newest_id);
}

TEST_CASE("a store that was not saved is not admitted", "[pd][server]") {
  Machine machine;
  const auto driver = machine.Open();
  REQUIRE(driver->AllocateIds(1).ok());
  machine.files.FailAll(vfs::OperationKind::kSync, absl::InternalError("EIO"));
  const StoreHeartbeat heartbeat{.report = {.id = StoreId{1}, .identity = 1, .address = "s1:1"}};
  REQUIRE_FALSE(driver->HandleStoreHeartbeat(heartbeat).ok());
  REQUIRE_FALSE(driver->HandleStoreHeartbeat(heartbeat).ok());  // Not the second time either.
}

TEST_CASE("leaders are balanced through orders to their stores", "[pd][server]") {
  Machine machine;
  const auto driver = machine.Open();
  for (uint64_t store = 1; store <= 3; ++store) Greet(*driver, store);
  std::vector<Region> regions;
  for (uint64_t id = 1; id <= 6; ++id) {
    regions.push_back(MakeRegion(id, fmt::format("{}", id), fmt::format("{}", id + 1)));
    Report(*driver, regions.back());
  }
  REQUIRE(driver->Diagnose().balance.result == BalanceResult::kMove);
  driver->Tick();
  const std::vector<Operator> orders = Greet(*driver, 1).orders;
  REQUIRE(orders.size() == 4);
  REQUIRE(Greet(*driver, 2).orders.empty());
  for (const Operator& order : orders) {
    Report(*driver, regions[Number(order.region) - 1], Number(order.step.to_store), 2);
  }
  const Diagnosis diagnosis = driver->Diagnose();
  REQUIRE(diagnosis.running.empty());
  REQUIRE(diagnosis.ended.size() == 4);
  REQUIRE(std::all_of(diagnosis.ended.begin(), diagnosis.ended.end(),
                      [](const EndedOperator& op) { return op.end == OperatorEnd::kDone; }));
  REQUIRE(diagnosis.balance.Explain().starts_with("leaders are balanced"));
}

TEST_CASE("a split ends the operator of its region", "[pd][server]") {
  Machine machine;
  const auto driver = machine.Open();
  for (uint64_t store = 1; store <= 3; ++store) Greet(*driver, store);
  Report(*driver, MakeRegion(1, "", "m"));
  Report(*driver, MakeRegion(2, "m", ""));
  driver->Tick();
  REQUIRE(driver->Diagnose().running.size() == 1);
  const RegionId moving = driver->Diagnose().running[0].region;
  REQUIRE(moving == RegionId{1});
  Report(*driver, MakeRegion(3, "c", "m", {2, 1}));  // The child is heard of first.
  REQUIRE(driver->Diagnose().running.empty());
  REQUIRE(driver->Diagnose().ended.back().end == OperatorEnd::kRegionGone);
}

TEST_CASE("paused scheduling orders nothing, and says so", "[pd][server]") {
  Machine machine;
  const auto driver = machine.Open();
  for (uint64_t store = 1; store <= 3; ++store) Greet(*driver, store);
  Report(*driver, MakeRegion(1, "", "m"));
  Report(*driver, MakeRegion(2, "m", ""));
  driver->Tick();
  driver->PauseScheduling();
  driver->Tick();
  REQUIRE(Greet(*driver, 1).orders.empty());
  REQUIRE(driver->Diagnose().is_paused);
  REQUIRE(driver->Diagnose().ended.back().end == OperatorEnd::kPaused);
  driver->ResumeScheduling();
  driver->Tick();
  REQUIRE(Greet(*driver, 1).orders.size() == 1);
}

TEST_CASE("many threads use one driver", "[pd][server]") {
  vfs::MemFileSystem files;
  ManualClock clock;
  Random random(1);
  const auto executor = NewThreadPool(2);
  const auto database_executor = NewThreadPool(1);
  auto driver =
      *PlacementDriver::Open({.directory = "/pd"}, {.files = files,
                                                    .clock = clock,
                                                    .random = random,
                                                    .executor = *executor,
                                                    .database_executor = *database_executor});
  std::vector<std::vector<uint64_t>> timestamps(3);
  std::vector<std::thread> threads;
  std::atomic<bool> is_wrong{false};
  for (auto& mine : timestamps) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        mine.push_back(driver->GetTimestamps(10'000)->first);
        if (!driver->AllocateIds(10).ok()) is_wrong = true;
      }
    });
  }
  for (uint64_t store = 1; store <= 2; ++store) {
    threads.emplace_back([&, store] {
      for (uint64_t i = 0; i < 200; ++i) {
        if (!driver
                 ->HandleStoreHeartbeat({.report = {.id = StoreId{store},
                                                    .identity = store,
                                                    .address = fmt::format("s{}:{}", store, i)}})
                 .ok()) {
          is_wrong = true;
        }
        const Region region =
            MakeRegion(store, store == 1 ? "" : "m", store == 1 ? "m" : "", {1, i + 1});
        const PeerId leader = FindPeerOn(region, StoreId{store})->id;
        if (!driver->HandleRegionHeartbeats(StoreId{store}, {{.region = region, .leader = leader}})
                 .ok()) {
          is_wrong = true;
        }
        driver->Tick();
        driver->ScanRegions("", "", 10);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE_FALSE(is_wrong.load());
  REQUIRE(driver->health().ok());
  REQUIRE(driver->ScanRegions("", "", 10).size() == 2);
  std::vector<uint64_t> all;
  for (const auto& mine : timestamps) all.insert(all.end(), mine.begin(), mine.end());
  std::sort(all.begin(), all.end());
  for (size_t i = 1; i < all.size(); ++i) REQUIRE(all[i] >= all[i - 1] + 10'000);
  driver.reset();
}

}  // namespace
}  // namespace nokv::pd
