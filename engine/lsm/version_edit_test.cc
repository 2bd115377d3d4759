#include "engine/lsm/version_edit.h"

#include "engine/table/test_table.h"

namespace nokv::lsm {
namespace {

// One of everything.
VersionEdit FullEdit() {
  VersionEdit edit;
  edit.database_id = 0x1122334455667788;
  edit.boot_id = 77;
  edit.log_boundary = 12;
  edit.next_file_number = 300;
  edit.closed_log_end = 13;
  edit.new_families = {{0, "default"}, {65535, ""}};
  edit.dropped_families = {3};
  edit.new_tables = {{.column_family = 1,
                      .level = 6,
                      .number = 42,
                      .summary = {.size_bytes = 4096,
                                  .entries = 10,
                                  .tombstones = 2,
                                  .range_tombstones = 1,
                                  .superseded = 4,
                                  .expiring = 3,
                                  .expiry_ms_min = 1'700'000'000'123,
                                  .expiry_ms_max = 1'700'000'000'124,
                                  .sequence_min = table::At(1, 64),
                                  .sequence_max = table::At(7, 8192),
                                  .smallest_key = "a",
                                  .largest_key = std::string("z\0z", 3),
                                  .segments = {{2, 5, 5000}, {7, 1, 256}}}}};
  edit.deleted_tables = {{.column_family = 0, .level = 0, .number = 41}};
  edit.segments = {{7, 64 << 20, 0}, {2, 1 << 20, 9}};
  edit.freed_segments = {1};
  edit.new_value_files = {{9, 123'456}};
  edit.deleted_value_files = {8};
  return edit;
}

uint64_t Number(Random& random) { return random.Next() >> random.Uniform(64); }

uint32_t Number32(Random& random) { return static_cast<uint32_t>(Number(random)); }

uint16_t Number16(Random& random) { return static_cast<uint16_t>(Number(random)); }

std::string Text(Random& random) {
  std::string text(random.Uniform(30), '\0');
  for (char& c : text) c = static_cast<char>(random.Next());
  return text;
}

table::TableSummary RandomSummary(Random& random) {
  table::TableSummary summary;
  for (uint64_t* number :
       {&summary.size_bytes, &summary.entries, &summary.tombstones, &summary.range_tombstones,
        &summary.expiring, &summary.expiry_ms_min, &summary.sequence_min, &summary.sequence_max}) {
    *number = Number(random);
  }
  summary.smallest_key = Text(random);
  summary.largest_key = Text(random);
  for (uint64_t i = random.Uniform(4); i > 0; --i) {
    summary.segments.push_back({Number32(random), Number32(random), Number(random)});
  }
  return summary;
}

VersionEdit RandomEdit(Random& random) {
  VersionEdit edit;
  if (random.OneIn(2)) edit.database_id = Number(random);
  if (random.OneIn(2)) edit.boot_id = Number(random);
  if (random.OneIn(2)) edit.log_boundary = Number32(random);
  if (random.OneIn(2)) edit.next_file_number = Number(random);
  if (random.OneIn(2)) edit.closed_log_end = Number32(random);
  const auto some = [&random](auto make) {
    for (uint64_t i = random.Uniform(4); i > 0; --i) make();
  };
  some([&] { edit.new_families.push_back({Number16(random), Text(random)}); });
  some([&] { edit.dropped_families.push_back(Number16(random)); });
  some([&] {
    edit.new_tables.push_back(
        {Number16(random), Number32(random), Number(random), RandomSummary(random)});
  });
  some([&] {
    edit.deleted_tables.push_back({Number16(random), Number32(random), Number(random)});
  });
  some([&] { edit.segments.push_back({Number32(random), Number(random), Number32(random)}); });
  some([&] { edit.freed_segments.push_back(Number32(random)); });
  some([&] { edit.new_value_files.push_back({Number32(random), Number(random)}); });
  some([&] { edit.deleted_value_files.push_back(Number32(random)); });
  some([&] { edit.held_segments.push_back({Number32(random), Number(random)}); });
  if (random.OneIn(2)) edit.held_begin = Number32(random);
  some([&] { edit.marks.push_back({Number(random), Number(random)}); });
  return edit;
}

}  // namespace

TEST_CASE("an edit is written byte for byte as version 1 did", "[edit][golden]") {
  std::string hex;
  for (const char c : FullEdit().Encode()) hex += fmt::format("{:02x}", static_cast<uint8_t>(c));
  REQUIRE(
      hex ==
      "0188ef99abc5e88c9111024d030c04ac020d0d05000764656661756c7405ffff030006030701062a80200a020104"
      "03fbd095ffbc31fcd095ffbc31c08080801080c08080700161037a007a020205882707018002080000290907"
      "80808020000902808040090a010b09c0c4070c08");
}

TEST_CASE("what groups add to an edit is written byte for byte as version 2 did",
          "[edit][golden]") {
  VersionEdit edit;
  edit.held_segments = {{7, 65536}, {9, 100}};
  edit.held_begin = 7;
  edit.marks = {{1, 300}, {5, 0}};
  std::string hex;
  for (const char c : edit.Encode()) hex += fmt::format("{:02x}", static_cast<uint8_t>(c));
  REQUIRE(hex == "0e078080040e09640f071001ac02100500");
  REQUIRE(*VersionEdit::Decode(edit.Encode()) == edit);
}

TEST_CASE("an edit is read as it was written", "[edit]") {
  REQUIRE(*VersionEdit::Decode(FullEdit().Encode()) == FullEdit());
  REQUIRE(VersionEdit().Encode().empty());
  REQUIRE(*VersionEdit::Decode("") == VersionEdit());
  const uint64_t seed = 30;
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 1000; ++round) {
    const VersionEdit edit = RandomEdit(random);
    const auto decoded = VersionEdit::Decode(edit.Encode());
    REQUIRE_OK(decoded.status());
    REQUIRE(*decoded == edit);
  }
}

TEST_CASE("an edit that is cut short is malformed, or ends between two fields", "[edit][damage]") {
  const std::string bytes = FullEdit().Encode();
  int malformed = 0;
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::vector<char> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    const auto decoded = VersionEdit::Decode({cut.data(), cut.size()});
    if (decoded.ok()) {
      REQUIRE(decoded->Encode() == bytes.substr(0, size));
    } else {
      REQUIRE(absl::IsInvalidArgument(decoded.status()));
      ++malformed;
    }
  }
  REQUIRE(malformed > static_cast<int>(bytes.size()) / 2);
}

TEST_CASE("arbitrary bytes are an edit or malformed, and never a crash", "[edit][damage]") {
  const uint64_t seed = 31;
  INFO("seed " << seed);
  Random random(seed);
  const std::string good = FullEdit().Encode();
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = good;
    if (round % 2 == 0) {
      for (char& c : bytes) c = static_cast<char>(random.Uniform(round % 4 == 0 ? 17 : 256));
    } else {
      for (uint64_t i = 1 + random.Uniform(3); i > 0; --i) {
        bytes[random.Uniform(bytes.size())] = static_cast<char>(random.Next());
      }
    }
    const auto decoded = VersionEdit::Decode(bytes);
    if (!decoded.ok()) {
      REQUIRE(absl::IsInvalidArgument(decoded.status()));
    } else {
      const auto again = VersionEdit::Decode(decoded->Encode());
      REQUIRE_OK(again.status());
      REQUIRE(*again == *decoded);
    }
  }
}

TEST_CASE("a tag that nobody knows is refused by name", "[edit]") {
  const absl::Status status = VersionEdit::Decode("\x63\x01").status();
  REQUIRE(absl::IsInvalidArgument(status));
  REQUIRE_THAT(std::string(status.message()), Catch::Contains("tag 99 at 0"));
}

}  // namespace nokv::lsm
