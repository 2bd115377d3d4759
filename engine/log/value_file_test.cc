#include "engine/log/value_file.h"

#include "engine/base/random.h"
#include "engine/log/test_log.h"

#include <map>

namespace nokv::log {
namespace {

constexpr uint32_t kNumber = 7;

struct Moved {
  Position original;
  std::string record;
};

// Segment, then ordinal.
using Contents = std::map<uint32_t, std::map<uint32_t, Moved>>;

std::string PathOf(uint32_t number) { return vfs::JoinPath(kTestDirectory, ValueFileName(number)); }

void Build(vfs::FileSystem& files, const Contents& contents) {
  auto file = Value(files.Create(PathOf(kNumber)));
  auto builder = Value(ValueFileBuilder::Start(
      *file, {kValuesMagic, kNumber, 0xb007, kTestDatabase, MakePosition(3, 64)}));
  for (const auto& [segment, values] : contents) {
    for (const auto& [ordinal, moved] : values) {
      REQUIRE_OK(builder->Add(segment, ordinal, moved.original, moved.record));
    }
  }
  REQUIRE_OK(builder->Finish());
  REQUIRE(builder->size_bytes() == Value(files.FileSize(PathOf(kNumber))));
}

absl::StatusOr<std::shared_ptr<const ValueFile>> Open(vfs::FileSystem& files, bool map = true) {
  return ValueFile::Open(files, kTestDirectory, kNumber, kTestDatabase, map);
}

Moved MakeRecord(uint32_t segment, uint32_t offset, std::string_view value) {
  const Position position = MakePosition(segment, offset);
  return {position, EncodeDraft(SetFields("key", value, kHasOrdinal), position, 0)};
}

Contents SmallContents() {
  return {{2, {{0, MakeRecord(2, 64, "first")}, {70, MakeRecord(2, 9000, "seventieth")}}},
          {5, {{3, MakeRecord(5, 512, "third")}}}};
}

void RequireReads(const std::shared_ptr<const ValueFile>& file, const Contents& contents) {
  std::vector<uint32_t> segments;
  for (const auto& [segment, values] : contents) {
    segments.push_back(segment);
    const auto host = ValueFile::HostOf(file, segment);
    REQUIRE(host != nullptr);
    std::string scratch;
    for (uint32_t ordinal = 0; ordinal <= values.rbegin()->first + 70; ++ordinal) {
      const auto found = values.find(ordinal);
      Position position = 0;
      if (found == values.end()) {
        REQUIRE(absl::IsDataLoss(host->ReadRaw(ordinal, 64, &position, &scratch).status()));
        REQUIRE(absl::IsDataLoss(host->ReadValue(ordinal, 64, {}, &scratch).status()));
        continue;
      }
      const std::string& bytes = found->second.record;
      const auto size = static_cast<uint32_t>(bytes.size());
      REQUIRE(Value(host->ReadRaw(ordinal, size, &position, &scratch)) == bytes);
      REQUIRE(position == found->second.original);
      const std::string value(Value(PeekRecord(bytes, "f.val", 8)).value);
      REQUIRE(Value(host->ReadValue(ordinal, size, {.verify = true}, &scratch)).value == value);
      REQUIRE(Value(host->ReadValue(ordinal, size, {.verify = false}, &scratch)).value == value);
    }
  }
  REQUIRE(file->Segments() == segments);
}

const char* const kGolden =
    "4e4f4b5656414c0a010000000700000007b00000000000008877665544332211400000000300000000000000"
    "00000000000000000000000000000000646290cb806fa1692000000000000000000000000000010403000000"
    "6b657966697273745c4490a225000000000000000000000000000104030000006b6579736576656e74696574"
    "68000000c63dc24220000000000000000000000000000104030000006b657974686972640200000047000000"
    "0200000000000000010000000000000000000000000000004000000000000000010000000000000040000000"
    "4000000060000000282300000500000004000000010000000000000008000000000000000000000000000000"
    "88000000000200004e4f4b5656494458a800000002000000d025a67b1127b959";

}  // namespace

TEST_CASE("a value file is written byte for byte as version 1 did", "[log][golden]") {
  TestLog log;
  Build(log.files, SmallContents());
  const std::string bytes = Value(vfs::ReadFile(log.files, PathOf(kNumber), 1 << 20));
  REQUIRE(ToHex(bytes) == kGolden);
}

TEST_CASE("values of many segments are found by segment and ordinal", "[log][values]") {
  const uint64_t seed = GENERATE(1, 2, 3, 4, 5);
  const bool map = GENERATE(true, false);
  INFO("seed " << seed);
  Random random(seed);
  Contents contents;
  uint32_t segment = 0;
  for (uint64_t i = 0; i <= random.Uniform(6); ++i) {
    segment += 1 + static_cast<uint32_t>(random.Uniform(40));
    uint32_t offset = kFileHeaderBytes;
    const uint64_t density = 1 + random.Uniform(5);
    const auto ordinals = static_cast<uint32_t>(1 + random.Uniform(400));
    for (uint32_t ordinal = 0; ordinal < ordinals; ++ordinal) {
      if (!random.OneIn(density) && ordinal + 1 < ordinals) continue;
      const std::string value(random.Uniform(700), static_cast<char>('a' + random.Uniform(26)));
      const Moved moved = MakeRecord(segment, offset, value);
      contents[segment][ordinal] = moved;
      offset += static_cast<uint32_t>(AlignRecord(moved.record.size()));
    }
  }
  TestLog log;
  Build(log.files, contents);
  log.files.KillProcess();
  const auto file = Value(Open(log.files, map));
  RequireReads(file, contents);
  REQUIRE(ValueFile::HostOf(file, 0) == nullptr);
  REQUIRE(ValueFile::HostOf(file, segment + 1) == nullptr);
}

TEST_CASE("a host keeps its file open", "[log][values]") {
  TestLog log;
  const Contents contents = SmallContents();
  Build(log.files, contents);
  auto file = Value(Open(log.files));
  const auto host = ValueFile::HostOf(file, 5);
  file.reset();
  std::string scratch;
  const auto size = static_cast<uint32_t>(contents.at(5).at(3).record.size());
  REQUIRE(Value(host->ReadValue(3, size, {}, &scratch)).value == "third");
  REQUIRE(host->file_name() == PathOf(kNumber));
}

TEST_CASE("a value file's bytes are durable once it is finished", "[log][values]") {
  TestLog log;
  Build(log.files, SmallContents());
  REQUIRE_OK(log.files.SyncDirectory(kTestDirectory));
  Random random(1);
  REQUIRE_OK(log.files.SyncDirectory("/"));
  log.files.PowerCut(random, vfs::PowerCutMode::kKeepNothing);
  RequireReads(Value(Open(log.files)), SmallContents());
}

TEST_CASE("no damaged bit of a value file gives a wrong value", "[log][values][damage]") {
  TestLog log;
  const Contents contents = SmallContents();
  Build(log.files, contents);
  const uint64_t size = Value(log.files.FileSize(PathOf(kNumber)));
  uint64_t records_end = kFileHeaderBytes;
  for (const auto& [segment, values] : contents) {
    for (const auto& [ordinal, moved] : values) records_end += AlignRecord(moved.record.size());
  }
  for (uint64_t bit = 0; bit < 8 * size; ++bit) {
    INFO("bit " << bit << " of " << 8 * size << ", index at byte " << records_end);
    REQUIRE_OK(log.files.FlipBit(PathOf(kNumber), bit / 8, static_cast<int>(bit % 8)));
    const auto file = Open(log.files);
    const bool is_in_records = bit / 8 >= kFileHeaderBytes && bit / 8 < records_end;
    REQUIRE(file.ok() == is_in_records);
    if (!file.ok()) {
      REQUIRE(absl::IsDataLoss(file.status()));
    } else {
      int damaged = 0;
      for (const auto& [segment, values] : contents) {
        for (const auto& [ordinal, moved] : values) {
          std::string scratch;
          const auto record =
              ValueFile::HostOf(*file, segment)
                  ->ReadValue(ordinal, static_cast<uint32_t>(moved.record.size()), {}, &scratch);
          if (record.ok()) {
            REQUIRE(record->value == Value(PeekRecord(moved.record, "f.val", 8)).value);
          } else {
            REQUIRE(absl::IsDataLoss(record.status()));
            ++damaged;
          }
        }
      }
      REQUIRE(damaged <= 1);
    }
    REQUIRE_OK(log.files.FlipBit(PathOf(kNumber), bit / 8, static_cast<int>(bit % 8)));
  }
  RequireReads(Value(Open(log.files)), contents);
}

TEST_CASE("a value file that is cut anywhere is damaged", "[log][values][damage]") {
  TestLog log;
  Build(log.files, SmallContents());
  for (uint64_t size = Value(log.files.FileSize(PathOf(kNumber))); size-- > 0;) {
    REQUIRE_OK(log.files.CutAt(PathOf(kNumber), size));
    INFO("cut at " << size);
    REQUIRE(absl::IsDataLoss(Open(log.files).status()));
  }
}

TEST_CASE("a value file of a newer version or another database is refused", "[log][values]") {
  TestLog log;
  Build(log.files, SmallContents());
  REQUIRE(absl::IsDataLoss(
      ValueFile::Open(log.files, kTestDirectory, kNumber, kTestDatabase + 1, true).status()));
  std::string bytes = Value(vfs::ReadFile(log.files, PathOf(kNumber), 1 << 20));
  StoreFixed(bytes.data() + 8, kFormatVersion + 1);
  StoreFixed(bytes.data() + 60, Crc32c({bytes.data(), 60}));
  REQUIRE_OK(vfs::ReplaceFile(log.files, PathOf(kNumber), bytes));
  REQUIRE(absl::IsUnimplemented(Open(log.files).status()));
}

}  // namespace nokv::log
