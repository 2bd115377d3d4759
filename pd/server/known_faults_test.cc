// Faults that placement drivers are known for elsewhere, and the tests that would find them here;
// docs/faults.md lists them all.
#include "engine/vfs/fault_file_system.h"
#include "engine/vfs/mem_file_system.h"
#include "pd/server/placement_driver.h"

#include <catch2/catch.hpp>

#include <utility>
#include <vector>

namespace nokv::pd {
namespace {

Region MakeRegion(uint64_t id, Epoch epoch = {1, 1}) {
  return {.id = RegionId{id},
          .start_key = fmt::format("{:06}", id),
          .end_key = fmt::format("{:06}", id + 1),
          .epoch = epoch,
          .peers = {{PeerId{id + 1'000'000}, StoreId{1}}, {PeerId{id + 2'000'000}, StoreId{2}}}};
}

// A driver that knows so many regions, and what it writes.
class Driver {
 public:
  explicit Driver(uint64_t regions) {
    files_.SetHook([this](const vfs::Operation& operation) {
      const bool is_sync = operation.kind == vfs::OperationKind::kSync ||
                           operation.kind == vfs::OperationKind::kDirectorySync;
      syncs += is_sync ? 1 : 0;
      if (vfs::IsMutation(operation.kind)) written_bytes += operation.size_bytes;
      return vfs::FaultAction::Pass();
    });
    auto opened = PlacementDriver::Open({.directory = "/pd"}, {.files = files_,
                                                               .clock = clock,
                                                               .random = random_,
                                                               .executor = executor_,
                                                               .database_executor = executor_});
    REQUIRE(opened.ok());
    driver = *std::move(opened);
    REQUIRE(
        driver
            ->HandleStoreHeartbeat({.report = {.id = StoreId{1}, .identity = 1, .address = "s1:1"}})
            .ok());
    std::vector<Region> all;
    for (uint64_t id = 1; id <= regions; ++id) all.push_back(MakeRegion(id));
    for (const Region& region : all) Report(region);
    Settle();
    syncs = written_bytes = 0;
  }

  ~Driver() {
    driver.reset();
    files_.ClearFaults();
  }

  void Report(const Region& region) {
    const auto outcomes = driver->HandleRegionHeartbeats(
        StoreId{1}, {{.region = region, .leader = region.peers.front().id, .term = 1}});
    REQUIRE(outcomes.ok());
    REQUIRE(std::holds_alternative<Applied>(outcomes->front()));
  }

  // What was put off is done.
  void Settle() { executor_.RunUntilIdle(); }

  ManualClock clock;
  uint64_t syncs = 0;
  uint64_t written_bytes = 0;
  std::unique_ptr<PlacementDriver> driver;

 private:
  vfs::MemFileSystem disk_;
  vfs::FaultFileSystem files_{disk_};
  Random random_{1};
  ManualExecutor executor_;
};

}  // namespace

TEST_CASE("timestamps cost the same however many regions there are, and within a window nothing",
          "[pd][faults]") {
  const auto cost = [](Driver& of) {
    for (int window = 0; window < 20; ++window) {
      of.clock.Advance(absl::Seconds(10));
      REQUIRE(of.driver->GetTimestamps(1).ok());
      of.Settle();
    }
    return std::pair(of.syncs, of.written_bytes);
  };
  Driver few(1);
  Driver many(2'000);
  const auto [syncs, written_bytes] = cost(few);
  CAPTURE(syncs, written_bytes);
  REQUIRE(syncs >= 20);  // It is seen at all: a window is saved before its first timestamp.
  REQUIRE(cost(many) == std::pair(syncs, written_bytes));

  const uint64_t before = many.written_bytes;
  for (int i = 0; i < 1'000; ++i) REQUIRE(many.driver->GetTimestamps(100).ok());
  many.Settle();
  REQUIRE(many.written_bytes == before);
  REQUIRE(many.syncs == syncs);
}

TEST_CASE("a heartbeat writes the region that changed, however many others there are",
          "[pd][faults]") {
  const auto cost = [](Driver& of) {
    for (uint64_t change = 2; change <= 21; ++change) {
      of.Report(MakeRegion(1, {1, change}));
      of.Settle();
    }
    return of.written_bytes;
  };
  Driver few(1);
  Driver many(2'000);
  const uint64_t written_bytes = cost(few);
  CAPTURE(written_bytes);
  REQUIRE(written_bytes > 20 * 20);
  REQUIRE(cost(many) == written_bytes);

  // What repeats what is known writes nothing at all.
  const uint64_t before = many.written_bytes;
  for (uint64_t id = 2; id <= 2'000; ++id) many.Report(MakeRegion(id));
  many.Settle();
  REQUIRE(many.written_bytes == before);
}

}  // namespace nokv::pd
