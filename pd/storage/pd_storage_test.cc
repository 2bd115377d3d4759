#include "pd/storage/pd_storage.h"

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/vfs/fault_file_system.h"
#include "engine/vfs/mem_file_system.h"

#include <catch2/catch.hpp>

namespace nokv::pd {
namespace {

struct Machine {
  vfs::MemFileSystem files;
  ManualClock clock;
  ManualExecutor executor;

  Environment environment() { return {&files, &clock, &executor}; }

  absl::StatusOr<std::unique_ptr<PdStorage>> Open(SavedState* found, uint64_t cluster_id = 0,
                                                  uint64_t new_cluster_id = 42) {
    return PdStorage::Open({.directory = "/pd",
                            .cluster_id = cluster_id,
                            .new_cluster_id = new_cluster_id,
                            .environment = environment()},
                           found);
  }
};

Region MakeRegion(uint64_t id) {
  return {.id = RegionId{id},
          .start_key = fmt::format("{:04}", id),
          .end_key = fmt::format("{:04}", id + 1),
          .epoch = {1, 1},
          .peers = {{PeerId{id + 100}, StoreId{1}}}};
}

TEST_CASE("what was saved is found again, and nothing else", "[pd][storage]") {
  Machine machine;
  SavedState found;
  const StoreRecord store{.id = StoreId{1}, .identity = 5, .address = "a:1"};
  {
    const auto storage = machine.Open(&found);
    REQUIRE(storage.ok());
    REQUIRE(found.cluster_id == 42);
    REQUIRE((*storage)->SaveIdCeiling(1000).ok());
    REQUIRE((*storage)->SaveTimeCeiling(5000).ok());
    REQUIRE((*storage)->SaveTimeCeiling(8000).ok());
    REQUIRE((*storage)
                ->Save({.regions = {MakeRegion(1), MakeRegion(2), MakeRegion(300)},
                        .removed_regions = {},
                        .stores = {store}})
                .ok());
    REQUIRE((*storage)->Save({.regions = {}, .removed_regions = {RegionId{2}}, .stores = {}}).ok());
  }
  const auto storage = machine.Open(&found, 0, 99);
  REQUIRE(storage.ok());
  REQUIRE(found.cluster_id == 42);
  REQUIRE(found.id_ceiling == 1000);
  REQUIRE(found.time_ceiling_ms == 8000);
  REQUIRE(found.stores == std::vector<StoreRecord>{store});
  REQUIRE(found.regions == std::vector<Region>{MakeRegion(1), MakeRegion(300)});
}

TEST_CASE("another cluster's directory is refused with both ids", "[pd][storage]") {
  Machine machine;
  SavedState found;
  REQUIRE(machine.Open(&found, 0xabc).ok());
  REQUIRE(found.cluster_id == 0xabc);
  const absl::Status status = machine.Open(&found, 0xdef).status();
  REQUIRE(absl::IsFailedPrecondition(status));
  REQUIRE(StdView(status.message()).find("0000000000000abc") != std::string_view::npos);
  REQUIRE(StdView(status.message()).find("0000000000000def") != std::string_view::npos);
  REQUIRE(machine.Open(&found, 0xabc).ok());
}

TEST_CASE("a database that is no placement driver's is refused", "[pd][storage]") {
  Machine machine;
  {
    Options options;
    options.directory = "/pd";
    options.environment = machine.environment();
    REQUIRE((*DB::Open(options))->Set("user key", "value").ok());
  }
  vfs::FaultFileSystem files(machine.files);
  SavedState found;
  const auto storage = PdStorage::Open({.directory = "/pd",
                                        .new_cluster_id = 42,
                                        .environment = {&files, &machine.clock, &machine.executor}},
                                       &found);
  REQUIRE(absl::IsFailedPrecondition(storage.status()));
  REQUIRE(files.mutation_count() == 0);  // It was only looked at.
}

TEST_CASE("a write that failed may be tried again elsewhere, and shows", "[pd][storage]") {
  Machine machine;
  vfs::FaultFileSystem files(machine.files);
  SavedState found;
  const auto storage = PdStorage::Open({.directory = "/pd",
                                        .new_cluster_id = 42,
                                        .environment = {&files, &machine.clock, &machine.executor}},
                                       &found);
  REQUIRE(storage.ok());
  REQUIRE((*storage)->health().ok());
  files.FailAll(vfs::OperationKind::kSync, absl::InternalError("EIO"));
  REQUIRE(absl::IsUnavailable((*storage)->SaveIdCeiling(1000)));
  REQUIRE_FALSE((*storage)->health().ok());
}

TEST_CASE("a directory of somebody else's files is refused", "[pd][storage]") {
  Machine machine;
  REQUIRE(machine.files.CreateDirectory("/pd").ok());
  REQUIRE(machine.files.Create("/pd/letter.txt").ok());
  SavedState found;
  REQUIRE(absl::IsFailedPrecondition(machine.Open(&found).status()));
}

TEST_CASE("two drivers can't have one directory", "[pd][storage]") {
  Machine machine;
  SavedState found;
  const auto first = machine.Open(&found);
  REQUIRE(first.ok());
  REQUIRE(absl::IsFailedPrecondition(machine.Open(&found).status()));
}

TEST_CASE("every save survives a power cut at once", "[pd][storage]") {
  Machine machine;
  Random random(7);
  SavedState found;
  for (uint64_t life = 1; life <= 10; ++life) {
    {
      auto storage = machine.Open(&found);
      REQUIRE(storage.ok());
      REQUIRE(found.regions.size() == life - 1);
      REQUIRE(found.id_ceiling == (life - 1) * 1000);
      REQUIRE((*storage)->SaveIdCeiling(life * 1000).ok());
      REQUIRE((*storage)
                  ->Save({.regions = {MakeRegion(life)}, .removed_regions = {}, .stores = {}})
                  .ok());
      machine.files.PowerCut(random, vfs::PowerCutMode::kKeepNothing);
    }
    machine.executor.Clear();
  }
}

TEST_CASE("saving a region costs that region, not all of them", "[pd][storage]") {
  Machine machine;
  vfs::FaultFileSystem files(machine.files);
  uint64_t written_bytes = 0;
  files.SetHook([&written_bytes](const vfs::Operation& operation) {
    written_bytes += vfs::IsMutation(operation.kind) ? operation.size_bytes : 0;
    return vfs::FaultAction::Pass();
  });
  SavedState found;
  const auto storage = PdStorage::Open({.directory = "/pd",
                                        .new_cluster_id = 42,
                                        .environment = {&files, &machine.clock, &machine.executor}},
                                       &found);
  REQUIRE(storage.ok());
  StateChanges many;
  for (uint64_t id = 1; id <= 5000; ++id) many.regions.push_back(MakeRegion(id));
  REQUIRE((*storage)->Save(many).ok());
  const uint64_t before = written_bytes;
  REQUIRE(before > 100'000);
  for (int i = 0; i < 100; ++i) REQUIRE((*storage)->Save({.regions = {MakeRegion(7)}}).ok());
  REQUIRE(written_bytes - before < 20'000);
}

}  // namespace
}  // namespace nokv::pd
