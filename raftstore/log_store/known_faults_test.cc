// Faults that logs of regions are known for elsewhere, and the tests that would find them here;
// docs/faults.md lists them all.
#include "raftstore/log_store/log_store.h"
#include "raftstore/log_store/test_bench.h"
#include "raftstore/raft/raft.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace nokv::log_store {
namespace {

// One entry more for each of the regions from 1 on, all in one round.
WrittenRound WriteRound(Bench& bench, uint64_t regions, raft::Index index,
                        std::string_view payload = "payload") {
  std::vector<std::pair<RegionId, raft::Ready>> round;
  for (RegionId region = 1; region <= regions; ++region) {
    round.emplace_back(region, ReadyOf({2, region, index - 1}, {EntryOf(index, 2, payload)}));
  }
  return bench.Write(round);
}

void BootstrapAll(Bench& bench, uint64_t regions) {
  for (RegionId region = 1; region <= regions; ++region) {
    const auto position = bench.store->Bootstrap(region, raft::MakeConfiguration({region}));
    REQUIRE_OK(position.status());
    if (region == regions) bench.Sync(*position);
  }
}

// The core of a region begins with what its log has, as a store begins it.
absl::StatusOr<std::unique_ptr<raft::Raft>> StartCore(const Bench& bench, RegionId region,
                                                      const raft::Configuration& configuration) {
  const RegionLog& log = *bench.store->Find(region);
  const auto pending = log.pending_snapshot();
  const raft::Index applied =
      pending != nullptr ? pending->index : bench.db->groups().MarkOf(region);
  raft::Options options;
  options.id = region;
  return raft::Raft::Create(options, log, {log.hard_state(), applied, configuration});
}

// Everything that may be left of a disk in this state.
std::vector<std::shared_ptr<vfs::MemFileSystem>> Crashes(const vfs::MemFileSystem& disk) {
  std::vector<std::shared_ptr<vfs::MemFileSystem>> left;
  left.emplace_back(disk.Clone())->KillProcess();
  for (const auto mode :
       {vfs::PowerCutMode::kKeepNothing, vfs::PowerCutMode::kRandom, vfs::PowerCutMode::kReorder}) {
    Random random(left.size());
    left.emplace_back(disk.Clone())->PowerCut(random, mode);
  }
  return left;
}

size_t LogFiles(const Bench& bench) {
  const auto names = bench.disk->List("/db");
  REQUIRE_OK(names.status());
  return std::count_if(names->begin(), names->end(),
                       [](const std::string& name) { return name.ends_with(".log"); });
}

}  // namespace

TEST_CASE("a round of two hundred regions is one sync, and no file is written but the log",
          "[log_store][faults]") {
  Bench bench;
  BootstrapAll(bench, 200);
  bench.Sync(WriteRound(bench, 200, 2).position);  // Which may prepare the next segment, too.
  uint64_t syncs = 0;
  std::set<std::string> written;
  bench.files->SetHook([&](const vfs::Operation& operation) {
    const bool is_sync = operation.kind == vfs::OperationKind::kSync ||
                         operation.kind == vfs::OperationKind::kDirectorySync;
    syncs += is_sync ? 1 : 0;
    if (vfs::IsMutation(operation.kind)) written.emplace(operation.path);
    return vfs::FaultAction::Pass();
  });
  bench.Sync(WriteRound(bench, 200, 3).position);
  CAPTURE(written);
  REQUIRE(syncs == 1);
  REQUIRE(written.size() == 1);
  REQUIRE(written.begin()->ends_with(".log"));
  REQUIRE(bench.store->Find(200)->last_index() == 3);
  bench.files->SetHook({});
}

TEST_CASE("a crash at any operation leaves no commit past the end of its log, and every log whole",
          "[log_store][faults][crash]") {
  constexpr RegionId kRegions = 3;
  std::vector<std::unique_ptr<vfs::MemFileSystem>> moments;
  Bench bench;
  BootstrapAll(bench, kRegions);
  bench.files->SetHook([&](const vfs::Operation& operation) {
    if (vfs::IsMutation(operation.kind)) moments.push_back(bench.disk->Clone());
    return vfs::FaultAction::Pass();
  });
  // Each hard state commits the entry that comes with it; some rounds wait for the disk. Payloads
  // of several pages, so that a page of a round may be lost alone.
  constexpr raft::Index kLast = 13;
  for (raft::Index index = 2; index <= kLast; ++index) {
    std::vector<std::pair<RegionId, raft::Ready>> round;
    for (RegionId region = 1; region <= kRegions; ++region) {
      round.emplace_back(region, ReadyOf({index, region, index},
                                         {EntryOf(index, index, std::string(5'000, 'x'))}));
    }
    const WrittenRound written = bench.Write(round);
    if (index % 3 == 0) bench.Sync(written.position);
  }
  bench.files->SetHook({});
  REQUIRE(moments.size() >= kLast);

  std::set<raft::Index> ends;
  for (size_t moment = 0; moment < moments.size(); ++moment) {
    for (const auto& disk : Crashes(*moments[moment])) {
      INFO("moment " << moment);
      const Bench after(disk, {});
      REQUIRE(after.store->Regions().size() == kRegions);
      std::set<raft::Index> ends_of_round;
      for (RegionId region = 1; region <= kRegions; ++region) {
        const RegionLog& log = *after.store->Find(region);
        REQUIRE(log.hard_state().commit == log.last_index());
        REQUIRE(ReadAll(log).size() == log.last_index() - raft::kBootstrapIndex);
        REQUIRE_OK(StartCore(after, region, raft::MakeConfiguration({region})).status());
        ends_of_round.insert(log.last_index());
      }
      REQUIRE(ends_of_round.size() == 1);  // A round is in all of its regions or in none.
      ends.merge(ends_of_round);
    }
  }
  REQUIRE(ends.size() > 5);  // The crashes differ.
}

TEST_CASE("a log whose front was collected begins behind it after a restart",
          "[log_store][faults]") {
  Bench bench;
  BootstrapAll(bench, 1);
  for (raft::Index index = 2; index <= 300; ++index) {
    WriteRound(bench, 1, index, std::string(1'000, 'x'));
  }
  const size_t before = LogFiles(bench);
  bench.SetMark(1, 280);
  REQUIRE_OK(bench.db->Flush());
  REQUIRE_OK(bench.store->Compact(1, 280));
  REQUIRE_OK(bench.db->RunValueLogGC().status());
  REQUIRE(LogFiles(bench) + 3 <= before);

  for (int restart = 0; restart < 2; ++restart) {
    bench.PowerCut();
    const RegionLog& log = *bench.store->Find(1);
    REQUIRE(log.first_index() == 281);
    REQUIRE(log.TermAt(280) == 2);
    REQUIRE(log.TermAt(279) == std::nullopt);
    REQUIRE(ReadAll(log).size() == log.last_index() - 280);
    const auto core = StartCore(bench, 1, raft::MakeConfiguration({1}));
    REQUIRE_OK(core.status());
    REQUIRE((*core)->log().first_index() == 281);
    REQUIRE((*core)->last_index() == log.last_index());
    REQUIRE((*core)->Campaign().ok());  // It goes on.
  }
}

TEST_CASE("two hundred regions start in one pass over the log, as one does",
          "[log_store][faults]") {
  // Bytes that a start reads, for each byte of the log; 400 entries shared by so many regions.
  const auto reads_per_byte = [](uint64_t regions) {
    Options options;
    options.prefer_mapping = false;  // Reads through a mapping are not seen.
    Bench bench(std::make_shared<vfs::MemFileSystem>(), options);
    BootstrapAll(bench, regions);
    for (raft::Index index = 2; index <= 400 / regions + 1; ++index) {
      bench.Sync(WriteRound(bench, regions, index, std::string(1'000, 'x')).position);
    }
    bench.Kill();
    uint64_t read_bytes = 0;
    uint64_t log_bytes = 0;
    bench.Open([&](const vfs::Operation& operation) {
      if (operation.kind == vfs::OperationKind::kRead) read_bytes += operation.size_bytes;
      return vfs::FaultAction::Pass();
    });
    const auto names = bench.disk->List("/db");
    for (const std::string& name : *names) {
      if (name.ends_with(".log")) log_bytes += *bench.disk->FileSize(vfs::JoinPath("/db", name));
    }
    bench.files->SetHook({});
    REQUIRE(bench.store->Regions().size() == regions);
    REQUIRE(bench.store->Find(regions)->last_index() == 400 / regions + 1);
    return static_cast<double>(read_bytes) / static_cast<double>(log_bytes);
  };
  const double one = reads_per_byte(1);
  const double many = reads_per_byte(200);
  CAPTURE(one, many);
  REQUIRE(one > 0.5);  // It is seen at all.
  REQUIRE(many < 2 * one);
  REQUIRE(many < 3);
}

}  // namespace nokv::log_store
