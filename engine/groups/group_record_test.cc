#include "engine/groups/group_record.h"

#include "engine/log/test_log.h"

namespace nokv::groups {
namespace {

using log::RecordKind;

constexpr log::Position kPosition = log::MakePosition(3, 64);
constexpr log::Position kDurable = log::MakePosition(2, 128);

std::string Encode(const GroupRecord& record, bool in_batch) {
  const GroupKey key(record);
  log::RecordDraft draft = MakeDraft(record, key, in_batch);
  draft.Finish(kPosition, kDurable);
  return std::string(draft.header()).append(key.view()).append(record.value);
}

absl::StatusOr<GroupRecord> Parse(const log::Record& record) {
  return ParseGroupRecord(record, "000003.log", kPosition);
}

struct Golden {
  GroupRecord record;
  bool in_batch;
  std::string_view hex;
};

const Golden kGoldens[] = {
    {{RecordKind::kGroupEntry, 7, 300, 5, 1, "payload"},
     true,
     "dd507271380000008000000002000000000007021900000007000000000000002c010000000000000500000000000"
     "000"
     "017061796c6f6164"},
    {{RecordKind::kGroupMoved, 7, 300, 5, 1, "payload"},
     true,
     "9789fccc380000008000000002000000000008021900000007000000000000002c010000000000000500000000000"
     "000"
     "017061796c6f6164"},
    {{RecordKind::kGroupState, 7, 299, 4, 0, "state"},
     false,
     "36dd2620350000008000000002000000000009001800000007000000000000002b010000000000000400000000000"
     "000"
     "7374617465"},
    {{RecordKind::kGroupRestart, 7, 299, 4, 0, "state"},
     false,
     "a32fde4a35000000800000000200000000000a001800000007000000000000002b010000000000000400000000000"
     "000"
     "7374617465"},
    {{RecordKind::kGroupEnd, 7, 0, 0, 0, ""},
     false,
     "19cbca5720000000800000000200000000000b00080000000700000000000000"},
    {{RecordKind::kGroupMark, 7, 300, 0, 0, ""},
     true,
     "2fcf8d1628000000800000000200000000000c021000000007000000000000002c01000000000000"},
};

}  // namespace

TEST_CASE("records of groups are written byte for byte as log version 2 did", "[groups][golden]") {
  for (const Golden& golden : kGoldens) {
    INFO("kind " << static_cast<int>(golden.record.kind));
    REQUIRE(log::ToHex(Encode(golden.record, golden.in_batch)) == golden.hex);
  }
}

TEST_CASE("a record of a group is read as it was written", "[groups]") {
  for (const Golden& golden : kGoldens) {
    const std::string bytes = Encode(golden.record, golden.in_batch);
    log::Record record;
    REQUIRE(log::DecodeRecord(bytes, kPosition, &record));
    REQUIRE(log::IsGroupRecord(record.kind));
    REQUIRE(record.in_batch() == golden.in_batch);
    REQUIRE(log::Value(Parse(record)) == golden.record);
    REQUIRE(log::IsPlausibleHeader(bytes, kPosition, 0, 1 << 20));
  }
}

TEST_CASE("an entry may count as a value of its segment", "[groups][golden]") {
  GroupRecord entry = kGoldens[0].record;
  entry.has_ordinal = true;
  const std::string bytes = Encode(entry, true);
  log::Record record;
  REQUIRE(log::DecodeRecord(bytes, kPosition, &record));
  REQUIRE(record.flags == (log::kInBatch | log::kHasOrdinal));
  REQUIRE(log::Value(Parse(record)) == entry);
}

TEST_CASE("a record that is none of a group, or malformed, is damage", "[groups][damage]") {
  const std::string key(64, 'k');
  for (int kind = 0; kind < 32; ++kind) {
    for (size_t size = 0; size < 40; ++size) {
      for (const uint8_t flags : {0, 1, 2, 4, 8}) {
        log::Record record;
        record.kind = static_cast<RecordKind>(kind);
        record.flags = flags;
        record.key = std::string_view(key).substr(0, size);
        const size_t right = kind == 7 || kind == 8    ? 25
                             : kind == 9 || kind == 10 ? 24
                             : kind == 11              ? 8
                             : kind == 12              ? 16
                                                       : 1000;
        const absl::Status status = Parse(record).status();
        INFO("kind " << kind << ", key of " << size << ", flags " << int{flags});
        const bool is_known = flags == 0 || flags == 2 || (flags == 4 && right == 25);
        REQUIRE(status.ok() == (size == right && is_known));
        if (!status.ok()) {
          REQUIRE(absl::IsDataLoss(status));
          REQUIRE_THAT(std::string(status.message()), Catch::Contains("000003.log at 64"));
        }
      }
    }
  }
}

TEST_CASE("an entry's overhead is what it takes beside its payload", "[groups]") {
  const GroupRecord& entry = kGoldens[0].record;
  REQUIRE(Encode(entry, true).size() == kEntryOverheadBytes + entry.value.size());
}

}  // namespace nokv::groups
