#include "engine/log/segment.h"

#include "engine/log/test_log.h"

namespace nokv::log {
namespace {

struct Stored {
  uint32_t ordinal;
  uint32_t record_bytes;
  Position position;
  std::string value;
};

// Fills the active segment with `count` values.
std::vector<Stored> Fill(TestLog& log, int count) {
  std::vector<Stored> stored;
  for (int i = 0; i < count; ++i) {
    log.Set("small");
    std::string value(300 + static_cast<size_t>(i), static_cast<char>('a' + i % 26));
    const Position position = log.Set("key", value, kHasOrdinal);
    stored.push_back({log.writer->active()->ordinal_count() - 1,
                      static_cast<uint32_t>(kRecordHeaderBytes + 3 + value.size()), position,
                      std::move(value)});
  }
  return stored;
}

std::shared_ptr<Segment> OpenSegment(TestLog& log, uint32_t number,
                                     const Segment::OpenOptions& options) {
  return Value(Segment::Open(log.files, kTestDirectory, number, options));
}

// By offset, as memtables do: at any time.
void RequireReadsAt(const Segment& segment, const std::vector<Stored>& stored) {
  std::string scratch;
  for (const Stored& value : stored) {
    const Record record =
        Value(segment.ReadAt(OffsetOf(value.position), value.record_bytes, &scratch));
    REQUIRE(record.key == "key");
    REQUIRE(record.value == value.value);
  }
}

// And by ordinal, as tables do: once the segment is sealed.
void RequireReads(const Segment& segment, const std::vector<Stored>& stored) {
  RequireReadsAt(segment, stored);
  std::string scratch;
  for (const Stored& value : stored) {
    for (const bool verify : {true, false}) {
      const Record record =
          Value(segment.ReadValue(value.ordinal, value.record_bytes, {.verify = verify}, &scratch));
      REQUIRE(record.value == value.value);
      REQUIRE(record.key == "key");
    }
    Position position = 0;
    const std::string_view raw =
        Value(segment.ReadRaw(value.ordinal, value.record_bytes, &position, &scratch));
    REQUIRE(raw.size() == value.record_bytes);
    REQUIRE(position == value.position);
  }
  REQUIRE(absl::IsDataLoss(
      segment.ReadValue(static_cast<uint32_t>(stored.size()), 100, {}, &scratch).status()));
}

}  // namespace

TEST_CASE("a segment is read while it is written, once it is sealed, and after reopening",
          "[log][segment]") {
  const bool map = GENERATE(true, false);
  TestLog log;
  log.Start(1, 16 << 10, map);
  const std::vector<Stored> stored = Fill(log, 10);
  const std::shared_ptr<Segment> written = log.writer->active();
  RequireReadsAt(*written, stored);
  REQUIRE_FALSE(written->sealed());

  log.Roll();
  REQUIRE(written->sealed());
  RequireReads(*written, stored);
  log.Sync();
  RequireReads(*written, stored);
  REQUIRE(Value(log.files.FileSize(log.PathOf(1))) == written->size_bytes());

  for (const bool map_again : {true, false}) {
    const auto opened =
        OpenSegment(log, 1, {.database_id = kTestDatabase, .read_only = true, .map = map_again});
    REQUIRE(opened->sealed());
    REQUIRE(opened->ordinal_count() == 10);
    REQUIRE(opened->size_bytes() == written->size_bytes());
    REQUIRE(opened->boot_id() == log.files.BootId());
    RequireReads(*opened, stored);
  }
}

TEST_CASE("a seal is written byte for byte as version 1 did", "[log][segment][golden]") {
  TestLog log;
  log.Start();
  log.Set("key");
  log.Set("key", "first", kHasOrdinal);
  log.Set("key", "second", kHasOrdinal);
  const uint32_t footer = OffsetOf(log.writer->active()->NextPosition());
  log.Roll();
  log.Sync();
  const std::string bytes = Value(vfs::ReadFile(log.files, log.PathOf(1), 1 << 20));
  REQUIRE(footer == 168);
  REQUIRE(ToHex(std::string_view(bytes).substr(footer)) ==
          "0cae49bc200000000000000001000000000006000000000060000000800000004e4f4b565345414c"
          "a800000002000000b2dbb8ba00000000");
  REQUIRE(OpenSegment(log, 1, {.database_id = kTestDatabase})->ordinal_count() == 2);
}

TEST_CASE("a segment without values seals and opens too", "[log][segment]") {
  TestLog log;
  log.Start();
  log.Roll();
  log.Sync();
  const auto opened = OpenSegment(log, 1, {.database_id = kTestDatabase});
  REQUIRE(opened->sealed());
  REQUIRE(opened->size_bytes() == kFileHeaderBytes + Segment::FooterBytes(0));
  RequireReads(*opened, {});
}

TEST_CASE("a segment has room for its footer whatever is appended", "[log][segment]") {
  const uint64_t capacity = GENERATE(4096, 4096 + 8, 5000);
  TestLog log;
  log.Start(1, capacity);
  const std::string value(100, 'v');
  int count = 0;
  while (log.writer->active()->HasRoom(AlignRecord(kRecordHeaderBytes + 3 + 100), 1)) {
    log.Set("key", value, kHasOrdinal);
    ++count;
  }
  REQUIRE(count > 20);
  const std::shared_ptr<Segment> full = log.writer->active();
  log.Roll();
  REQUIRE(full->size_bytes() <= capacity);
  log.Sync();
  REQUIRE(OpenSegment(log, 1, {.database_id = kTestDatabase})->ordinal_count() ==
          static_cast<uint32_t>(count));
}

TEST_CASE("a sealed segment that was cut is not sealed", "[log][segment][damage]") {
  TestLog log;
  log.Start();
  Fill(log, 3);
  log.Roll();
  log.Sync();
  const uint64_t size = Value(log.files.FileSize(log.PathOf(1)));
  for (const uint64_t cut : {size - 1, size - 8, size - kTrailerBytes, uint64_t{200}}) {
    const auto files = log.files.Clone();
    REQUIRE_OK(files->CutAt(log.PathOf(1), cut));
    const auto segment =
        Value(Segment::Open(*files, kTestDirectory, 1, {.database_id = kTestDatabase}));
    INFO("cut at " << cut);
    REQUIRE_FALSE(segment->sealed());
  }
  REQUIRE_OK(log.files.CutAt(log.PathOf(1), kFileHeaderBytes - 1));
  REQUIRE(absl::IsDataLoss(
      Segment::Open(log.files, kTestDirectory, 1, {.database_id = kTestDatabase}).status()));
}

TEST_CASE("no damaged bit of footer or trailer gives a wrong value", "[log][segment][damage]") {
  TestLog log;
  log.Start();
  const std::vector<Stored> stored = Fill(log, 3);
  const std::shared_ptr<Segment> written = log.writer->active();
  const uint64_t footer = OffsetOf(written->NextPosition());
  log.Roll();
  log.Sync();
  for (uint64_t bit = 8 * footer; bit < 8 * written->size_bytes(); ++bit) {
    const uint64_t offset = bit / 8;
    REQUIRE_OK(log.files.FlipBit(log.PathOf(1), offset, static_cast<int>(bit % 8)));
    INFO("bit " << bit << ", footer at byte " << footer);
    const auto opened = Segment::Open(log.files, kTestDirectory, 1, {.database_id = kTestDatabase});
    if (!opened.ok()) {
      REQUIRE(absl::IsDataLoss(opened.status()));
    } else if ((*opened)->sealed()) {
      std::string scratch;
      const auto record = (*opened)->ReadValue(1, stored[1].record_bytes, {}, &scratch);
      if (record.ok()) {
        REQUIRE(record->value == stored[1].value);  // Padding, or the reserved bytes.
      } else {
        REQUIRE(absl::IsDataLoss(record.status()));
      }
    }
    REQUIRE_OK(log.files.FlipBit(log.PathOf(1), offset, static_cast<int>(bit % 8)));
  }
}

TEST_CASE("a value read with the wrong length or after damage is an error", "[log][segment]") {
  TestLog log;
  log.Start();
  const std::vector<Stored> stored = Fill(log, 2);
  log.Roll();
  log.Sync();
  const auto segment = OpenSegment(log, 1, {.database_id = kTestDatabase});
  std::string scratch;
  const auto read = [&](uint32_t record_bytes) {
    return segment->ReadValue(1, record_bytes, {}, &scratch).status();
  };
  REQUIRE_OK(read(stored[1].record_bytes));
  REQUIRE(absl::IsDataLoss(read(stored[1].record_bytes - 1)));
  REQUIRE(absl::IsDataLoss(read(stored[1].record_bytes + 8)));
  REQUIRE(absl::IsDataLoss(read(3)));
  REQUIRE(absl::IsDataLoss(read(1 << 20)));
  log.FlipBit(stored[1].position + 100);
  const absl::Status damaged = read(stored[1].record_bytes);
  REQUIRE(absl::IsDataLoss(damaged));
  REQUIRE_THAT(std::string(damaged.message()),
               Catch::Contains(fmt::format("000001.log at {}", OffsetOf(stored[1].position))));
}

TEST_CASE("sizes that are damaged after a value was checked are an error",
          "[log][segment][damage]") {
  const bool map = GENERATE(true, false);
  TestLog log;
  log.Start();
  const std::vector<Stored> stored = Fill(log, 1);
  log.Roll();
  log.Sync();
  const auto segment = OpenSegment(log, 1, {.database_id = kTestDatabase, .map = map});
  const uint32_t size = stored[0].record_bytes;
  std::string scratch;
  constexpr uint32_t kLengthAt = 4;
  constexpr uint32_t kKeySizeAt = 20;
  REQUIRE_OK(segment->ReadValue(0, size, {.verify = true, .again = false}, &scratch).status());
  for (int bit = 0; bit < 32; ++bit) {
    INFO("bit " << bit);
    const auto flip = [&](uint32_t at) {
      log.FlipBit(stored[0].position + at + static_cast<uint32_t>(bit / 8), bit % 8);
    };
    flip(kLengthAt);
    for (const bool verify : {true, false}) {
      const auto read = segment->ReadValue(0, size, {.verify = verify, .again = false}, &scratch);
      REQUIRE(absl::IsDataLoss(read.status()));
    }
    REQUIRE(
        absl::IsDataLoss(segment->ReadAt(OffsetOf(stored[0].position), size, &scratch).status()));
    flip(kLengthAt);
    flip(kKeySizeAt);
    const auto read = segment->ReadValue(0, size, {.verify = true, .again = false}, &scratch);
    // The key that comes with the value tells the reader.
    REQUIRE((absl::IsDataLoss(read.status()) || read->key != "key"));
    flip(kKeySizeAt);
  }
}

TEST_CASE("a segment that recovery ends is sealed at the end of its records", "[log][segment]") {
  const bool map = GENERATE(true, false);
  TestLog log;
  log.Start(1, 16 << 10, map);
  const std::vector<Stored> stored = Fill(log, 4);
  const Position end = log.writer->appended();
  log.Set("cut", "this is cut");
  log.Kill();

  const auto segment = OpenSegment(log, 1, {.database_id = kTestDatabase, .map = map});
  REQUIRE_FALSE(segment->sealed());
  for (const Stored& value : stored) segment->AddOrdinal(OffsetOf(value.position));
  REQUIRE_OK(segment->EndAt(OffsetOf(end), log.files, map));
  REQUIRE_OK(segment->WriteFooter(0));
  REQUIRE_OK(segment->FinishSeal());
  const auto opened = OpenSegment(log, 1, {.database_id = kTestDatabase, .map = map});
  REQUIRE(opened->sealed());
  REQUIRE(opened->size_bytes() == OffsetOf(end) + Segment::FooterBytes(4));
  RequireReads(*opened, stored);
}

TEST_CASE("a recovered segment is extended if its footer does not fit", "[log][segment]") {
  const bool map = GENERATE(true, false);
  TestLog log;
  log.Start(1, 16 << 10, map);
  const std::vector<Stored> stored = Fill(log, 4);
  const Position end = log.writer->appended();
  log.Kill();
  REQUIRE_OK(log.files.CutAt(log.PathOf(1), OffsetOf(end)));
  const auto segment = OpenSegment(log, 1, {.database_id = kTestDatabase, .map = map});
  for (const Stored& value : stored) segment->AddOrdinal(OffsetOf(value.position));
  REQUIRE_OK(segment->EndAt(OffsetOf(end), log.files, map));
  RequireReadsAt(*segment, stored);
  REQUIRE_OK(segment->WriteFooter(0));
  REQUIRE_OK(segment->FinishSeal());
  RequireReads(*OpenSegment(log, 1, {.database_id = kTestDatabase, .map = map}), stored);
}

TEST_CASE("a trailer at another place is no seal", "[log][segment][damage]") {
  TestLog log;
  log.Start();
  Fill(log, 3);
  log.Roll();
  log.Sync();
  // The same bytes as the next segment, with a header that says so.
  std::string bytes = Value(vfs::ReadFile(log.files, log.PathOf(1), 1 << 20));
  EncodeFileHeader({kSegmentMagic, 7, log.files.BootId(), kTestDatabase, 0}, bytes.data());
  REQUIRE_OK(vfs::ReplaceFile(log.files, log.PathOf(7), bytes));
  REQUIRE_FALSE(OpenSegment(log, 7, {.database_id = kTestDatabase})->sealed());
}

TEST_CASE("a segment of another number or database is not opened", "[log][segment]") {
  TestLog log;
  log.Start();
  log.Roll();
  log.Sync();
  REQUIRE(absl::IsDataLoss(
      Segment::Open(log.files, kTestDirectory, 1, {.database_id = kTestDatabase + 1}).status()));
  REQUIRE_OK(log.files.Rename(log.PathOf(1), log.PathOf(7)));
  REQUIRE(absl::IsDataLoss(
      Segment::Open(log.files, kTestDirectory, 7, {.database_id = kTestDatabase}).status()));
  // Recovery takes it for a recycled file whose header was not written yet.
  const auto recycled =
      OpenSegment(log, 7, {.database_id = kTestDatabase, .allow_missing_header = true});
  REQUIRE_FALSE(recycled->header_found());
}

TEST_CASE("a damaged mapping is told by the next sync", "[log][segment]") {
  TestLog log;
  log.Start();
  log.Set("a");
  REQUIRE_OK(log.writer->active()->Sync());
  REQUIRE_OK(log.files.DamageMapping(log.PathOf(1)));
  REQUIRE(absl::IsDataLoss(log.writer->active()->Sync()));
}

}  // namespace nokv::log
