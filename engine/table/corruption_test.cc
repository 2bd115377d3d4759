// Every answer from a damaged table is an error or right; none is wrong and none crashes. Damage
// that checksums see is made in the file; damage they don't see is fed to the decoders directly.

#include "engine/base/codec.h"
#include "engine/base/crc32c.h"
#include "engine/base/epoch.h"
#include "engine/table/block.h"
#include "engine/table/block_builder.h"
#include "engine/table/block_cursor.h"
#include "engine/table/entry_codec.h"
#include "engine/table/filter.h"
#include "engine/table/index.h"
#include "engine/table/liveness.h"
#include "engine/table/summary.h"
#include "engine/table/table_format.h"
#include "engine/table/test_table.h"

namespace nokv::table {
namespace {

std::vector<Version> SmallVersions() {
  std::vector<Version> versions;
  for (uint32_t i = 0; i < 40; ++i) {
    const std::string key = fmt::format("user{:04}", i / 2);
    if (i % 12 == 0) {
      versions.push_back(Part(key, At(2, 100 - i),
                              {.segment = 2, .ordinal = i, .record_bytes = 900},
                              {.offset = i, .size = 300, .check = i}));
      versions.back().value = std::string(i % 5, 'h');
    } else if (i % 3 == 0) {
      versions.push_back(Handle(key, At(2, 100 - i), {.segment = 2 + i % 2, .ordinal = i}));
    } else if (i % 3 == 1) {
      versions.push_back(Inline(key, At(2, 100 - i), std::string(i, 'v')));
    } else {
      versions.push_back(Deletion(key, At(2, 100 - i)));
    }
  }
  Normalize(&versions);
  return versions;
}

const std::vector<RangeTombstone>& SmallTombstones() {
  static const std::vector<RangeTombstone> tombstones = {{.start = "b", .end = "d", .sequence = 3}};
  return tombstones;
}

BuiltTable SmallTable() {
  return Build(SmallVersions(), SmallTombstones(), {.block_bytes_target = 256});
}

bool IsHonest(const absl::Status& status) {
  return status.code() == absl::StatusCode::kDataLoss ||
         status.code() == absl::StatusCode::kUnimplemented;
}

// Asks `bytes` everything. Counts refusals; fails on a wrong answer.
int Refusals(const std::string& bytes, const BuiltTable& good) {
  static const std::vector<Version> versions = SmallVersions();
  BlockCache cache(1 << 20);
  const auto opened = Open(bytes, cache);
  if (!opened.ok()) {
    REQUIRE(IsHonest(opened.status()));
    return 1;
  }
  const Table& table = **opened;
  int refusals = 0;
  const auto refused = [&refusals](const absl::Status& status) {
    if (status.ok()) return false;
    REQUIRE(IsHonest(status));
    ++refusals;
    return true;
  };
  REQUIRE(table.summary() == good.summary);
  REQUIRE(table.range_tombstones() == SmallTombstones());
  for (const Version& version : versions) {
    const EpochGuard guard;
    Entry entry;
    const auto found =
        table.Get(version.key, Table::HashKey(version.key), version.sequence, &entry);
    if (refused(found.status())) continue;
    REQUIRE(*found);
    REQUIRE(Version::Of(entry) == version);
  }
  for (const bool fill_cache : {true, false}) {
    const auto it = table.NewIterator(fill_cache);
    size_t at = 0;
    for (it->SeekToFirst(); it->Valid(); it->Next(), ++at) {
      REQUIRE(at < versions.size());
      REQUIRE(Version::Of(it->entry()) == versions[at]);
    }
    if (!refused(it->status())) REQUIRE(at == versions.size());
  }
  for (uint32_t segment = 1; segment < 5; ++segment) {
    const auto ordinals = table.LiveOrdinals(segment);
    if (refused(ordinals.status())) continue;
    for (const Version& version : versions) {
      if (version.kind < EntryKind::kHandle || version.handle.segment != segment) continue;
      REQUIRE(std::binary_search(ordinals->begin(), ordinals->end(), version.handle.ordinal));
    }
  }
  refused(table.Verify());
  return refusals;
}

}  // namespace

TEST_CASE("each flipped bit of a table is noticed", "[table][corruption]") {
  const BuiltTable good = SmallTable();
  REQUIRE(Refusals(good.bytes, good) == 0);
  for (size_t at = 0; at < good.bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      CAPTURE(at, bit);
      std::string bytes = good.bytes;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
      REQUIRE(Refusals(bytes, good) > 0);
    }
  }
}

TEST_CASE("a table cut at any length is refused", "[table][corruption]") {
  const BuiltTable good = SmallTable();
  for (size_t size = 0; size < good.bytes.size(); ++size) {
    CAPTURE(size);
    BlockCache cache(1 << 20);
    const auto table = Open(good.bytes.substr(0, size), cache);
    REQUIRE(table.status().code() == absl::StatusCode::kDataLoss);
    REQUIRE(table.status().ToString().find("t.nkt") != std::string::npos);
  }
}

TEST_CASE("zeros and noise over the tail or the middle are noticed", "[table][corruption]") {
  const BuiltTable good = SmallTable();
  Random random(11);
  for (size_t from = 0; from < good.bytes.size(); from += 3) {
    CAPTURE(from);
    std::string zeroed = good.bytes;
    std::fill(zeroed.begin() + static_cast<ptrdiff_t>(from), zeroed.end(), '\0');
    REQUIRE(Refusals(zeroed, good) > 0);
    std::string noisy = good.bytes;
    for (size_t at = from; at < std::min(noisy.size(), from + 64); ++at) {
      noisy[at] = static_cast<char>(random.Next());
    }
    if (noisy != good.bytes) REQUIRE(Refusals(noisy, good) > 0);
  }
}

TEST_CASE("a good block in the place of another is noticed", "[table][corruption]") {
  std::vector<Version> versions;
  for (int i = 0; i < 8; ++i) versions.push_back(Inline(std::string(1, 'a' + i), 5, "same"));
  const BuiltTable good = Build(versions, {}, {.block_bytes_target = 1});
  const size_t block_bytes = good.bytes.find('b') - good.bytes.find('a');
  std::string bytes = good.bytes;
  bytes.replace(0, block_bytes, good.bytes.substr(block_bytes, block_bytes));
  BlockCache cache(1 << 20);
  const auto table = OpenOrDie(bytes, cache);
  const EpochGuard guard;
  Entry entry;
  const auto found = table->Get("a", Table::HashKey("a"), kSequenceMax, &entry);
  REQUIRE(found.status().code() == absl::StatusCode::kDataLoss);
  const std::string message = found.status().ToString();
  INFO(message);
  REQUIRE(message.find("t.nkt") != std::string::npos);
  REQUIRE(message.find("offset 0 ") != std::string::npos);
  REQUIRE(message.find("0x") != message.rfind("0x"));  // Both checksums.
  REQUIRE_FALSE(table->Verify().ok());
}

TEST_CASE("a table of a newer version is refused by naming both", "[table][corruption]") {
  Footer empty;
  std::string footer = EncodeFooter(empty);
  // Another version with another footer, made by its own rules: only the tail is common.
  std::string newer = "whatever the future needs" + footer.substr(footer.size() - 20);
  StoreFixed<uint32_t>(newer.data() + newer.size() - 20, static_cast<uint32_t>(newer.size()));
  StoreFixed<uint32_t>(newer.data() + newer.size() - 16, 7);
  std::string sealed = newer.substr(0, newer.size() - 12);
  PutFixed<uint64_t>(sealed, 0);  // The footer's offset.
  StoreFixed<uint32_t>(newer.data() + newer.size() - 12, Crc32c(sealed));
  BlockCache cache(1 << 20);
  const auto table = Open(newer, cache);
  REQUIRE(table.status().code() == absl::StatusCode::kUnimplemented);
  const std::string message = table.status().ToString();
  REQUIRE(message.find("version 7") != std::string::npos);
  REQUIRE(message.find("up to 2") != std::string::npos);
}

TEST_CASE("an unknown compression is refused as such", "[table][corruption]") {
  std::string block = "content";
  block.push_back('\1');
  std::string placed = block;
  PutFixed<uint64_t>(placed, 40);
  PutFixed<uint32_t>(block, Crc32c(placed));
  REQUIRE(OpenBlock(block, 40, "t").status().code() == absl::StatusCode::kUnimplemented);
  REQUIRE(OpenBlock(block, 41, "t").status().code() == absl::StatusCode::kDataLoss);
}

namespace {

// Walks a block in every way; only the sanitizers judge what it says.
void Exercise(const std::string& content) {
  BlockRef block = Block::Parse(content);
  if (!block) return;
  Entry entry;
  for (const std::string_view key :
       {"", "user0003", "zzz", "\xff\xff\xff\xff\xff\xff\xff\xff\xff"}) {
    block->Find(key, kSequenceMax, &entry);
    block->Find(key, 5, &entry);
  }
  BlockCursor cursor;
  cursor.Reset(std::move(block));
  size_t count = 0;
  for (cursor.SeekToFirst(); cursor.valid(); cursor.Next()) ++count;
  for (cursor.SeekToLast(); cursor.valid(); cursor.Prev()) --count;
  REQUIRE(count == 0);
  cursor.Seek("user0003", 7);
  cursor.Seek("", 7);
}

std::string Mutated(Random& random, std::string bytes) {
  const uint64_t changes = 1 + random.Uniform(3);
  for (uint64_t i = 0; i < changes && !bytes.empty(); ++i) {
    const size_t at = random.Uniform(bytes.size());
    switch (random.Uniform(4)) {
      case 0:
        bytes[at] = static_cast<char>(random.Next());
        break;
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.Uniform(8)));
        break;
      case 2:
        bytes.erase(at, 1 + random.Uniform(4));
        break;
      default:
        bytes.insert(at, 1 + random.Uniform(4), random.OneIn(2) ? '\xff' : '\0');
    }
  }
  return bytes;
}

}  // namespace

TEST_CASE("a head is not longer than its part, and not than 64 bytes", "[table][corruption]") {
  const auto decodes = [](uint32_t part_bytes, size_t head_bytes) {
    Version version = Part("k", At(2, 64), {.segment = 2, .ordinal = 1, .record_bytes = 900},
                           {.offset = 0, .size = part_bytes, .check = 7});
    version.value = std::string(head_bytes, 'h');
    std::string bytes;
    EncodeEntry(version.entry(), 0, bytes);
    const std::string body = bytes.substr(3 + 1);
    Entry entry;
    return DecodeEntryBody(std::string_view(body + std::string(8, '\0')).substr(0, body.size()),
                           &entry) &&
           entry.value == version.value;
  };
  for (const size_t size : {0, 1, 13, 64}) REQUIRE(decodes(300, size));
  REQUIRE_FALSE(decodes(300, 65));
  REQUIRE(decodes(13, 13));
  REQUIRE_FALSE(decodes(12, 13));
  REQUIRE_FALSE(decodes(0, 1));
}

TEST_CASE("no content crashes a decoder, whatever its checksum says", "[table][corruption]") {
  constexpr uint64_t kSeed = 5;
  Random random(kSeed);
  BlockBuilder builder;
  std::string last;
  for (const Version& version : SmallVersions()) {
    size_t shared = 0;
    while (shared < last.size() && last[shared] == version.key[shared]) ++shared;
    builder.Add(version.entry(), shared);
    last = version.key;
  }
  const std::string block = builder.Finish();
  REQUIRE(Block::Parse(block));

  IndexBuilder index_builder;
  for (const Version& version : SmallVersions()) {
    index_builder.Add(version.key, version.sequence, 1000);
  }
  const std::string index = index_builder.Finish();
  const Section data = {.offset = 0, .size_bytes = 40 * (1000 + kBlockTrailerBytes)};
  REQUIRE(Index::Decode(index, data).has_value());

  LivenessBuilder liveness_builder;
  for (uint32_t i = 0; i < 100; ++i) liveness_builder.Add({.segment = i / 30, .ordinal = i * 7});
  const LivenessBuilder::Result live = liveness_builder.Finish(0);
  const Section liveness = {.offset = 0, .size_bytes = live.blocks.size()};
  REQUIRE(LivenessDirectory::Decode(live.directory, liveness).has_value());

  TableSummary summary = SmallTable().summary;
  const std::string filter = BuildFilter(std::vector<uint64_t>{1, 2, 3}, 10);
  for (int i = 0; i < 20'000; ++i) {
    CAPTURE(i);
    Exercise(Mutated(random, block));
    if (const auto decoded = Index::Decode(Mutated(random, index), data)) {
      decoded->Find("user0003", 7);
    }
    LivenessDirectory::Decode(Mutated(random, live.directory), liveness);
    DecodeOrdinals(Mutated(random, live.blocks), static_cast<uint32_t>(random.Uniform(200)));
    DecodeSummary(Mutated(random, EncodeSummary(summary)));
    DecodeTombstones(Mutated(random, EncodeTombstones(SmallTombstones())));
    if (const auto decoded = Filter::Decode(Mutated(random, filter))) {
      decoded->MayContain(random.Next());
    }
  }
}

TEST_CASE("verification finds what checksums can't see", "[table][corruption]") {
  const BuiltTable good = SmallTable();
  const auto with_section = [&](auto choose, auto change) {
    StringFile file(good.bytes);
    const Footer footer = *ReadFooter(file, "t");
    const Section section = choose(footer);
    std::string content =
        good.bytes.substr(section.offset, section.size_bytes - kBlockTrailerBytes);
    change(content);
    SealBlock(content, section.offset);
    REQUIRE(content.size() == section.size_bytes);
    return std::string(good.bytes).replace(section.offset, content.size(), content);
  };
  const auto verdict = [&](const std::string& bytes) {
    REQUIRE(bytes != good.bytes);
    BlockCache cache(1 << 20);
    return OpenOrDie(bytes, cache)->Verify();
  };

  SECTION("a summary that counts one entry too many") {
    const absl::Status status =
        verdict(with_section([](const Footer& footer) { return footer.summary; },
                             [](std::string& content) { ++content[0]; }));
    REQUIRE(status.ToString().find("summary") != std::string::npos);
  }
  SECTION("a filter that denies every key") {
    const absl::Status status = verdict(with_section(
        [](const Footer& footer) { return footer.filter; },
        [](std::string& content) { std::fill(content.begin(), content.end() - 2, 0); }));
    REQUIRE(status.ToString().find("filter") != std::string::npos);
  }
  SECTION("liveness that names another ordinal") {
    const absl::Status status = verdict(with_section(
        [&](const Footer& footer) {
          StringFile file(good.bytes);
          std::string scratch;
          const auto content = ReadBlock(file, "t", footer.directory, &scratch);
          return LivenessDirectory::Decode(*content, footer.liveness)->blocks[0];
        },
        [](std::string& content) { ++content.back(); }));
    REQUIRE(status.ToString().find("liveness") != std::string::npos);
  }
  SECTION("an entry out of order") {
    const absl::Status status = verdict(with_section(
        [&](const Footer& footer) {
          StringFile file(good.bytes);
          std::string scratch;
          return Index::Decode(*ReadBlock(file, "t", footer.index, &scratch), footer.data)
              ->block(0);
        },
        [](std::string& content) { content.replace(content.find("user0004"), 8, "user0001"); }));
    REQUIRE(status.ToString().find("out of order") != std::string::npos);
  }
}

}  // namespace nokv::table
