#include "engine/lsm/manifest.h"

#include "engine/base/codec.h"
#include "engine/base/crc32c.h"
#include "engine/table/test_table.h"
#include "engine/vfs/fault_file_system.h"
#include "engine/vfs/mem_file_system.h"

namespace nokv::lsm {
namespace {

constexpr char kDirectory[] = "/db";
constexpr uint64_t kDatabase = 0x1122334455667788;
constexpr uint64_t kHeaderBytes = 40;
constexpr uint64_t kFrameBytes = 8;

VersionEdit Edit(uint64_t number) {
  VersionEdit edit;
  edit.next_file_number = number;
  edit.new_families.push_back({static_cast<uint16_t>(number), "a family with a name"});
  return edit;
}

struct Bench {
  vfs::MemFileSystem files;
  std::vector<uint64_t> record_offsets;  // And the end.

  Bench() { REQUIRE_OK(files.CreateDirectory(kDirectory)); }

  static std::string Path(uint64_t number = 5) {
    return vfs::JoinPath(kDirectory, ManifestFileName(number));
  }

  // A manifest with a state and two edits: numbers 1, 2, 3.
  void Write(uint64_t boot_id) {
    auto writer = ManifestWriter::Start(
        files, kDirectory, {.number = 5, .database_id = kDatabase, .boot_id = boot_id}, Edit(1));
    REQUIRE_OK(writer.status());
    record_offsets = {kHeaderBytes, (*writer)->size_bytes()};
    for (const uint64_t number : {2, 3}) {
      REQUIRE_OK((*writer)->Append(Edit(number)));
      record_offsets.push_back((*writer)->size_bytes());
    }
    REQUIRE((*writer)->state_bytes() == record_offsets[1]);
    REQUIRE((*writer)->number() == 5);
  }

  std::string Bytes() const {
    auto bytes = vfs::ReadFile(files, Path(), 1 << 20);
    REQUIRE_OK(bytes.status());
    return *std::move(bytes);
  }

  void Replace(std::string_view bytes) { REQUIRE_OK(vfs::ReplaceFile(files, Path(), bytes)); }
};

struct Answer {
  absl::Status status;
  ManifestContents contents;
  std::vector<uint64_t> numbers;
};

Answer Read(const Bench& bench) {
  Answer answer;
  auto contents = ReadManifest(bench.files, kDirectory, 5, [&](const VersionEdit& edit) {
    answer.numbers.push_back(edit.next_file_number.value_or(0));
    return absl::OkStatus();
  });
  answer.status = contents.status();
  if (contents.ok()) answer.contents = *std::move(contents);
  return answer;
}

using Numbers = std::vector<uint64_t>;

void RequireCut(const Answer& answer, const Numbers& numbers, uint64_t bytes, uint64_t offset) {
  REQUIRE_OK(answer.status);
  REQUIRE(answer.numbers == numbers);
  REQUIRE(answer.contents.edits == numbers.size());
  REQUIRE(answer.contents.bytes_cut == bytes);
  REQUIRE(answer.contents.cut_position == fmt::format("MANIFEST-000005 at {}", offset));
}

}  // namespace

TEST_CASE("edits are read back in the order they were appended", "[manifest]") {
  Bench bench;
  bench.Write(77);
  const Answer answer = Read(bench);
  REQUIRE_OK(answer.status);
  REQUIRE(answer.numbers == Numbers{1, 2, 3});
  REQUIRE(answer.contents.edits == 3);
  REQUIRE(answer.contents.bytes_cut == 0);
  REQUIRE(answer.contents.cut_position.empty());
  REQUIRE(answer.contents.identity.number == 5);
  REQUIRE(answer.contents.identity.database_id == kDatabase);
  REQUIRE(answer.contents.identity.boot_id == 77);
  REQUIRE(*ReadCurrent(bench.files, kDirectory) == 5);
}

TEST_CASE("a manifest is written byte for byte as version 1 did", "[manifest][golden]") {
  Bench bench;
  bench.Write(77);
  std::string hex;
  for (const char c : bench.Bytes()) hex += fmt::format("{:02x}", static_cast<uint8_t>(c));
  REQUIRE(hex ==
          "4e4f4b564d414e49010000000000000088776655443322114d00000000000000000000001f3c7d0f70daa2a3"
          "190000000401050114612066616d696c7920776974682061206e616d656d280f7c1900000004020502146120"
          "66616d696c7920776974682061206e616d655d306c12190000000403050314612066616d696c792077697468"
          "2061206e616d65");
  REQUIRE(*vfs::ReadFile(bench.files, "/db/CURRENT", 100) == "NOKV MANIFEST-000005 b949be95\n");
}

TEST_CASE("what was appended survives a power cut", "[manifest]") {
  Bench bench;
  REQUIRE_OK(bench.files.SyncDirectory("/"));
  bench.Write(77);
  Random random(1);
  bench.files.PowerCut(random, vfs::PowerCutMode::kKeepNothing);
  REQUIRE(*ReadCurrent(bench.files, kDirectory) == 5);
  REQUIRE(Read(bench).numbers == Numbers{1, 2, 3});
}

TEST_CASE("a manifest cut anywhere loses only what was cut, and says so", "[manifest][damage]") {
  const bool same_boot = GENERATE(true, false);
  Bench bench;
  bench.Write(same_boot ? bench.files.BootId() : 77);
  for (uint64_t size = bench.record_offsets.back() - 1;; --size) {
    REQUIRE_OK(bench.files.CutAt(bench.Path(), size));
    const Answer answer = Read(bench);
    INFO("cut at " << size << ": " << answer.status);
    if (size < bench.record_offsets[1]) {
      REQUIRE(absl::IsDataLoss(answer.status));  // Without its first record it says nothing.
      if (size == 0) break;
      continue;
    }
    const size_t whole = size < bench.record_offsets[2] ? 1 : 2;
    REQUIRE_OK(answer.status);
    REQUIRE(answer.numbers.size() == whole);
    if (size > bench.record_offsets[whole]) {
      RequireCut(answer, whole == 1 ? Numbers{1} : Numbers{1, 2},
                 size - bench.record_offsets[whole], bench.record_offsets[whole]);
    } else {
      REQUIRE(answer.contents.bytes_cut == 0);
    }
  }
}

TEST_CASE("a damaged record before the last is corruption", "[manifest][damage]") {
  const bool same_boot = GENERATE(true, false);
  Bench bench;
  bench.Write(same_boot ? bench.files.BootId() : 77);
  for (uint64_t offset = 0; offset < bench.record_offsets[2]; ++offset) {
    REQUIRE_OK(bench.files.FlipBit(bench.Path(), offset, 3));
    const Answer answer = Read(bench);
    INFO("offset " << offset << ": " << answer.status);
    REQUIRE(absl::IsDataLoss(answer.status));
    REQUIRE_THAT(std::string(answer.status.message()), Catch::StartsWith(bench.Path()));
    REQUIRE_OK(bench.files.FlipBit(bench.Path(), offset, 3));
  }
}

TEST_CASE("a damaged last record is corruption, or cut after a power loss", "[manifest][damage]") {
  const bool same_boot = GENERATE(true, false);
  Bench bench;
  bench.Write(same_boot ? bench.files.BootId() : 77);
  const uint64_t last = bench.record_offsets[2];
  const uint64_t end = bench.record_offsets[3];
  for (uint64_t offset = last; offset < end; ++offset) {
    REQUIRE_OK(bench.files.FlipBit(bench.Path(), offset, 5));
    const Answer answer = Read(bench);
    INFO("offset " << offset << ": " << answer.status);
    const bool is_length = offset >= last + 4 && offset < last + kFrameBytes;
    if (same_boot && !is_length) {
      REQUIRE(absl::IsDataLoss(answer.status));
    } else {
      // A length past the end can't be told from a record that is cut short.
      RequireCut(answer, {1, 2}, end - last, last);
    }
    REQUIRE_OK(bench.files.FlipBit(bench.Path(), offset, 5));
  }
}

TEST_CASE("zeros at the end are a tail that never reached the disk", "[manifest]") {
  const bool same_boot = GENERATE(true, false);
  Bench bench;
  bench.Write(same_boot ? bench.files.BootId() : 77);
  bench.Replace(bench.Bytes() + std::string(100, '\0'));
  RequireCut(Read(bench), {1, 2, 3}, 100, bench.record_offsets[3]);
}

TEST_CASE("a record at another place is no record", "[manifest][damage]") {
  Bench bench;
  bench.Write(77);
  const std::string bytes = bench.Bytes();
  const size_t last = bench.record_offsets[2];
  bench.Replace(bytes + bytes.substr(last));
  RequireCut(Read(bench), {1, 2, 3}, bytes.size() - last, bytes.size());
}

TEST_CASE("a manifest of a newer version is refused as such", "[manifest]") {
  Bench bench;
  bench.Write(77);
  std::string bytes = bench.Bytes();
  StoreFixed(bytes.data() + 8, kManifestVersion + 1);
  StoreFixed(bytes.data() + 36, Crc32c({bytes.data(), 36}));
  bench.Replace(bytes);
  const absl::Status status = Read(bench).status;
  REQUIRE(absl::IsUnimplemented(status));
  REQUIRE_THAT(std::string(status.message()), Catch::Contains("version 3 is newer than 2"));
}

TEST_CASE("a valid record that holds no edit is damage", "[manifest]") {
  Bench bench;
  bench.Write(77);
  std::string bytes = bench.Bytes();
  const std::string edit = "\x63";  // A tag of no version.
  std::string covered;
  PutFixed(covered, static_cast<uint32_t>(edit.size()));
  PutFixed(covered, static_cast<uint64_t>(bytes.size()));
  covered += edit;
  PutFixed(bytes, Crc32c(covered));
  PutFixed(bytes, static_cast<uint32_t>(edit.size()));
  bench.Replace(bytes + edit);
  const absl::Status status = Read(bench).status;
  REQUIRE(absl::IsDataLoss(status));
  REQUIRE_THAT(std::string(status.message()), Catch::Contains("tag 99"));
}

TEST_CASE("CURRENT with any bit flipped or any byte missing is damaged", "[manifest][damage]") {
  Bench bench;
  REQUIRE(absl::IsNotFound(ReadCurrent(bench.files, kDirectory).status()));
  bench.Write(77);
  const std::string path = vfs::JoinPath(kDirectory, kCurrentFileName);
  const auto text = vfs::ReadFile(bench.files, path, 100);
  for (size_t bit = 0; bit < 8 * text->size(); ++bit) {
    REQUIRE_OK(bench.files.FlipBit(path, bit / 8, static_cast<int>(bit % 8)));
    INFO("bit " << bit);
    REQUIRE(absl::IsDataLoss(ReadCurrent(bench.files, kDirectory).status()));
    REQUIRE_OK(bench.files.FlipBit(path, bit / 8, static_cast<int>(bit % 8)));
  }
  REQUIRE(*ReadCurrent(bench.files, kDirectory) == 5);
  for (size_t size = text->size(); size-- > 0;) {
    REQUIRE_OK(bench.files.CutAt(path, size));
    REQUIRE(absl::IsDataLoss(ReadCurrent(bench.files, kDirectory).status()));
  }
}

TEST_CASE("starting a manifest fails without touching the one in force", "[manifest][fault]") {
  Bench bench;
  bench.Write(77);
  for (uint64_t mutation = 1;; ++mutation) {
    const auto copy = bench.files.Clone();
    vfs::FaultFileSystem faulty(*copy);
    faulty.CrashAt({.mutation = mutation, .then = {}});
    const auto started = ManifestWriter::Start(
        faulty, kDirectory, {.number = 6, .database_id = kDatabase, .boot_id = 77}, Edit(4));
    INFO("mutation " << mutation);
    const uint64_t current = *ReadCurrent(*copy, kDirectory);
    if (!faulty.dead()) {
      REQUIRE_OK(started.status());
      REQUIRE(current == 6);
      REQUIRE(mutation > 5);
      break;
    }
    REQUIRE_FALSE(started.ok());
    // The rename may have happened before the failure; what CURRENT names is whole either way.
    REQUIRE_OK(ReadManifest(*copy, kDirectory, current, [](const VersionEdit&) {
                 return absl::OkStatus();
               }).status());
  }
}

TEST_CASE("a full disk is told as such only if the old manifest is surely in force",
          "[manifest][fault]") {
  Bench bench;
  bench.Write(77);
  const bool is_performed = GENERATE(false, true);  // The call fails after the deed.
  for (uint64_t mutation = 1;; ++mutation) {
    const auto copy = bench.files.Clone();
    vfs::FaultFileSystem faulty(*copy);
    bool has_failed = false;
    faulty.SetHook([&](const vfs::Operation& operation) {
      if (operation.mutation != mutation) return vfs::FaultAction::Pass();
      has_failed = true;
      const absl::Status full = ResourceExhaustedError("no space left on device");
      return is_performed ? vfs::FaultAction::PerformThenFail(full) : vfs::FaultAction::Fail(full);
    });
    const auto started = ManifestWriter::Start(
        faulty, kDirectory, {.number = 6, .database_id = kDatabase, .boot_id = 77}, Edit(4));
    INFO("mutation " << mutation << ": " << started.status().ToString());
    if (!has_failed) break;
    if (started.ok()) continue;  // It was the removal of what an earlier attempt left.
    if (absl::IsResourceExhausted(started.status())) {
      REQUIRE(*ReadCurrent(*copy, kDirectory) == 5);
      // Left behind, it would take the space that the next attempt needs.
      const bool was_never_made = mutation == 1;
      if (!was_never_made) REQUIRE_FALSE(copy->Exists(Bench::Path(6)));
    } else {
      REQUIRE(absl::IsInternal(started.status()));
    }
  }
}

TEST_CASE("after a failed append the writer takes no more", "[manifest][fault]") {
  const auto kind = GENERATE(vfs::OperationKind::kAppend, vfs::OperationKind::kSync);
  Bench bench;
  vfs::FaultFileSystem faulty(bench.files);
  auto writer = ManifestWriter::Start(
      faulty, kDirectory, {.number = 5, .database_id = kDatabase, .boot_id = 77}, Edit(1));
  REQUIRE_OK(writer.status());
  faulty.FailNth(kind, 1, InternalError("planned I/O error"));
  REQUIRE(absl::IsInternal((*writer)->Append(Edit(2))));
  REQUIRE(absl::IsInternal((*writer)->Append(Edit(3))));
  const Numbers numbers = Read(bench).numbers;
  REQUIRE(numbers == (kind == vfs::OperationKind::kAppend ? Numbers{1} : Numbers{1, 2}));
}

TEST_CASE("a visitor's error ends the reading", "[manifest]") {
  Bench bench;
  bench.Write(77);
  int visits = 0;
  const auto contents = ReadManifest(bench.files, kDirectory, 5, [&](const VersionEdit&) {
    ++visits;
    return InternalError("no more");
  });
  REQUIRE(absl::IsInternal(contents.status()));
  REQUIRE(visits == 1);
}

}  // namespace nokv::lsm
