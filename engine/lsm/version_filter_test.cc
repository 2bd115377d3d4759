#include "engine/lsm/version_filter.h"

#include "engine/table/test_table.h"

#include <map>
#include <optional>
#include <sstream>

namespace nokv::lsm {
namespace {

using table::Deletion;
using table::Entry;
using table::EntryKind;
using table::Inline;
using table::RangeTombstone;
using table::Version;

constexpr uint64_t kNow = 1000;

struct Script {
  std::vector<Sequence> snapshots = {};
  bool is_bottom = false;
  std::vector<RangeTombstone> tombstones = {};
};

// "a9" is a value of key a at sequence 9, "a9d" a deletion, "a9x" a value that has expired, "a9e"
// one that will.
std::string Filter(const Script& script, const std::string& versions) {
  const RangeTombstones tombstones(script.tombstones);
  VersionFilterOptions options{.snapshots = script.snapshots,
                               .now_ms = kNow,
                               .is_bottom = nullptr,
                               .range_tombstones = &tombstones};
  if (script.is_bottom) options.is_bottom = [](std::string_view) { return true; };
  VersionFilter filter(options);
  std::istringstream in(versions);
  std::string word;
  std::string kept;
  while (in >> word) {
    size_t digits = 0;
    const std::string key = word.substr(0, 1);
    const Sequence sequence = std::stoull(word.substr(1), &digits);
    const std::string mark = word.substr(1 + digits);
    Version version = mark == "d" ? Deletion(key, sequence) : Inline(key, sequence, "v");
    if (mark == "x") version.expiry_ms = kNow;
    if (mark == "e") version.expiry_ms = kNow + 1;
    Entry entry = version.entry();
    if (!filter.Keep(entry)) continue;
    kept += fmt::format("{}{}{}{}", kept.empty() ? "" : " ", entry.key, entry.sequence,
                        entry.kind == EntryKind::kDelete ? "d"
                        : entry.expiry_ms != 0           ? "e"
                                                         : "");
  }
  return kept;
}

}  // namespace

TEST_CASE("without snapshots the newest version of each key is kept", "[filter]") {
  REQUIRE(Filter({}, "a9 a5 a1 b4 c7 c6") == "a9 b4 c7");
}

TEST_CASE("each snapshot keeps the version that it sees", "[filter]") {
  const std::string versions = "a9 a7 a5 a3 a1";
  REQUIRE(Filter({.snapshots = {5}}, versions) == "a9 a5");
  REQUIRE(Filter({.snapshots = {4}}, versions) == "a9 a3");
  REQUIRE(Filter({.snapshots = {2, 6, 8}}, versions) == "a9 a7 a5 a1");
  REQUIRE(Filter({.snapshots = {9}}, versions) == "a9");
  REQUIRE(Filter({.snapshots = {0}}, versions) == "a9");
  REQUIRE(Filter({.snapshots = {1, 2, 3, 4, 5, 6, 7, 8, 9}}, versions) == versions);
}

TEST_CASE("a deletion stays until nothing can be below it", "[filter]") {
  REQUIRE(Filter({}, "a9d a5 b3") == "a9d b3");
  REQUIRE(Filter({.is_bottom = true}, "a9d a5 b3") == "b3");
  // A snapshot still sees a5, so the newest state needs the deletion.
  REQUIRE(Filter({.snapshots = {6}, .is_bottom = true}, "a9d a5 b3") == "a9d a5 b3");
  REQUIRE(Filter({.snapshots = {9}, .is_bottom = true}, "a9d a5") == "");
}

TEST_CASE("an expired value counts as a deletion", "[filter]") {
  REQUIRE(Filter({}, "a9x a5") == "a9d");
  REQUIRE(Filter({.is_bottom = true}, "a9x a5") == "");
  REQUIRE(Filter({}, "a9e a5x") == "a9e");
  REQUIRE(Filter({.snapshots = {6}, .is_bottom = true}, "a9x a5") == "a9d a5");
}

TEST_CASE("a range tombstone drops what is older, in its own stripe", "[filter]") {
  const std::vector<RangeTombstone> tombstones = {{"a", "c", 6}};
  REQUIRE(Filter({.tombstones = tombstones}, "a9 a5 b5 c5") == "a9 c5");
  REQUIRE(Filter({.snapshots = {7}, .tombstones = tombstones}, "a9 a5 b5 c5") == "a9 c5");
  // A snapshot between them still sees the old versions.
  REQUIRE(Filter({.snapshots = {5}, .tombstones = tombstones}, "a9 a5 b5 c5") == "a9 a5 b5 c5");
  REQUIRE(Filter({.snapshots = {3}, .tombstones = tombstones}, "a5 a2 b2") == "a2 b2");
}

TEST_CASE("range tombstones are kept once for each stripe", "[filter]") {
  VersionFilterOptions options;
  options.snapshots = {3, 6};
  const VersionFilter filter(options);
  const std::vector<Sequence> all = {9, 8, 6, 5, 3, 1};
  REQUIRE(filter.KeepTombstones(all, false) == std::vector<Sequence>{9, 6, 3});
  REQUIRE(filter.KeepTombstones(all, true) == std::vector<Sequence>{9, 6});
  REQUIRE(filter.KeepTombstones({}, true).empty());
  const VersionFilter plain{VersionFilterOptions()};
  REQUIRE(plain.KeepTombstones(all, false) == std::vector<Sequence>{9});
  REQUIRE(plain.KeepTombstones(all, true).empty());
}

TEST_CASE("the bottom is asked about with ascending keys", "[filter]") {
  std::vector<std::string> asked;
  VersionFilterOptions options;
  options.is_bottom = [&](std::string_view key) {
    asked.emplace_back(key);
    return key != "b";
  };
  VersionFilter filter(options);
  std::string kept;
  for (const Version& version : {Deletion("a", 5), Deletion("b", 4), Deletion("c", 3)}) {
    Entry entry = version.entry();
    if (filter.Keep(entry)) kept += entry.key;
  }
  REQUIRE(kept == "b");
  REQUIRE(asked == std::vector<std::string>{"a", "b", "c"});
}

namespace {

// What a reader at `bound` sees of `key`: the value's name, or nothing.
std::optional<std::string> Visible(const std::vector<Version>& versions,
                                   const std::vector<RangeTombstone>& tombstones,
                                   const std::string& key, Sequence bound) {
  const Version* newest = nullptr;
  for (const Version& version : versions) {
    if (version.key != key || version.sequence > bound) continue;
    if (newest == nullptr || version.sequence > newest->sequence) newest = &version;
  }
  if (newest == nullptr || newest->kind == EntryKind::kDelete) return std::nullopt;
  if (newest->expiry_ms != 0 && newest->expiry_ms <= kNow) return std::nullopt;
  for (const RangeTombstone& tombstone : tombstones) {
    if (tombstone.start <= key && key < tombstone.end && tombstone.sequence <= bound &&
        tombstone.sequence > newest->sequence) {
      return std::nullopt;
    }
  }
  return newest->value;
}

}  // namespace

TEST_CASE("no reader can tell what a merge dropped", "[filter]") {
  uint64_t dropped = 0;
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    const bool is_bottom = random.OneIn(2);
    const std::vector<std::string> keys = {"a", "b", "c", "d", "e"};
    // Below the merge: versions older than all in it, unless it is the bottom.
    std::vector<Version> below;
    std::vector<Version> input;
    std::vector<RangeTombstone> tombstones = {};
    std::vector<Sequence> snapshots = {};
    for (Sequence sequence = 1; sequence <= 30; ++sequence) {
      const std::string& key = keys[random.Uniform(keys.size())];
      const std::string name = fmt::format("{}", sequence);
      if (random.OneIn(4)) snapshots.push_back(sequence);
      if (sequence <= 5) {
        if (!is_bottom) below.push_back(Inline(key, sequence, name));
      } else if (random.OneIn(5)) {
        const uint64_t from = random.Uniform(keys.size());
        const uint64_t until = from + 1 + random.Uniform(keys.size() - from);
        tombstones.push_back({keys[from], until < keys.size() ? keys[until] : "f", sequence});
      } else if (random.OneIn(3)) {
        input.push_back(Deletion(key, sequence));
      } else {
        input.push_back(Inline(key, sequence, name));
        if (random.OneIn(3)) input.back().expiry_ms = kNow - 1 + random.Uniform(3);
      }
    }
    table::Normalize(&input);

    const RangeTombstones fragments(tombstones);
    VersionFilterOptions options{.snapshots = snapshots,
                                 .now_ms = kNow,
                                 .is_bottom = nullptr,
                                 .range_tombstones = &fragments};
    if (is_bottom) options.is_bottom = [](std::string_view) { return true; };
    VersionFilter filter(options);
    std::vector<Version> output = below;
    for (const Version& version : input) {
      Entry entry = version.entry();
      if (filter.Keep(entry)) {
        output.push_back(Version::Of(entry));
      } else {
        ++dropped;
      }
    }
    std::vector<RangeTombstone> tombstones_kept;
    for (const RangeTombstones::Fragment& fragment : fragments.fragments()) {
      for (const Sequence sequence : filter.KeepTombstones(fragment.sequences, is_bottom)) {
        tombstones_kept.push_back({fragment.start, fragment.end, sequence});
      }
    }
    input.insert(input.end(), below.begin(), below.end());
    snapshots.push_back(kSequenceMax);
    for (const Sequence snapshot : snapshots) {
      for (const std::string& key : keys) {
        INFO("key " << key << " at " << snapshot);
        REQUIRE(Visible(output, tombstones_kept, key, snapshot) ==
                Visible(input, tombstones, key, snapshot));
      }
    }
  }
  REQUIRE(dropped > 10'000);
}

}  // namespace nokv::lsm
