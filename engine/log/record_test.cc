#include "engine/log/record.h"

#include "engine/base/random.h"
#include "engine/log/test_log.h"

namespace nokv::log {
namespace {

constexpr Position kPosition = MakePosition(12, 4096);
constexpr Position kDurable = MakePosition(11, 640);

// One of each kind and flag.
std::vector<RecordDraft::Fields> Samples() {
  static const std::string total("\x40\0\0\0\0\0\0\0", 8);
  static const std::string offsets("\x40\0\0\0\x80\0\0\0", 8);
  return {
      {RecordKind::kSet, 0, 0, 0, 0, "key", "value"},
      {RecordKind::kSet, kHasExpiry | kHasOrdinal, 3, 1'700'000'000'123, 0, "key", "value"},
      {RecordKind::kSet, kInBatch, 0, 0, 0, "k", ""},
      {RecordKind::kDelete, 0, 65535, 0, 0, "key", ""},
      {RecordKind::kDeleteRange, 0, 1, 0, 0, "from", "until"},
      {RecordKind::kBatch, 0, 0, 0, 2, "", total},
      {RecordKind::kFiller, 0, 0, 0, 0, "", "filler"},
      {RecordKind::kFooter, 0, 0, 0, 0, "", offsets},
  };
}

// The same, as version 1 writes them at kPosition.
const char* const kGolden[] = {
    "f0b1b0f620000000800200000b00000000000100030000006b657976616c7565",
    "7ce0e7dc28000000800200000b00000003000105030000007b68e5cf8b0100006b657976616c7565",
    "49a1b6b719000000800200000b00000000000102010000006b",
    "7b08e7771b000000800200000b000000ffff0200030000006b6579",
    "164c4cc521000000800200000b000000010003000400000066726f6d756e74696c",
    "b7072c2e20000000800200000b00000000000400020000004000000000000000",
    "1cba60c31e000000800200000b000000000005000000000066696c6c6572",
    "9f49619220000000800200000b00000000000600000000004000000080000000",
};

std::string RandomBytes(Random& random, size_t size_max) {
  std::string bytes(random.Uniform(size_max + 1), '\0');
  for (char& c : bytes) c = static_cast<char>(random.Next());
  return bytes;
}

void RequireSame(const Record& record, const RecordDraft::Fields& fields) {
  REQUIRE(record.kind == fields.kind);
  REQUIRE(record.flags == fields.flags);
  REQUIRE(record.column_family == fields.column_family);
  REQUIRE(record.expiry_ms == ((fields.flags & kHasExpiry) != 0 ? fields.expiry_ms : 0));
  REQUIRE(record.key_size ==
          (fields.kind == RecordKind::kBatch ? fields.count : fields.key.size()));
  REQUIRE(record.key == fields.key);
  REQUIRE(record.value == fields.value);
}

// A header that passes its checksum.
std::string Header(uint32_t version = kFormatWithoutGroups) {
  std::string bytes(kFileHeaderBytes, '\0');
  EncodeFileHeader({kSegmentMagic, 12, 0xb007, kTestDatabase, kDurable}, bytes.data());
  StoreFixed(bytes.data() + 8, version);
  StoreFixed(bytes.data() + 60, Crc32c(std::string_view(bytes).substr(0, 60)));
  return bytes;
}

}  // namespace

TEST_CASE("records are written byte for byte as version 1 did", "[log][golden]") {
  const std::vector<RecordDraft::Fields> samples = Samples();
  for (size_t i = 0; i < samples.size(); ++i) {
    INFO("sample " << i);
    REQUIRE(ToHex(EncodeDraft(samples[i], kPosition, kDurable)) == kGolden[i]);
  }
}

TEST_CASE("a file header is written byte for byte as version 1 did", "[log][golden]") {
  REQUIRE(ToHex(Header()) ==
          "4e4f4b564c4f470a010000000c00000007b00000000000008877665544332211800200000b00000000000000"
          "0000000000000000000000000000000016988e0e");
}

TEST_CASE("what is written as a record is read as the same record", "[log]") {
  const uint64_t seed = 20;
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 2000; ++round) {
    const std::string key = RandomBytes(random, 40);
    const std::string value = RandomBytes(random, 400);
    RecordDraft::Fields fields = Samples()[random.Uniform(5)];
    fields.flags = static_cast<uint8_t>(random.Uniform(8));
    fields.expiry_ms = random.Next();
    fields.column_family = static_cast<uint16_t>(random.Next());
    fields.key = key;
    fields.value = value;
    const Position position = random.Next();
    const Position durable = random.Next();
    const std::string bytes = EncodeDraft(fields, position, durable);
    REQUIRE(bytes == EncodeByTheBook(fields, position, durable));
    REQUIRE(RecordLength(bytes) == bytes.size());

    Record record;
    const std::string longer = bytes + "what follows";
    REQUIRE(DecodeRecord(longer, position, &record));
    RequireSame(record, fields);
    REQUIRE(record.length == bytes.size());
    REQUIRE(record.durable == durable);
    REQUIRE_OK(CheckRecord(bytes, position, "f.log", 8, &record));
    RequireSame(record, fields);
    RequireSame(Value(PeekRecord(bytes, "f.log", 8)), fields);
  }
}

TEST_CASE("no record passes with any one bit flipped", "[log][damage]") {
  for (const RecordDraft::Fields& fields : Samples()) {
    const std::string good = EncodeDraft(fields, kPosition, kDurable);
    for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
      std::string bad = good;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
      INFO("bit " << bit);
      Record record;
      REQUIRE_FALSE(DecodeRecord(bad, kPosition, &record));
      const absl::Status status = CheckRecord(bad, kPosition, "000012.log", 4096, &record);
      REQUIRE(absl::IsDataLoss(status));
      REQUIRE_THAT(std::string(status.message()), Catch::StartsWith("000012.log at 4096: "));
    }
  }
}

TEST_CASE("a record cut short anywhere is none", "[log][damage]") {
  const std::string good = EncodeDraft(Samples()[1], kPosition, kDurable);
  for (size_t size = 0; size < good.size(); ++size) {
    // Exactly as large as what is given, so that a read past the end is noticed.
    const std::vector<char> cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    const std::string_view bytes(cut.data(), cut.size());
    Record record;
    REQUIRE_FALSE(DecodeRecord(bytes, kPosition, &record));
    REQUIRE(absl::IsDataLoss(CheckRecord(bytes, kPosition, "f", 0, &record)));
  }
}

TEST_CASE("a record is valid at its own position only", "[log]") {
  const std::string bytes = EncodeDraft(Samples()[0], kPosition, kDurable);
  Record record;
  REQUIRE(DecodeRecord(bytes, kPosition, &record));
  REQUIRE_FALSE(DecodeRecord(bytes, kPosition + kRecordAlignment, &record));
  REQUIRE_FALSE(DecodeRecord(bytes, MakePosition(13, OffsetOf(kPosition)), &record));
  REQUIRE_FALSE(DecodeRecord(bytes, 0, &record));
}

TEST_CASE("sizes that contradict each other are refused, whatever the checksum says", "[log]") {
  const auto refused = [](std::string bytes) {
    StoreFixed(bytes.data(), CrcByTheBook(bytes, kPosition));
    Record record;
    const bool decoded = DecodeRecord(bytes, kPosition, &record);
    const absl::Status status = CheckRecord(bytes, kPosition, "f", 0, &record);
    return !decoded && absl::IsDataLoss(status);
  };
  std::string key_too_long = EncodeDraft(Samples()[0], kPosition, kDurable);
  REQUIRE_FALSE(refused(key_too_long));
  StoreFixed(key_too_long.data() + 20, uint32_t{9});
  REQUIRE(refused(key_too_long));
  StoreFixed(key_too_long.data() + 20, UINT32_MAX);
  REQUIRE(refused(key_too_long));

  std::string no_room_for_expiry =
      EncodeDraft({RecordKind::kDelete, 0, 0, 0, 0, "", "1234567"}, kPosition, kDurable);
  no_room_for_expiry[19] = kHasExpiry;
  REQUIRE(refused(no_room_for_expiry));
}

TEST_CASE("random bytes are no record and no header, and never a crash", "[log][damage]") {
  const uint64_t seed = 21;
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = RandomBytes(random, 80);
    // Small lengths, to get past the first test.
    if (bytes.size() >= 8) StoreFixed(bytes.data() + 4, static_cast<uint32_t>(random.Uniform(80)));
    Record record;
    REQUIRE_FALSE(DecodeRecord(bytes, random.Next(), &record));
    REQUIRE_FALSE(CheckRecord(bytes, random.Next(), "f", 0, &record).ok());
    REQUIRE_FALSE(DecodeFileHeader(bytes, "f").ok());
  }
}

TEST_CASE("every record that is written looks plausible, and stale ones do not", "[log]") {
  for (const RecordDraft::Fields& fields : Samples()) {
    const std::string bytes = EncodeDraft(fields, kPosition, kDurable);
    REQUIRE(IsPlausibleHeader(bytes, kPosition, kDurable, bytes.size()));
    REQUIRE(IsPlausibleHeader(bytes, kPosition, 0, 1 << 20));
    REQUIRE_FALSE(IsPlausibleHeader(bytes, kPosition, kDurable + 1, bytes.size()));
    REQUIRE_FALSE(IsPlausibleHeader(bytes, kDurable - 1, 0, bytes.size()));
    REQUIRE_FALSE(IsPlausibleHeader(bytes, kPosition, 0, bytes.size() - 1));
  }
  REQUIRE_FALSE(IsPlausibleHeader(std::string(kRecordHeaderBytes, '\0'), kPosition, 0, 1 << 20));
}

TEST_CASE("the header of a segment with groups is written byte for byte as version 2 did",
          "[log][golden]") {
  std::string bytes(kFileHeaderBytes, '\0');
  EncodeFileHeader({kSegmentMagic, 3, 0xb007, kTestDatabase, MakePosition(2, 128), 2},
                   bytes.data());
  REQUIRE(
      ToHex(bytes) ==
      "4e4f4b564c4f470a020000000300000007b0000000000000887766554433221180000000020000000000000000"
      "000000000000000000000000000000ae165794");
  REQUIRE(Value(DecodeFileHeader(bytes, "f")).version == 2);
}

TEST_CASE("a file header is read as it was written", "[log]") {
  const FileHeader header = Value(DecodeFileHeader(Header(), "f"));
  REQUIRE(header.magic == kSegmentMagic);
  REQUIRE(header.number == 12);
  REQUIRE(header.boot_id == 0xb007);
  REQUIRE(header.database_id == kTestDatabase);
  REQUIRE(header.durable == kDurable);
}

TEST_CASE("a file header with any one bit flipped, or cut short, is damage", "[log][damage]") {
  const std::string good = Header();
  for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    INFO("bit " << bit);
    REQUIRE(absl::IsDataLoss(DecodeFileHeader(bad, "f").status()));
  }
  REQUIRE(absl::IsDataLoss(DecodeFileHeader(good.substr(0, 63), "f").status()));
}

TEST_CASE("a file of a newer version is refused as such", "[log]") {
  const absl::Status status = DecodeFileHeader(Header(kFormatVersion + 1), "000012.log").status();
  REQUIRE(absl::IsUnimplemented(status));
  REQUIRE_THAT(std::string(status.message()),
               Catch::Contains("000012.log") && Catch::Contains("version 3 is newer than 2"));
}

TEST_CASE("a header of another kind, number or database is not taken", "[log]") {
  const FileHeader header = Value(DecodeFileHeader(Header(), "f"));
  REQUIRE_OK(CheckFileHeader(header, kSegmentMagic, 12, kTestDatabase, "f"));
  REQUIRE(absl::IsDataLoss(CheckFileHeader(header, kValuesMagic, 12, kTestDatabase, "f")));
  REQUIRE(absl::IsDataLoss(CheckFileHeader(header, kSegmentMagic, 13, kTestDatabase, "f")));
  REQUIRE(absl::IsDataLoss(CheckFileHeader(header, kSegmentMagic, 12, kTestDatabase + 1, "f")));
}

}  // namespace nokv::log
