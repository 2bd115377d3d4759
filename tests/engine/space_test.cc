// How much disk the engine takes for what it holds, all the time and not only at the end.
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/random.h"
#include "engine/vfs/mem_file_system.h"
#include "engine/vfs/scratch_directory.h"
#include "tests/engine/crash_explorer.h"
#include "tests/engine/model.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

namespace nokv::tests {
namespace {

constexpr size_t kValueBytes = 1000;

std::string Key(uint64_t number) { return fmt::format("user{:012}", number); }

uint64_t DirectoryBytes(const vfs::FileSystem& files, const std::string& directory) {
  uint64_t bytes = 0;
  const auto names = files.List(directory);
  REQUIRE(names.ok());
  for (const std::string& name : *names) {
    const auto size = files.FileSize(vfs::JoinPath(directory, name));
    if (size.ok()) bytes += *size;  // Background work may just have removed it.
  }
  return bytes;
}

// Rank r with probability about 1/r, spread over the keys.
uint64_t DrawZipfian(Random& random, uint64_t keys) {
  const double rank = std::exp(random.NextDouble() * std::log(static_cast<double>(keys)));
  return static_cast<uint64_t>(rank) * 0x9e3779b97f4a7c15ull % keys;
}

struct World {
  vfs::FileSystem* files;
  Executor* executor;
  ManualExecutor* manual;  // Null where threads do the work.
  Clock* clock;
  std::string directory;
  uint64_t keys;
};

Options ScaledOptions(const World& world) {
  Options options;
  options.directory = world.directory;
  options.environment = {world.files, world.clock, world.executor};
  if (world.manual == nullptr) return options;  // The defaults.
  // As the defaults are to a million rows.
  options.memory_bytes = 8 << 20;
  options.segment_bytes_max = 1 << 20;
  options.log_distance_bytes_max = 16 << 20;
  options.reserve_bytes = 0;
  options.table_bytes_target = 256 << 10;
  options.level_base_bytes = 1 << 20;
  return options;
}

void Pump(const World& world) {
  if (world.manual != nullptr) world.manual->RunOne();
}

// Writes every key, then overwrites as many five times. Returns the worst ratio seen of bytes in
// the directory to bytes of live rows, from the end of the load on.
double WorstRatio(DB& db, const World& world, bool is_zipfian) {
  Random random(5);
  const std::string pool = MakeValue("pool", 1, 4 * kValueBytes);
  const auto write = [&](uint64_t key) {
    const std::string_view value(pool.data() + random.Uniform(3 * kValueBytes), kValueBytes);
    REQUIRE(db.Set(Key(key), value).ToString() == "OK");
    Pump(world);
  };
  for (uint64_t i = 0; i < world.keys; ++i) write(i);
  const auto live = static_cast<double>(world.keys * (kValueBytes + Key(0).size()));
  double worst = 0;
  for (uint64_t i = 0; i < 5 * world.keys; ++i) {
    write(is_zipfian ? DrawZipfian(random, world.keys) : random.Uniform(world.keys));
    if (i % (world.keys / 50) != 0) continue;
    const auto bytes = static_cast<double>(DirectoryBytes(*world.files, world.directory));
    worst = std::max(worst, bytes / live);
  }
  return worst;
}

void Measure(const World& world, bool is_zipfian) {
  auto db = DB::Open(ScaledOptions(world));
  REQUIRE(db.status().ToString() == "OK");
  const double worst = WorstRatio(**db, world, is_zipfian);
  fmt::print("{} keys, {}: at most {:.2f} bytes on disk for each live byte\n", world.keys,
             is_zipfian ? "zipfian" : "uniform", worst);
  CHECK(worst <= 1.6);

  const uint64_t full = DirectoryBytes(*world.files, world.directory);
  for (uint64_t i = 0; i < world.keys; ++i) {
    REQUIRE((*db)->Del(Key(i)).ToString() == "OK");
    Pump(world);
  }
  REQUIRE((*db)->Flush().ToString() == "OK");
  REQUIRE((*db)->CompactRange({}, "", "").ToString() == "OK");
  REQUIRE((*db)->RunValueLogGC().status().ToString() == "OK");
  REQUIRE((*db)->WaitForBackgroundWork().ToString() == "OK");
  const uint64_t empty = DirectoryBytes(*world.files, world.directory);
  fmt::print("{} bytes before everything was deleted, {} after\n", full, empty);
  const Options options = ScaledOptions(world);
  // What may remain: the active segment, a prepared one, the reserve, and a little.
  CHECK(empty <= 2 * options.segment_bytes_max + options.reserve_bytes + (64 << 10));
}

TEST_CASE("overwriting takes at most 1.6 bytes for each live one, and deleting gives them back",
          "[engine][space]") {
  for (const bool is_zipfian : {false, true}) {
    if (Scale() == 1) {
      vfs::MemFileSystem files;
      ManualExecutor executor;
      ManualClock clock;
      Measure({&files, &executor, &executor, &clock, "/db", 20'000}, is_zipfian);
    } else {
      const vfs::ScratchDirectory scratch;
      const std::unique_ptr<Executor> executor = NewThreadPool(2);
      Measure({&vfs::PosixFileSystem(), executor.get(), nullptr, &SystemClock(), scratch.Path("db"),
               1'000'000},
              is_zipfian);
    }
  }
}

TEST_CASE("a range delete of everything gives the disk back", "[engine][space]") {
  vfs::MemFileSystem files;
  ManualExecutor executor;
  ManualClock clock;
  const World world{&files, &executor, &executor, &clock, "/db", 5000};
  auto db = DB::Open(ScaledOptions(world));
  REQUIRE(db.status().ToString() == "OK");
  for (uint64_t i = 0; i < world.keys; ++i) {
    REQUIRE((*db)->Set(Key(i), std::string(kValueBytes, 'v')).ok());
  }
  REQUIRE((*db)->DeleteRange("a", "v").ok());
  REQUIRE((*db)->CompactRange({}, "", "").ToString() == "OK");
  REQUIRE((*db)->RunValueLogGC().status().ToString() == "OK");
  REQUIRE((*db)->WaitForBackgroundWork().ToString() == "OK");
  CHECK(DirectoryBytes(files, world.directory) <= 2 * (1 << 20) + (64 << 10));
}

}  // namespace
}  // namespace nokv::tests
