#include "engine/write_batch.h"

#include "engine/base/random.h"

#include <catch2/catch.hpp>

#include <vector>

namespace nokv {
namespace {

// A change that owns its bytes.
struct Kept {
  ChangeKind kind;
  uint16_t family;
  uint64_t expiry_ms;
  std::string key;
  std::string value;

  friend bool operator==(const Kept&, const Kept&) = default;
};

std::vector<Kept> Contents(const WriteBatch& batch) {
  std::vector<Kept> kept;
  batch.ForEach([&](const Change& change) {
    kept.push_back({change.kind, change.column_family.id, change.expiry_ms, std::string(change.key),
                    std::string(change.value)});
  });
  return kept;
}

std::string RandomBytes(Random& random) {
  std::string bytes(random.Uniform(random.OneIn(10) ? 100'000 : 40), '\0');
  for (char& c : bytes) c = static_cast<char>(random.Next());
  return bytes;
}

}  // namespace

TEST_CASE("a batch gives back its changes in the order they were added", "[batch]") {
  WriteBatch batch;
  REQUIRE(batch.empty());
  batch.Set("a", "1");
  batch.SetWithExpiry("b", "2", 99, ColumnFamilyHandle{7});
  batch.Delete("a");
  batch.DeleteRange("c", "d", ColumnFamilyHandle{65535});
  batch.Set("", "");
  REQUIRE(batch.count() == 5);
  REQUIRE_FALSE(batch.empty());
  REQUIRE(Contents(batch) == std::vector<Kept>{{ChangeKind::kSet, 0, 0, "a", "1"},
                                               {ChangeKind::kSet, 7, 99, "b", "2"},
                                               {ChangeKind::kDelete, 0, 0, "a", ""},
                                               {ChangeKind::kDeleteRange, 65535, 0, "c", "d"},
                                               {ChangeKind::kSet, 0, 0, "", ""}});
  const WriteBatch copy = batch;
  batch.Clear();
  REQUIRE(batch.empty());
  REQUIRE(batch.size_bytes() == 0);
  REQUIRE(Contents(batch).empty());
  REQUIRE(Contents(copy).size() == 5);
}

TEST_CASE("a batch keeps where a value stands already", "[batch]") {
  WriteBatch batch;
  batch.SetFromEntry("a", "value", {7, uint64_t{1} << 62, UINT32_MAX, 255}, ColumnFamilyHandle{3});
  batch.Set("b", "other");
  std::vector<EntryPart> parts;
  batch.ForEach([&](const Change& change) { parts.push_back(change.part); });
  REQUIRE(parts == std::vector<EntryPart>{{7, uint64_t{1} << 62, UINT32_MAX, 255}, {}});
  REQUIRE(Contents(batch) == std::vector<Kept>{{ChangeKind::kSet, 3, 0, "a", "value"},
                                               {ChangeKind::kSet, 0, 0, "b", "other"}});
}

TEST_CASE("a batch holds whatever bytes it is given", "[batch]") {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    WriteBatch batch;
    std::vector<Kept> expected;
    uint64_t bytes = 0;
    for (uint64_t i = random.Uniform(60); i > 0; --i) {
      expected.push_back({static_cast<ChangeKind>(1 + random.Uniform(3)),
                          static_cast<uint16_t>(random.Next()), random.Next() >> random.Uniform(64),
                          RandomBytes(random), RandomBytes(random)});
      const Kept& kept = expected.back();
      batch.Add({kept.kind, ColumnFamilyHandle{kept.family}, kept.expiry_ms, kept.key, kept.value});
      bytes += kept.key.size() + kept.value.size();
    }
    REQUIRE(Contents(batch) == expected);
    REQUIRE(batch.count() == expected.size());
    REQUIRE(batch.size_bytes() >= bytes);
  }
}

}  // namespace nokv
