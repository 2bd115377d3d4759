#include "engine/table/table.h"

#include "engine/base/epoch.h"
#include "engine/table/test_table.h"

#include <map>
#include <set>

namespace nokv::table {
namespace {

std::optional<Version> Get(const Table& table, const std::string& key, Sequence bound) {
  const EpochGuard guard;
  Entry entry;
  const absl::StatusOr<bool> found = table.Get(key, Table::HashKey(key), bound, &entry);
  REQUIRE_OK(found.status());
  if (!*found) return std::nullopt;
  return Version::Of(entry);
}

std::vector<Version> ReadForward(const Table& table, bool fill_cache = true) {
  std::vector<Version> versions;
  const auto it = table.NewIterator(fill_cache);
  for (it->SeekToFirst(); it->Valid(); it->Next()) versions.push_back(Version::Of(it->entry()));
  REQUIRE_OK(it->status());
  return versions;
}

std::vector<Version> ReadBackward(const Table& table, bool fill_cache = true) {
  std::vector<Version> versions;
  const auto it = table.NewIterator(fill_cache);
  for (it->SeekToLast(); it->Valid(); it->Prev()) versions.push_back(Version::Of(it->entry()));
  REQUIRE_OK(it->status());
  std::reverse(versions.begin(), versions.end());
  return versions;
}

// What a random table is made of.
struct Shape {
  BuilderOptions options = {};
  int keys = 100;
  uint64_t alphabet = 4;
  uint64_t key_bytes_max = 12;
  uint64_t versions_max = 4;
  uint64_t value_bytes_max = 40;
  uint64_t cache_bytes = 1 << 20;
};

std::string RandomKey(Random& random, const Shape& shape) {
  std::string key;
  const uint64_t size = random.Uniform(shape.key_bytes_max + 1);
  // High bytes and zeros must order as unsigned and not end strings.
  for (uint64_t i = 0; i < size; ++i) {
    const auto letter = random.Uniform(shape.alphabet);
    key.push_back(letter == 0 ? '\0' : letter == 1 ? '\xff' : static_cast<char>('a' + letter));
  }
  return key;
}

Version RandomVersion(Random& random, const Shape& shape, std::string key) {
  Version version = {.key = std::move(key),
                     .sequence = At(static_cast<uint32_t>(1 + random.Uniform(5)),
                                    static_cast<uint32_t>(random.Uniform(1000)))};
  version.kind = static_cast<EntryKind>(random.Uniform(4));
  if (random.OneIn(4)) version.expiry_ms = 1 + random.Uniform(1'700'000'000'000);
  if (version.kind == EntryKind::kInline) {
    version.value = std::string(random.Uniform(shape.value_bytes_max + 1),
                                static_cast<char>('A' + random.Uniform(26)));
  } else if (version.kind != EntryKind::kDelete) {
    version.handle = {.segment = static_cast<uint32_t>(random.Uniform(8)),
                      .ordinal = static_cast<uint32_t>(random.Next()),
                      .record_bytes = static_cast<uint32_t>(random.Uniform(1 << 20))};
  }
  if (version.kind == EntryKind::kPart) {
    version.part = {.offset = static_cast<uint32_t>(random.Next() >> random.Uniform(32)),
                    .size = static_cast<uint32_t>(random.Next() >> random.Uniform(32)),
                    .check = static_cast<uint32_t>(random.Next())};
    version.value = std::string(std::min<uint64_t>(version.part.size, random.Uniform(65)), 'h');
  }
  return version;
}

std::vector<Version> RandomVersions(Random& random, const Shape& shape) {
  std::vector<Version> versions;
  for (int i = 0; i < shape.keys; ++i) {
    const std::string key = RandomKey(random, shape);
    const uint64_t count = 1 + random.Uniform(shape.versions_max);
    for (uint64_t n = 0; n < count; ++n) {
      versions.push_back(RandomVersion(random, shape, key));
    }
  }
  Normalize(&versions);
  return versions;
}

void CheckGets(const Table& table, const std::vector<Version>& versions, Random& random,
               const Shape& shape) {
  for (const Version& version : versions) {
    for (const Sequence bound :
         {version.sequence, version.sequence - 1, version.sequence + 1, kSequenceMax}) {
      REQUIRE(Get(table, version.key, bound) == Expected(versions, version.key, bound));
    }
  }
  for (int i = 0; i < 200; ++i) {
    const std::string key = RandomKey(random, shape);
    const Sequence bound = random.OneIn(2) ? kSequenceMax : At(3, 500);
    REQUIRE(Get(table, key, bound) == Expected(versions, key, bound));
  }
}

// Random moves of an iterator beside an index into the model.
void CheckMoves(const Table& table, const std::vector<Version>& versions, Random& random,
                const Shape& shape) {
  const auto it = table.NewIterator(random.OneIn(2));
  auto at = versions.end();
  for (int i = 0; i < 500; ++i) {
    const uint64_t move = random.Uniform(at == versions.end() ? 3 : 10);
    if (move == 0) {
      it->SeekToFirst();
      at = versions.begin();
    } else if (move == 1) {
      it->SeekToLast();
      at = versions.empty() ? versions.end() : versions.end() - 1;
    } else if (move == 2 || move == 3) {
      const std::string key = random.OneIn(2) || versions.empty()
                                  ? RandomKey(random, shape)
                                  : versions[random.Uniform(versions.size())].key;
      const Sequence sequence = random.OneIn(2) ? kSequenceMax : At(3, 500);
      it->Seek(key, sequence);
      at = std::lower_bound(versions.begin(), versions.end(), Deletion(key, sequence));
    } else if (move < 7) {
      it->Next();
      ++at;
    } else {
      it->Prev();
      at = at == versions.begin() ? versions.end() : at - 1;
    }
    REQUIRE_OK(it->status());
    REQUIRE(it->Valid() == (at != versions.end()));
    if (it->Valid()) REQUIRE(Version::Of(it->entry()) == *at);
  }
}

void CheckLiveOrdinals(const Table& table, const std::vector<Version>& versions) {
  std::map<uint32_t, std::set<uint32_t>> live;
  for (const Version& version : versions) {
    if (version.kind >= EntryKind::kHandle) {
      live[version.handle.segment].insert(version.handle.ordinal);
    }
  }
  REQUIRE(table.summary().segments.size() == live.size());
  for (uint32_t segment = 0; segment < 10; ++segment) {
    const auto ordinals = table.LiveOrdinals(segment);
    REQUIRE_OK(ordinals.status());
    REQUIRE(std::set<uint32_t>(ordinals->begin(), ordinals->end()) == live[segment]);
    REQUIRE(ordinals->size() == live[segment].size());
  }
}

void CheckRandomTable(uint64_t seed, const Shape& shape) {
  CAPTURE(seed);
  Random random(seed);
  const std::vector<Version> versions = RandomVersions(random, shape);
  const BuiltTable built = Build(versions, {}, shape.options);
  BlockCache cache(shape.cache_bytes);
  const auto table = OpenOrDie(built.bytes, cache);
  REQUIRE(table->summary() == built.summary);
  REQUIRE_OK(table->Verify());
  for (const bool fill_cache : {true, false}) {
    REQUIRE(ReadForward(*table, fill_cache) == versions);
    REQUIRE(ReadBackward(*table, fill_cache) == versions);
  }
  CheckGets(*table, versions, random, shape);
  CheckMoves(*table, versions, random, shape);
  CheckLiveOrdinals(*table, versions);
}

}  // namespace

TEST_CASE("a table answers as a sorted list of its versions does", "[table]") {
  for (uint64_t seed = 1; seed <= 20; ++seed) CheckRandomTable(seed, {});
}

TEST_CASE("versions of one key that span blocks are found in the right one", "[table]") {
  Shape shape = {.keys = 5, .alphabet = 2, .key_bytes_max = 2, .versions_max = 300};
  shape.options.block_bytes_target = 128;
  for (uint64_t seed = 100; seed < 115; ++seed) CheckRandomTable(seed, shape);
}

TEST_CASE("tiny blocks and a cache without room change no answer", "[table]") {
  Shape shape = {.keys = 150, .cache_bytes = 0};
  shape.options.block_bytes_target = 1;
  for (uint64_t seed = 200; seed < 210; ++seed) CheckRandomTable(seed, shape);
}

TEST_CASE("values larger than a block get blocks of their own size", "[table]") {
  Shape shape = {.keys = 30, .versions_max = 2, .value_bytes_max = 50'000, .cache_bytes = 100'000};
  shape.options.block_bytes_target = 512;
  for (uint64_t seed = 300; seed < 305; ++seed) CheckRandomTable(seed, shape);
}

TEST_CASE("a table without a filter answers the same", "[table]") {
  Shape shape;
  shape.options.filter_bits_per_key = 0;
  CheckRandomTable(400, shape);
}

TEST_CASE("keys of 160 KiB that differ only at their ends are told apart", "[table]") {
  std::vector<Version> versions;
  const std::string front(160 << 10, 'k');
  for (int i = 0; i < 6; ++i) {
    for (Sequence sequence = 1; sequence <= 3; ++sequence) {
      versions.push_back(Inline(front + static_cast<char>('0' + i), sequence, "v"));
    }
  }
  versions.push_back(Inline(front, 9, "the shortest"));
  Normalize(&versions);
  const BuiltTable built = Build(versions);
  BlockCache cache(1 << 20);
  const auto table = OpenOrDie(built.bytes, cache);
  REQUIRE_OK(table->Verify());
  REQUIRE(ReadForward(*table) == versions);
  REQUIRE(ReadBackward(*table) == versions);
  for (const Version& version : versions) {
    REQUIRE(Get(*table, version.key, version.sequence) == version);
  }
  REQUIRE(Get(*table, front + "3x", kSequenceMax) == std::nullopt);
}

TEST_CASE("an empty table has nothing and says so", "[table]") {
  const BuiltTable built = Build({});
  BlockCache cache(1 << 20);
  const auto table = OpenOrDie(built.bytes, cache);
  REQUIRE_OK(table->Verify());
  REQUIRE(ReadForward(*table).empty());
  REQUIRE(ReadBackward(*table).empty());
  REQUIRE(Get(*table, "", kSequenceMax) == std::nullopt);
  const auto it = table->NewIterator();
  it->Seek("a", kSequenceMax);
  REQUIRE_FALSE(it->Valid());
  REQUIRE_OK(it->status());
}

TEST_CASE("a table of range tombstones alone spans what they span", "[table]") {
  const std::vector<RangeTombstone> added = {{.start = "m", .end = "z", .sequence = 5},
                                             {.start = "c", .end = "f", .sequence = 7},
                                             {.start = "m", .end = "p", .sequence = 9}};
  const BuiltTable built = Build({}, added);
  BlockCache cache(1 << 20);
  const auto table = OpenOrDie(built.bytes, cache);
  REQUIRE_OK(table->Verify());
  REQUIRE(table->range_tombstones() == std::vector<RangeTombstone>{added[1], added[2], added[0]});
  REQUIRE(table->summary().range_tombstones == 3);
  REQUIRE(table->summary().smallest_key == "c");
  REQUIRE(table->summary().largest_key == "z");
  REQUIRE(table->summary().sequence_min == 5);
  REQUIRE(table->summary().sequence_max == 9);
}

TEST_CASE("the summary counts what a manifest needs", "[table]") {
  Version expiring = Inline("c", At(2, 7), "v");
  expiring.expiry_ms = 500;
  Version expiring_earlier = Deletion("d", At(1, 1));
  expiring_earlier.expiry_ms = 400;
  const std::vector<Version> versions = {
      Handle("a", At(3, 9), {.segment = 3, .ordinal = 1, .record_bytes = 100}),
      Handle("a", At(3, 4), {.segment = 1, .ordinal = 7, .record_bytes = 30}),
      Handle("b", At(3, 5), {.segment = 3, .ordinal = 0, .record_bytes = 11}), expiring,
      expiring_earlier};
  const TableSummary summary = Build(versions, {{.start = "A", .end = "B", .sequence = 1}}).summary;
  REQUIRE(summary.entries == 5);
  REQUIRE(summary.tombstones == 1);
  REQUIRE(summary.range_tombstones == 1);
  REQUIRE(summary.expiring == 2);
  REQUIRE(summary.expiry_ms_min == 400);
  REQUIRE(summary.sequence_min == 1);
  REQUIRE(summary.sequence_max == At(3, 9));
  REQUIRE(summary.smallest_key == "A");
  REQUIRE(summary.largest_key == "d");
  REQUIRE(summary.segments ==
          std::vector<SegmentReference>{{.segment = 1, .values = 1, .record_bytes = 30},
                                        {.segment = 3, .values = 2, .record_bytes = 111}});
}

TEST_CASE("a value that two entries share is live once", "[table]") {
  const ValueHandle handle = {.segment = 4, .ordinal = 9, .record_bytes = 50};
  const BuiltTable built = Build({Handle("a", 2, handle), Handle("b", 3, handle)});
  BlockCache cache(1 << 20);
  const auto table = OpenOrDie(built.bytes, cache);
  REQUIRE_OK(table->Verify());
  REQUIRE(*table->LiveOrdinals(4) == std::vector<uint32_t>{9});
  REQUIRE(table->summary().segments ==
          std::vector<SegmentReference>{{.segment = 4, .values = 1, .record_bytes = 50}});
}

TEST_CASE("extreme numbers survive the table", "[table]") {
  Version version =
      Handle("k", kSequenceMax, {.segment = 0, .ordinal = UINT32_MAX, .record_bytes = UINT32_MAX});
  version.expiry_ms = UINT64_MAX;
  Version other = Handle("k", 0, {.segment = UINT32_MAX, .ordinal = 0, .record_bytes = 0});
  const std::vector<Version> versions = {version, other};
  const BuiltTable built = Build(versions);
  BlockCache cache(1 << 20);
  const auto table = OpenOrDie(built.bytes, cache);
  REQUIRE_OK(table->Verify());
  REQUIRE(ReadForward(*table) == versions);
  REQUIRE(*table->LiveOrdinals(0) == std::vector<uint32_t>{UINT32_MAX});
  REQUIRE(*table->LiveOrdinals(UINT32_MAX) == std::vector<uint32_t>{0});
}

TEST_CASE("a builder reports a failed disk when it finishes", "[table]") {
  for (const bool at_sync : {false, true}) {
    StringWriter file;
    file.fails = !at_sync;
    file.sync_fails = at_sync;
    TableBuilder builder({}, file);
    REQUIRE(builder.empty());
    for (int i = 0; i < 100'000; ++i) builder.Add(Deletion(fmt::format("{:08}", i), 1).entry());
    REQUIRE_FALSE(builder.empty());
    REQUIRE(builder.Finish().status().code() == absl::StatusCode::kInternal);
  }
}

TEST_CASE("verification reports each byte of the file once", "[table]") {
  std::vector<Version> versions;
  for (uint32_t i = 0; i < 1000; ++i) {
    versions.push_back(Handle(fmt::format("{:05}", i), At(1, i), {.segment = 1, .ordinal = i}));
  }
  const BuiltTable built = Build(versions);
  BlockCache cache(1 << 20);
  const auto table = OpenOrDie(built.bytes, cache);
  uint64_t reported = 0;
  REQUIRE_OK(table->Verify([&](uint64_t bytes) { reported += bytes; }));
  REQUIRE(reported == built.bytes.size());
}

}  // namespace nokv::table
