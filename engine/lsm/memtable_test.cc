#include "engine/lsm/memtable.h"

#include "engine/lsm/memtable_source.h"
#include "engine/lsm/test_level.h"
#include "engine/lsm/version.h"
#include "engine/table/test_table.h"

#include <atomic>
#include <map>
#include <thread>

namespace nokv::lsm {
namespace {

// Key, then sequences of its versions with what was written, newest first.
using Model = std::map<std::string, std::map<Sequence, MemVersion, std::greater<>>>;

MemVersion MakeVersion(Sequence sequence) {
  return {.sequence = sequence,
          .older = nullptr,
          .record_bytes = static_cast<uint32_t>(sequence * 3),
          .ordinal = sequence % 2 == 0 ? kNoOrdinal : static_cast<uint32_t>(sequence),
          .is_delete = sequence % 5 == 0,
          .has_expiry = sequence % 7 == 0};
}

void Add(MemTable& memtable, const std::string& key, Sequence sequence) {
  memtable.Add(key, table::Table::HashKey(key), MakeVersion(sequence));
}

const MemVersion* Find(const MemTable& memtable, const std::string& key, Sequence bound) {
  return memtable.Find(key, table::Table::HashKey(key), bound);
}

// The newest version at or below `bound`, or null.
const MemVersion* ByModel(const Model& model, const std::string& key, Sequence bound) {
  const auto versions = model.find(key);
  if (versions == model.end()) return nullptr;
  const auto found = versions->second.lower_bound(bound);
  return found == versions->second.end() ? nullptr : &found->second;
}

std::string RandomKey(Random& random, uint64_t keys) {
  // Different lengths, and prefixes of each other.
  const uint64_t number = random.Uniform(keys);
  return fmt::format("{:x}", number * 0x9e3779b1) + std::string(number % 7, 'x');
}

void RequireSame(const MemVersion* found, const MemVersion* expected) {
  REQUIRE((found == nullptr) == (expected == nullptr));
  if (found == nullptr) return;
  REQUIRE(found->sequence == expected->sequence);
  REQUIRE(found->record_bytes == expected->record_bytes);
  REQUIRE(found->ordinal == expected->ordinal);
  REQUIRE(found->is_delete == expected->is_delete);
  REQUIRE(found->has_expiry == expected->has_expiry);
}

void RequireAt(const KeyTree::Cursor& cursor, const Model& model, Model::const_iterator at) {
  REQUIRE(cursor.Valid() == (at != model.end()));
  if (!cursor.Valid()) return;
  REQUIRE(cursor.node().key() == at->first);
  const MemVersion* version = cursor.node().newest.load(std::memory_order_acquire);
  int versions = 0;
  for (const auto& [sequence, expected] : at->second) {
    if (++versions > 20) return;  // Enough, where a key has thousands.
    RequireSame(version, &expected);
    version = version->older;
  }
  REQUIRE(version == nullptr);
}

}  // namespace

TEST_CASE("a memtable answers as a map of versions does", "[memtable]") {
  const uint64_t seed = GENERATE(1, 2, 3);
  const uint64_t keys = GENERATE(1, 40, 5000);
  INFO("seed " << seed << ", keys " << keys);
  Random random(seed);
  MemTable memtable(random.Uniform(10));
  Model model;
  REQUIRE(memtable.empty());
  for (Sequence sequence = 1; sequence <= 8000; ++sequence) {
    const std::string key = RandomKey(random, keys);
    Add(memtable, key, sequence);
    model[key][sequence] = MakeVersion(sequence);
  }
  REQUIRE(memtable.keys() == model.size());
  REQUIRE_FALSE(memtable.empty());
  REQUIRE(memtable.used_bytes() > 8000 * sizeof(MemVersion));
  for (int probe = 0; probe < 8000; ++probe) {
    const std::string key = RandomKey(random, keys + 3);
    const Sequence bound = random.OneIn(3) ? kSequenceMax : random.Uniform(8002);
    RequireSame(Find(memtable, key, bound), ByModel(model, key, bound));
  }

  KeyTree::Cursor cursor = memtable.NewCursor();
  cursor.SeekToFirst();
  for (auto at = model.cbegin();; ++at, cursor.Next()) {
    RequireAt(cursor, model, at);
    if (at == model.cend()) break;
  }
  cursor.SeekToLast();
  for (auto at = model.crbegin(); at != model.crend(); ++at, cursor.Prev()) {
    REQUIRE(cursor.node().key() == at->first);
  }
  REQUIRE_FALSE(cursor.Valid());
  for (int probe = 0; probe < 500; ++probe) {
    const std::string target = RandomKey(random, 2 * keys);
    cursor.Seek(target);
    RequireAt(cursor, model, model.lower_bound(target));
    cursor.SeekForPrev(target);
    const auto after = model.upper_bound(target);
    RequireAt(cursor, model, after == model.begin() ? model.end() : std::prev(after));
  }
}

TEST_CASE("an empty memtable has no places", "[memtable]") {
  const MemTable memtable(0);
  REQUIRE(Find(memtable, "", kSequenceMax) == nullptr);
  KeyTree::Cursor cursor = memtable.NewCursor();
  cursor.SeekToFirst();
  REQUIRE_FALSE(cursor.Valid());
  cursor.SeekToLast();
  REQUIRE_FALSE(cursor.Valid());
  cursor.Seek("");
  REQUIRE_FALSE(cursor.Valid());
  cursor.SeekForPrev("z");
  REQUIRE_FALSE(cursor.Valid());
}

TEST_CASE("keys may be empty, long, or full of zeros and ones", "[memtable]") {
  MemTable memtable(4);
  const std::vector<std::string> keys = {"", std::string(1, '\0'), std::string(2, '\0'), "\xff",
                                         std::string(100'000, 'k')};
  Sequence sequence = 0;
  for (const std::string& key : keys) Add(memtable, key, ++sequence);
  for (const std::string& key : keys) REQUIRE(Find(memtable, key, kSequenceMax) != nullptr);
  KeyTree::Cursor cursor = memtable.NewCursor();
  cursor.SeekToFirst();
  REQUIRE(cursor.node().key().empty());
  cursor.SeekToLast();
  REQUIRE(cursor.node().key() == "\xff");
}

TEST_CASE("readers keep the range tombstones that they found", "[memtable]") {
  MemTable memtable(4);
  REQUIRE(memtable.range_tombstones() == nullptr);
  memtable.AddRangeTombstone({"b", "d", 5});
  REQUIRE_FALSE(memtable.empty());
  const RangeTombstones* first = memtable.range_tombstones();
  memtable.AddRangeTombstone({"a", "c", 7});
  REQUIRE(first->NewestCovering("b", kSequenceMax) == 5);
  REQUIRE(memtable.range_tombstones()->NewestCovering("b", kSequenceMax) == 7);
  REQUIRE(memtable.range_tombstone_list().size() == 2);
}

TEST_CASE("readers beside the writer see whole keys in order and nothing twice", "[memtable]") {
  constexpr Sequence kLast = 20'000;
  MemTable memtable(4);
  std::atomic<Sequence> published{0};
  std::atomic<int> failures{0};
  const auto key_of = [](Sequence sequence) {
    return fmt::format("{:08x}", (sequence % 7000) * 0x9e3779b1 % 0xffffffff);
  };
  const auto read = [&](uint64_t seed) {
    Random random(seed);
    KeyTree::Cursor cursor = memtable.NewCursor();
    while (published.load(std::memory_order_acquire) < kLast) {
      const Sequence bound = published.load(std::memory_order_acquire);
      if (bound == 0) continue;
      const Sequence wanted = 1 + random.Uniform(bound);
      const MemVersion* found = Find(memtable, key_of(wanted), bound);
      // The newest version of the key at the bound is this one or a later one of the same key.
      if (found == nullptr || found->sequence < wanted || found->sequence > bound ||
          found->sequence % 7000 != wanted % 7000 || found->record_bytes != found->sequence * 3) {
        failures.fetch_add(1);
      }
      cursor.Seek(key_of(wanted));
      std::string before;
      for (int steps = 0; steps < 20 && cursor.Valid(); ++steps, cursor.Next()) {
        if (steps > 0 && cursor.node().key() <= before) failures.fetch_add(1);
        before = cursor.node().key();
        if (key_of(cursor.node().newest.load(std::memory_order_acquire)->sequence) != before)
          failures.fetch_add(1);
      }
    }
  };
  std::thread first(read, 1);
  std::thread second(read, 2);
  for (Sequence sequence = 1; sequence <= kLast; ++sequence) {
    Add(memtable, key_of(sequence), sequence);
    if (sequence % 997 == 0) memtable.AddRangeTombstone({"a", "b", sequence});
    published.store(sequence, std::memory_order_release);
  }
  first.join();
  second.join();
  REQUIRE(failures == 0);
  REQUIRE(memtable.keys() == 7000);
}

TEST_CASE("a flush sees every version, small values from the log and large ones by handle",
          "[memtable]") {
  MemTable memtable(4);
  const auto add = [&](const std::string& key, const MemVersion& version) {
    memtable.Add(key, table::Table::HashKey(key), version);
  };
  const auto version = [](Sequence sequence, uint32_t ordinal, bool is_delete, bool has_expiry) {
    return MemVersion{sequence, nullptr, 300, ordinal, is_delete, has_expiry};
  };
  add("small", version(table::At(3, 64), kNoOrdinal, false, false));
  add("large", version(table::At(3, 128), 7, false, false));
  add("large", version(table::At(4, 64), 8, false, true));
  add("gone", version(table::At(4, 128), kNoOrdinal, true, false));
  int reads = 0;
  const RecordReader reader = [&](const MemVersion& read, std::string*) {
    ++reads;
    log::Record record;
    record.value = "from the log";
    record.expiry_ms = read.has_expiry ? 99 : 0;
    return absl::StatusOr<log::Record>(record);
  };
  const auto source = NewMemTableSource(memtable, {}, reader);
  std::vector<table::Version> seen;
  for (source->SeekToFirst(); source->Valid(); source->Next()) {
    seen.push_back(table::Version::Of(source->entry()));
  }
  REQUIRE_OK(source->status());
  REQUIRE(reads == 2);  // The small value, and the one whose expiry stands in the log.
  table::Version expiring = table::Handle("large", table::At(4, 64), {4, 8, 300});
  expiring.expiry_ms = 99;
  REQUIRE(seen ==
          std::vector<table::Version>{table::Deletion("gone", table::At(4, 128)), expiring,
                                      table::Handle("large", table::At(3, 128), {3, 7, 300}),
                                      table::Inline("small", table::At(3, 64), "from the log")});

  const auto broken = NewMemTableSource(memtable, {}, [](const MemVersion&, std::string*) {
    return absl::StatusOr<log::Record>(DataLossError("no such record"));
  });
  for (broken->SeekToFirst(); broken->Valid(); broken->Next()) {
    REQUIRE(broken->entry().key == "gone");
  }
  REQUIRE(absl::IsDataLoss(broken->status()));
}

TEST_CASE("a flush passes over small versions that no reader can tell from a newer one",
          "[memtable]") {
  MemTable memtable(4);
  const auto add = [&](uint32_t offset, uint32_t ordinal) {
    memtable.Add("key", table::Table::HashKey("key"),
                 {table::At(3, offset), nullptr, 300, ordinal, false, false});
  };
  for (const uint32_t offset : {64, 128, 192, 256}) add(offset, kNoOrdinal);
  add(320, 0);
  for (const uint32_t offset : {384, 448}) add(offset, kNoOrdinal);
  std::vector<uint32_t> read;
  const auto offsets = [&](std::vector<Sequence> snapshots) {
    std::vector<uint32_t> seen;
    read.clear();
    const auto source = NewMemTableSource(memtable, std::move(snapshots),
                                          [&](const MemVersion& version, std::string*) {
                                            read.push_back(log::OffsetOf(version.sequence));
                                            return absl::StatusOr<log::Record>(log::Record{});
                                          });
    for (source->SeekToFirst(); source->Valid(); source->Next()) {
      seen.push_back(log::OffsetOf(source->entry().sequence));
    }
    return seen;
  };
  REQUIRE(offsets({}) == std::vector<uint32_t>{448, 320});
  REQUIRE(read == std::vector<uint32_t>{448});
  // A snapshot at a version sees it, and one between two versions the older of them.
  REQUIRE(offsets({table::At(3, 128), table::At(3, 200), table::At(3, 210)}) ==
          std::vector<uint32_t>{448, 320, 192, 128});
  REQUIRE(offsets({table::At(3, 448)}) == std::vector<uint32_t>{448, 320});
  REQUIRE(offsets({table::At(3, 447)}) == std::vector<uint32_t>{448, 384, 320});
}

TEST_CASE("a memtable's keys that tables have already are counted by a sample", "[memtable]") {
  BlockCache cache(1 << 20);
  std::vector<Row> rows;
  for (uint64_t i = 0; i < 2000; ++i)
    rows.push_back(table::Inline(fmt::format("k{:05}", i), 1, "v"));
  Family family;
  family.levels[kBottomLevel] = MakeLevel(rows, 500, cache);
  const auto share_of = [&](uint64_t first, uint64_t last) {
    MemTable memtable(4);
    for (uint64_t i = first; i < last; ++i) Add(memtable, fmt::format("k{:05}", i), i + 1);
    return ReplacedShare(memtable, family);
  };
  REQUIRE(share_of(0, 2000) == 1.0);
  REQUIRE(share_of(2000, 4000) < 0.1);  // Filters err now and then.
  REQUIRE(share_of(1000, 3000) > 0.4);
  REQUIRE(share_of(1000, 3000) < 0.6);
  REQUIRE(share_of(0, 0) == 0);
}

}  // namespace nokv::lsm
