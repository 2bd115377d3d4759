#include "engine/table/block_cache.h"

#include "engine/base/epoch.h"
#include "engine/table/test_table.h"

#include <thread>

namespace nokv::table {
namespace {

std::vector<Version> ManyVersions(int keys) {
  std::vector<Version> versions;
  for (int i = 0; i < keys; ++i) {
    for (Sequence sequence = 2; sequence > 0; --sequence) {
      versions.push_back(Inline(fmt::format("user{:08}", i), sequence, fmt::format("{}", i)));
    }
  }
  return versions;
}

bool Has(const Table& table, const Version& version) {
  const EpochGuard guard;
  Entry entry;
  const auto found = table.Get(version.key, Table::HashKey(version.key), version.sequence, &entry);
  return found.ok() && *found && Version::Of(entry) == version;
}

// Counts the reads of a file.
class CountingFile final : public vfs::ReadableFile {
 public:
  CountingFile(std::string bytes, std::atomic<int>* reads)
      : file_(std::move(bytes)), reads_(reads) {}

  absl::Status Read(uint64_t offset, size_t size, char* buffer) const override {
    ++*reads_;
    return file_.Read(offset, size, buffer);
  }

  uint64_t size_bytes() const override { return file_.size_bytes(); }

 private:
  const StringFile file_;
  std::atomic<int>* const reads_;
};

}  // namespace

TEST_CASE("a block is read once while the budget holds it", "[table][cache]") {
  const std::vector<Version> versions = ManyVersions(2000);
  std::atomic<int> reads = 0;
  BlockCache cache(16 << 20);
  const auto table =
      *Table::Open(std::make_unique<CountingFile>(Build(versions).bytes, &reads), "t", cache);
  for (const Version& version : versions) REQUIRE(Has(*table, version));
  const int reads_cold = reads;
  REQUIRE(cache.misses() > 5);
  REQUIRE(cache.hits() + cache.misses() == versions.size());
  for (const Version& version : versions) REQUIRE(Has(*table, version));
  REQUIRE(reads == reads_cold);
}

TEST_CASE("the cache stays within its budget and counts what it holds", "[table][cache]") {
  const std::vector<Version> versions = ManyVersions(20'000);
  constexpr uint64_t kCapacity = 200'000;
  BlockCache cache(kCapacity);
  {
    const auto table = OpenOrDie(Build(versions).bytes, cache);
    const uint64_t open_bytes = cache.used_bytes();
    REQUIRE(open_bytes > 20'000);  // The filter alone.
    for (const Version& version : versions) {
      REQUIRE(Has(*table, version));
      REQUIRE(cache.used_bytes() <= kCapacity);
    }
    REQUIRE(cache.used_bytes() > kCapacity / 2);
  }
  REQUIRE(cache.used_bytes() == 0);
  REQUIRE(EpochCollect());
}

TEST_CASE("a block in use outlives one passing scan", "[table][cache]") {
  const std::vector<Version> versions = ManyVersions(20'000);
  BlockCache cache(200'000);
  std::atomic<int> reads = 0;
  const auto table =
      *Table::Open(std::make_unique<CountingFile>(Build(versions).bytes, &reads), "t", cache);
  const Version& hot = versions[1000];
  uint64_t hot_reads = 0;
  for (size_t i = 0; i < versions.size(); i += 50) {
    REQUIRE(Has(*table, versions[i]));
    const int before = reads;
    REQUIRE(Has(*table, hot));
    hot_reads += static_cast<uint64_t>(reads - before);
  }
  REQUIRE(hot_reads <= 2);
}

TEST_CASE("compaction's iterator reads far ahead and leaves the cache alone", "[table][cache]") {
  const std::vector<Version> versions = ManyVersions(20'000);
  const BuiltTable built = Build(versions);
  BlockCache cache(16 << 20);
  std::atomic<int> reads = 0;
  const auto table = *Table::Open(std::make_unique<CountingFile>(built.bytes, &reads), "t", cache);
  const uint64_t used = cache.used_bytes();
  const int reads_open = reads;
  const auto it = table->NewIterator(false);
  size_t count = 0;
  for (it->SeekToFirst(); it->Valid(); it->Next()) ++count;
  REQUIRE(count == versions.size());
  REQUIRE(cache.used_bytes() == used);
  REQUIRE(static_cast<uint64_t>(reads - reads_open) <= built.bytes.size() / (200 << 10) + 2);
}

TEST_CASE("an iterator's entry stays in place when its block is evicted", "[table][cache]") {
  const std::vector<Version> versions = ManyVersions(5000);
  BlockCache cache(0);
  const auto table = OpenOrDie(Build(versions).bytes, cache);
  const auto it = table->NewIterator();
  it->SeekToFirst();
  const Entry before = it->entry();
  for (size_t i = versions.size() - 100; i < versions.size(); ++i) {
    REQUIRE(Has(*table, versions[i]));
  }
  REQUIRE(EpochCollect());
  REQUIRE(it->entry().value.data() == before.value.data());
  REQUIRE(Version::Of(it->entry()) == versions[0]);
}

TEST_CASE("threads that drive each other out of a cache of two blocks read right",
          "[table][cache][threads]") {
  const std::vector<Version> versions = ManyVersions(2000);
  BlockCache cache(50'000);
  const std::string bytes = Build(versions, {}, {.block_bytes_target = 512}).bytes;
  const auto table = OpenOrDie(bytes, cache);
  // Leaves room for two blocks.
  const auto padding = static_cast<int64_t>(50'000 - cache.used_bytes() - 2 * 800);
  cache.Charge(padding);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    threads.emplace_back([&, seed] {
      Random random(seed);
      const auto it = table->NewIterator(seed % 2 == 0);
      it->SeekToFirst();
      for (int i = 0; i < 5000; ++i) {
        const Version& version = versions[random.Uniform(versions.size())];
        if (!Has(*table, version)) ++wrong;
        if (random.OneIn(4)) it->Seek(version.key, version.sequence);
        if (it->Valid()) it->Next();
        if (random.OneIn(8)) {
          it->Seek(version.key, version.sequence);
          if (!it->Valid() || !(Version::Of(it->entry()) == version)) ++wrong;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE(wrong == 0);
  REQUIRE(cache.misses() > 1000);
  cache.Charge(-padding);
}

}  // namespace nokv::table
