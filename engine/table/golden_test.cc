// Tables in files outlive the program that wrote them: one written by version 1 must stay readable,
// and the writer must not drift without a new version.

#include "engine/base/epoch.h"
#include "engine/table/test_table.h"

namespace nokv::table {
namespace {

std::string FromHex(std::string_view hex) {
  std::string bytes;
  int digits = 0;
  int value = 0;
  for (const char c : hex) {
    if (c == '\n') continue;
    value = value * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
    if (++digits % 2 != 0) continue;
    bytes.push_back(static_cast<char>(value));
    value = 0;
  }
  return bytes;
}

std::string ToHex(std::string_view bytes) {
  std::string hex;
  for (size_t at = 0; at < bytes.size(); ++at) {
    hex += fmt::format("{:02x}", static_cast<uint8_t>(bytes[at]));
    if (at % 48 == 47) hex += '\n';
  }
  return hex;
}

constexpr std::string_view kVersion1 = R"(
00170b757365723030303030303030303030303030303030303122002000000700ac02a40817000b2240000000060805
f0a20416010632200c0000000716011133250010000007fbd095ffbc3173686f727400000000010000000001774ec000
17027573657230303030303030303030303030303030303034010016010a352201000000070300800200000000010000
00002c74e1920500ba19f408ac020076059d4c0000ff84980101057573657231057573657232630000000700000000a8
43fe73030201f0a204010501a40802020180020100cfe2fead02100010020002000000c0000000008002000000000000
000002000000002100040008500000000004080010000000001040001000801048000000240080000806010080a89300
0200177573657230303030303030303030303030303030303033005a160135003200a90f6c120601010101fbd095ffbc
31fbd095ffbc310000000000000000002000000700000017757365723030303030303030303030303030303030303105
757365723200cbe623f1960000000000000013000000000000001a000000000000001600000000000000470000000000
0000260000000000000044000000000000004c00000001000000c1a8852a4e4b565441424c45
)";

constexpr std::string_view kVersion2 = R"(
00171175736572303030303030303030303030303030303030312340000000090002a4080ce8074433221116011b3227
8002000009fbd095ffbc3104ac02f0a204e8fb0380202301feca0000000001000000005da224ad00170a757365723030
30303030303030303030303030303030332200200000090005ac020000000001000000002361418dac0200af8ef6e902
03002f42ab5500009817cfe0020701f0a204020202d00a02000bcdc22600100010000000000000c00000000000000000
000000000000000000000021000400085000000000040000000000000010000010008010400000002000000008060100
9fd60f0d02001775736572303030303030303030303030303030303030320052160133002c00246bc4400300000001fb
d095ffbc31fbd095ffbc3140000000090000000020000009000000177573657230303030303030303030303030303030
30303117757365723030303030303030303030303030303030303300c61cf69b88000000000000000e00000000000000
060000000000000011000000000000004700000000000000260000000000000056000000000000004c00000002000000
4286746d4e4b565441424c45
)";

constexpr std::string_view kVersion2Heads = R"(
00171575736572303030303030303030303030303030303030312340000000090002a4080ce807443322116865616400
00000001000000008ad6f81f00175b7573657230303030303030303030303030303030303032278002000009fbd095ff
bc3104ac02f0a204e8fb0380202301feca68686868686868686868686868686868686868686868686868686868686868
686868686868686868686868686868686868686868686868686868686868686868000000000100000000c97b80120017
0a75736572303030303030303030303030303030303030332200200000090005ac02000000000100000000112047a5ac
02000025af04020300cd9cdacd0000803ab06e020701f0a204020202d00a0200cd7fd44600100010000000000000c000
000000000000000000000000000000000000210004000850000000000400000000000000100000100080104000000020
00000008060100e3797cd303001775736572303030303030303030303030303030303030310037160132007d16013300
2c00de6506c90300000001fbd095ffbc31fbd095ffbc3140000000090000000020000009000000177573657230303030
30303030303030303030303030303117757365723030303030303030303030303030303030303300a105a748ef000000
000000000e000000000000000600000000000000110000000000000047000000000000002b0000000000000056000000
000000004c000000020000009dbb9bdd4e4b565441424c45
)";

std::vector<Version> GoldenVersions() {
  Version expiring = Inline("user0000000000000000003", At(7, 4096), "short");
  expiring.expiry_ms = 1'700'000'000'123;
  return {
      Handle("user0000000000000000001", At(7, 8192),
             {.segment = 7, .ordinal = 300, .record_bytes = 1060}),
      Handle("user0000000000000000001", At(6, 64),
             {.segment = 2, .ordinal = 5, .record_bytes = 70'000}),
      Deletion("user0000000000000000002", At(7, 12)),
      expiring,
      Inline("user0000000000000000004", 0, ""),
      Handle("user0000000000000000005", At(7, 1),
             {.segment = 9, .ordinal = 0, .record_bytes = 256}),
  };
}

const RangeTombstone kGoldenTombstone = {
    .start = "user1", .end = "user2", .sequence = Sequence{7} << 32 | 99};

// One part of each of two values, and a value of its own.
std::vector<Version> GoldenParts() {
  Version expiring = Part("user0000000000000000002", At(9, 640),
                          {.segment = 7, .ordinal = 300, .record_bytes = 70'000},
                          {.offset = 65'000, .size = 4096, .check = 0xcafe0123});
  expiring.expiry_ms = 1'700'000'000'123;
  return {
      Part("user0000000000000000001", At(9, 64), {.segment = 9, .ordinal = 2, .record_bytes = 1060},
           {.offset = 12, .size = 1000, .check = 0x11223344}),
      expiring,
      Handle("user0000000000000000003", At(9, 8192),
             {.segment = 9, .ordinal = 5, .record_bytes = 300}),
  };
}

// The same with a head for each.
std::vector<Version> GoldenHeads() {
  std::vector<Version> versions = GoldenParts();
  versions[0].value = "head";
  versions[1].value = std::string(64, 'h');
  return versions;
}

}  // namespace

TEST_CASE("a table with parts of values is one of version 2", "[table][golden]") {
  const bool has_heads = GENERATE(false, true);
  const std::vector<Version> versions = has_heads ? GoldenHeads() : GoldenParts();
  const std::string expected = FromHex(has_heads ? kVersion2Heads : kVersion2);
  const BuiltTable built = Build(versions, {}, {.block_bytes_target = 128});
  INFO(ToHex(built.bytes));
  REQUIRE(built.bytes == expected);

  BlockCache cache(1 << 20);
  const auto table = OpenOrDie(expected, cache);
  REQUIRE_OK(table->Verify());
  const auto it = table->NewIterator();
  it->SeekToFirst();
  for (const Version& version : versions) {
    REQUIRE(it->Valid());
    REQUIRE(Version::Of(it->entry()) == version);
    it->Next();
  }
  REQUIRE_FALSE(it->Valid());
  REQUIRE(*table->LiveOrdinals(7) == std::vector<uint32_t>{300});
  REQUIRE(*table->LiveOrdinals(9) == std::vector<uint32_t>{2, 5});
}

TEST_CASE("a table written by version 1 is still read, and still written", "[table][golden]") {
  const BuiltTable built = Build(GoldenVersions(), {kGoldenTombstone}, {.block_bytes_target = 128});
  INFO(ToHex(built.bytes));
  REQUIRE(built.bytes == FromHex(kVersion1));

  BlockCache cache(1 << 20);
  const auto table = OpenOrDie(FromHex(kVersion1), cache);
  REQUIRE_OK(table->Verify());
  const std::vector<Version> versions = GoldenVersions();
  const auto it = table->NewIterator();
  it->SeekToFirst();
  for (const Version& version : versions) {
    REQUIRE(it->Valid());
    REQUIRE(Version::Of(it->entry()) == version);
    it->Next();
  }
  REQUIRE_FALSE(it->Valid());
  for (const Version& version : versions) {
    const EpochGuard guard;
    Entry entry;
    const auto found =
        table->Get(version.key, Table::HashKey(version.key), version.sequence, &entry);
    REQUIRE(found.ok());
    REQUIRE(*found);
    REQUIRE(Version::Of(entry) == version);
  }
  REQUIRE(table->range_tombstones() == std::vector<RangeTombstone>{kGoldenTombstone});
  REQUIRE(*table->LiveOrdinals(2) == std::vector<uint32_t>{5});
  REQUIRE(*table->LiveOrdinals(7) == std::vector<uint32_t>{300});
}

}  // namespace nokv::table
