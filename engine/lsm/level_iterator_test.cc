#include "engine/lsm/level_iterator.h"

#include "engine/lsm/test_level.h"

namespace nokv::lsm {

TEST_CASE("a level is walked as one table", "[layer]") {
  Random random(5);
  BlockCache cache(1 << 20);
  const std::vector<Row> versions = RandomVersions(random, 40, 200);
  const auto it = NewLevelIterator(MakeLevel(versions, 7, cache), false);
  it->SeekToFirst();
  for (const Row& version : versions) {
    REQUIRE(it->Valid());
    REQUIRE(Row::Of(it->entry()) == version);
    it->Next();
  }
  REQUIRE_FALSE(it->Valid());
  it->SeekToLast();
  for (size_t i = versions.size(); i-- > 0;) {
    REQUIRE(Row::Of(it->entry()) == versions[i]);
    it->Prev();
  }
  REQUIRE_FALSE(it->Valid());
  for (int probe = 0; probe < 300; ++probe) {
    const Row target = table::Deletion(Key(random.Uniform(42)), random.Uniform(1002));
    it->Seek(target.key, target.sequence);
    const auto expected = std::lower_bound(versions.begin(), versions.end(), target);
    REQUIRE(it->Valid() == (expected != versions.end()));
    if (it->Valid()) REQUIRE(Row::Of(it->entry()) == *expected);
  }
  const auto nothing = NewLevelIterator({}, true);
  nothing->SeekToFirst();
  REQUIRE_FALSE(nothing->Valid());
  nothing->SeekToLast();
  REQUIRE_FALSE(nothing->Valid());
  nothing->Seek("a", kSequenceMax);
  REQUIRE_FALSE(nothing->Valid());
}

TEST_CASE("a merge gives all versions of all sources in order", "[layer]") {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    BlockCache cache(1 << 20);
    const std::vector<Row> all = RandomVersions(random, 40, 300);
    std::vector<std::vector<Row>> parts(1 + random.Uniform(6));
    for (const Row& version : all) parts[random.Uniform(parts.size())].push_back(version);
    std::vector<std::unique_ptr<table::TableIterator>> sources;
    for (const std::vector<Row>& part : parts) {
      sources.push_back(NewLevelIterator(MakeLevel(part, 10, cache), true));
    }
    MergingIterator merged(std::move(sources));
    merged.SeekToFirst();
    for (const Row& version : all) {
      REQUIRE(merged.Valid());
      REQUIRE(Row::Of(merged.entry()) == version);
      merged.Next();
    }
    REQUIRE_FALSE(merged.Valid());
    REQUIRE_OK(merged.status());
  }
}

TEST_CASE("a damaged table ends a level and a merge with its error", "[layer][damage]") {
  Random random(7);
  BlockCache cache(1 << 20);
  TableList level = MakeLevel(RandomVersions(random, 40, 200), 60, cache);
  REQUIRE(level.size() >= 3);
  table::BuiltTable built =
      table::Build(RandomVersions(random, 40, 200), {}, {.block_bytes_target = 64});
  built.bytes[200] = static_cast<char>(built.bytes[200] ^ 1);
  auto damaged = std::make_shared<TableFile>(TableFile{2, level[1]->summary, nullptr, nullptr});
  damaged->table = table::OpenOrDie(std::move(built.bytes), cache);
  level[1] = damaged;
  const auto it = NewLevelIterator(level, true);
  for (it->SeekToFirst(); it->Valid();) it->Next();
  REQUIRE(absl::IsDataLoss(it->status()));
  for (it->SeekToLast(); it->Valid();) it->Prev();
  REQUIRE(absl::IsDataLoss(it->status()));

  std::vector<std::unique_ptr<table::TableIterator>> sources;
  sources.push_back(NewLevelIterator({level[0]}, true));
  sources.push_back(NewLevelIterator(level, true));
  MergingIterator merged(std::move(sources));
  for (merged.SeekToFirst(); merged.Valid();) merged.Next();
  REQUIRE(absl::IsDataLoss(merged.status()));
}

}  // namespace nokv::lsm
