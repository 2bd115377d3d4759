#include "engine/lsm/range_tombstones.h"

#include "engine/table/test_table.h"

namespace nokv::lsm {
namespace {

using table::RangeTombstone;

Sequence ByBruteForce(const std::vector<RangeTombstone>& tombstones, std::string_view key,
                      Sequence bound) {
  Sequence newest = 0;
  for (const RangeTombstone& tombstone : tombstones) {
    if (tombstone.start <= key && key < tombstone.end && tombstone.sequence <= bound) {
      newest = std::max(newest, tombstone.sequence);
    }
  }
  return newest;
}

std::string Key(Random& random) {
  std::string key(random.Uniform(3), 'a');
  for (char& c : key) c = static_cast<char>('a' + random.Uniform(4));
  return key;
}

}  // namespace

TEST_CASE("no range tombstones cover nothing", "[tombstones]") {
  const RangeTombstones none({});
  REQUIRE(none.empty());
  REQUIRE(none.NewestCovering("a", kSequenceMax) == 0);
  const RangeTombstones empty_ranges(std::vector<RangeTombstone>{{"b", "b", 3}, {"c", "a", 4}});
  REQUIRE(empty_ranges.empty());
}

TEST_CASE("a range has its start and not its end", "[tombstones]") {
  const RangeTombstones tombstones(std::vector<RangeTombstone>{{"b", "d", 7}});
  REQUIRE(tombstones.NewestCovering("a", kSequenceMax) == 0);
  REQUIRE(tombstones.NewestCovering("b", kSequenceMax) == 7);
  REQUIRE(tombstones.NewestCovering("c\xff", 7) == 7);
  REQUIRE(tombstones.NewestCovering("d", kSequenceMax) == 0);
  REQUIRE(tombstones.NewestCovering("b", 6) == 0);
}

TEST_CASE("overlapping ranges answer as if each were asked", "[tombstones]") {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    std::vector<RangeTombstone> list;
    for (uint64_t i = random.Uniform(25); i > 0; --i) {
      list.push_back({Key(random), Key(random), 1 + random.Uniform(40)});
    }
    const RangeTombstones tombstones(list);
    for (int probe = 0; probe < 100; ++probe) {
      const std::string key = Key(random);
      const Sequence bound = random.OneIn(4) ? kSequenceMax : random.Uniform(42);
      INFO("key " << key << " bound " << bound);
      REQUIRE(tombstones.NewestCovering(key, bound) == ByBruteForce(list, key, bound));
    }
    std::string end;
    for (const RangeTombstones::Fragment& fragment : tombstones.fragments()) {
      REQUIRE(fragment.start >= end);
      REQUIRE(fragment.start < fragment.end);
      REQUIRE_FALSE(fragment.sequences.empty());
      REQUIRE(std::is_sorted(fragment.sequences.rbegin(), fragment.sequences.rend()));
      end = fragment.end;
    }
  }
}

}  // namespace nokv::lsm
