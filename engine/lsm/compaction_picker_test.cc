// Pure: versions are folded from summaries, and no file is opened.
#include "engine/lsm/compaction_picker.h"

#include "engine/table/test_table.h"

namespace nokv::lsm {
namespace {

struct Tables {
  VersionEdit edit;
  uint64_t next_number = 1;

  Tables() { edit.new_families.push_back({0, "default"}); }

  table::TableSummary& Add(uint32_t level, const std::string& smallest, const std::string& largest,
                           uint64_t entries = 100) {
    NewTable& added = edit.new_tables.emplace_back();
    added.level = level;
    added.number = next_number++;
    added.summary.size_bytes = entries * 100;
    added.summary.entries = entries;
    added.summary.smallest_key = smallest;
    added.summary.largest_key = largest;
    // Lower levels are older.
    added.summary.sequence_min = 1 + 1000 * (kLevels - level);
    added.summary.sequence_max = 900 + 1000 * (kLevels - level) + added.number;
    return added.summary;
  }

  Version Fold() const {
    Version version;
    REQUIRE_OK(version.Fold(edit));
    return version;
  }
};

std::vector<uint64_t> Numbers(const TableList& tables) {
  std::vector<uint64_t> numbers;
  for (const TableRef& table : tables) numbers.push_back(table->number);
  return numbers;
}

using Picked = std::vector<uint64_t>;

PickerOptions Small() {
  PickerOptions options;
  options.level_base_bytes = 1000;
  options.level0_tables_max = 4;
  return options;
}

}  // namespace

TEST_CASE("an empty version, and a bottom level alone, need nothing", "[picker]") {
  Tables tables;
  REQUIRE_FALSE(PickCompaction(tables.Fold(), Small()).has_value());
  tables.Add(kBottomLevel, "a", "m", 1000);
  tables.Add(kBottomLevel, "n", "z", 1000);
  REQUIRE_FALSE(PickCompaction(tables.Fold(), Small()).has_value());
}

TEST_CASE("level 0 is merged when it has enough tables", "[picker]") {
  Tables tables;
  tables.Add(kBottomLevel, "a", "c", 100'000);
  tables.Add(kBottomLevel, "d", "f", 100'000);
  for (int i = 0; i < 3; ++i) tables.Add(0, "b", "c");
  PickerOptions options = Small();
  options.level_base_bytes = 1 << 30;
  REQUIRE_FALSE(PickCompaction(tables.Fold(), options).has_value());
  tables.Add(0, "b", "c");
  const auto picked = PickCompaction(tables.Fold(), options);
  REQUIRE(picked.has_value());
  REQUIRE(picked->level == 0);
  REQUIRE(picked->output_level == kBottomLevel);
  REQUIRE(Numbers(picked->inputs) == Picked{6, 5, 4, 3});  // Newest first.
  REQUIRE(Numbers(picked->overlapping) == Picked{1});
  REQUIRE_FALSE(picked->IsMove());
  REQUIRE_FALSE(picked->IsDrop());
}

TEST_CASE("the base level rises with the size of the bottom, and never passes a used level",
          "[picker]") {
  Tables tables;
  const auto base = [&](uint64_t level_base_bytes) {
    return BaseLevel(*tables.Fold().family(0), level_base_bytes);
  };
  REQUIRE(base(1000) == kBottomLevel);
  tables.Add(kBottomLevel, "a", "z", 1000);  // 100,000 bytes.
  REQUIRE(base(100'000) == kBottomLevel);
  REQUIRE(base(10'000) == kBottomLevel - 1);
  REQUIRE(base(1000) == kBottomLevel - 2);
  REQUIRE(base(1) == 1);
  tables.Add(3, "a", "b", 1);
  REQUIRE(base(100'000) == 3);
}

TEST_CASE("a level above its target gives its cheapest table to the next", "[picker]") {
  Tables tables;
  tables.Add(6, "a", "f", 5000);
  tables.Add(6, "g", "m", 100);
  tables.Add(6, "n", "z", 5000);
  tables.Add(5, "a", "c", 500);
  tables.Add(5, "h", "k", 500);
  tables.Add(5, "p", "r", 500);
  PickerOptions options = Small();
  options.upper_share_max = 10;
  const auto picked = PickCompaction(tables.Fold(), options);
  REQUIRE(picked.has_value());
  REQUIRE(picked->level == 5);
  REQUIRE(picked->output_level == 6);
  REQUIRE(Numbers(picked->inputs) == Picked{5});
  REQUIRE(Numbers(picked->overlapping) == Picked{2});
}

TEST_CASE("too many entries above the bottom are merged whatever the sizes", "[picker]") {
  Tables tables;
  tables.Add(6, "a", "z", 1000);
  tables.Add(0, "a", "b", 100);
  PickerOptions options = Small();
  options.level_base_bytes = 1 << 30;
  options.upper_share_max = 0.15;
  REQUIRE_FALSE(PickCompaction(tables.Fold(), options).has_value());
  tables.Add(0, "c", "d", 100);
  const auto picked = PickCompaction(tables.Fold(), options);
  REQUIRE(picked.has_value());
  REQUIRE(Numbers(picked->inputs) == Picked{3, 2});
  options.upper_share_max = 0.5;
  REQUIRE_FALSE(PickCompaction(tables.Fold(), options).has_value());
}

TEST_CASE("tables that touch nothing below move down as they are", "[picker]") {
  const auto move = [](uint32_t level, uint32_t output, uint64_t tombstones, bool overlaps) {
    Tables tables;
    tables.Add(level, "a", "b").tombstones = tombstones;
    const Version version = tables.Fold();
    Compaction compaction;
    compaction.level = level;
    compaction.output_level = output;
    compaction.inputs = version.family(0)->levels[level];
    if (overlaps) compaction.overlapping = compaction.inputs;
    return compaction.IsMove();
  };
  REQUIRE(move(0, 6, 0, false));
  REQUIRE(move(4, 5, 3, false));
  REQUIRE_FALSE(move(5, 6, 3, false));  // Deletions would stay at the bottom for good.
  REQUIRE_FALSE(move(4, 5, 0, true));
  REQUIRE(Compaction().IsDrop());
  REQUIRE_FALSE(Compaction().IsMove());
}

TEST_CASE("two tables that touch at a key move together", "[picker]") {
  Tables tables;
  tables.Add(6, "a", "z", 10);
  tables.Add(5, "a", "c", 500);
  tables.Add(5, "c", "f", 400);  // The first one's range tombstone ends where this begins.
  const auto picked = PickCompaction(tables.Fold(), Small());
  REQUIRE(picked.has_value());
  REQUIRE(Numbers(picked->inputs) == Picked{2, 3});
}

TEST_CASE("a manual merge goes level by level until all of it is at the bottom", "[picker]") {
  Tables tables;
  tables.Add(6, "a", "z", 1000);
  tables.Add(5, "a", "c", 100);
  tables.Add(5, "x", "z", 100);
  tables.Add(0, "b", "d", 100);
  auto picked = PickManual(tables.Fold(), 0, "b", "c", {});
  REQUIRE(picked.has_value());
  REQUIRE(picked->level == 0);
  REQUIRE(picked->output_level == 5);
  REQUIRE(Numbers(picked->overlapping) == Picked{2});

  tables.edit.new_tables.pop_back();
  picked = PickManual(tables.Fold(), 0, "b", "c", {});
  REQUIRE(picked.has_value());
  REQUIRE(picked->level == 5);
  REQUIRE(picked->output_level == 6);
  REQUIRE(Numbers(picked->inputs) == Picked{2});
  REQUIRE_FALSE(PickManual(tables.Fold(), 0, "d", "e", {}).has_value());
  REQUIRE(Numbers(PickManual(tables.Fold(), 0, "d", "", {})->inputs) == Picked{3});
  REQUIRE_FALSE(PickManual(tables.Fold(), 9, "", "", {}).has_value());
}

TEST_CASE("a bottom table is rewritten once nobody needs what it could drop", "[picker]") {
  Tables tables;
  tables.Add(6, "a", "b", 1000);
  table::TableSummary& summary = tables.Add(6, "c", "d", 1000);
  summary.superseded = 125;  // An eighth.
  const auto picked = PickCompaction(tables.Fold(), Small());
  REQUIRE(picked.has_value());
  REQUIRE(picked->level == kBottomLevel);
  REQUIRE(picked->output_level == kBottomLevel);
  REQUIRE(Numbers(picked->inputs) == Picked{2});
  REQUIRE_FALSE(picked->IsMove());

  PickerOptions options = Small();
  options.snapshots = {summary.sequence_max - 1};
  REQUIRE_FALSE(PickCompaction(tables.Fold(), options).has_value());
  options.snapshots = {summary.sequence_max};
  REQUIRE(PickCompaction(tables.Fold(), options).has_value());

  tables.edit.new_tables.back().summary.superseded = 124;
  REQUIRE_FALSE(PickCompaction(tables.Fold(), Small()).has_value());
  REQUIRE(PickManual(tables.Fold(), 0, "c", "d", {}).has_value());
}

TEST_CASE("a level is the bottom for a range if nothing below holds it", "[picker]") {
  Tables tables;
  tables.Add(5, "a", "c");
  tables.Add(6, "e", "g");
  const Version version = tables.Fold();
  const Family& family = *version.family(0);
  REQUIRE(IsBottomFor(family, 6, "a", "z"));
  REQUIRE(IsBottomFor(family, 5, "a", "d"));
  REQUIRE_FALSE(IsBottomFor(family, 5, "d", "e"));
  REQUIRE_FALSE(IsBottomFor(family, 0, "c", "c"));
  REQUIRE(IsBottomFor(family, 0, "d", "d"));
  REQUIRE(IsBottomFor(family, 0, "h", "z"));
}

}  // namespace nokv::lsm
