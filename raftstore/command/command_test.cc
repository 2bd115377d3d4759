#include "raftstore/command/command.h"

#include "engine/base/random.h"

#include <catch2/catch.hpp>

namespace nokv::command {
namespace {

using mvcc::Change;
using mvcc::Family;

std::vector<Change> TwoChanges() {
  return {{.kind = Change::Kind::kSet, .family = Family::kWrite, .key = "k1", .value = "v1"},
          {.kind = Change::Kind::kDelete, .family = Family::kLock, .key = "k2"}};
}

std::string TwoCommands() {
  EntryBuilder builder;
  builder.AddWrite(3, TwoChanges());
  builder.AddCompact(4, 200);
  return builder.Take();
}

}  // namespace

TEST_CASE("commands come back from an entry's bytes in their order", "[command]") {
  const std::string bytes = TwoCommands();
  Entry entry;
  REQUIRE(DecodeEntry(bytes, entry).ok());
  REQUIRE(entry.commands.size() == 2);
  REQUIRE(entry.commands[0].kind == Kind::kWrite);
  REQUIRE(entry.commands[0].region_version == 3);
  const auto changes = entry.ChangesOf(entry.commands[0]);
  REQUIRE(changes.size() == 2);
  REQUIRE(changes[0].family == Family::kWrite);
  REQUIRE_FALSE(changes[0].is_delete);
  REQUIRE(changes[0].key == "k1");
  REQUIRE(changes[0].value == "v1");
  REQUIRE(changes[1].family == Family::kLock);
  REQUIRE(changes[1].is_delete);
  REQUIRE(changes[1].key == "k2");
  REQUIRE(entry.commands[1].kind == Kind::kCompact);
  REQUIRE(entry.commands[1].region_version == 4);
  REQUIRE(entry.commands[1].compact_index == 200);
  REQUIRE(entry.ChangesOf(entry.commands[1]).empty());
}

TEST_CASE("an entry's bytes are these", "[command][format]") {
  const std::string expected("\x01\x02\x01\x03\x02\x02\x02k1\x02v1\x11\x02k2\x02\x04\xc8\x01", 20);
  REQUIRE(TwoCommands() == expected);
}

TEST_CASE("an entry without bytes has no commands", "[command]") {
  Entry entry;
  REQUIRE(DecodeEntry(TwoCommands(), entry).ok());
  REQUIRE(DecodeEntry("", entry).ok());
  REQUIRE(entry.commands.empty());
}

TEST_CASE("a builder is empty after its entry was taken, and counts what it holds", "[command]") {
  EntryBuilder builder;
  REQUIRE(builder.empty());
  builder.AddWrite(1, TwoChanges());
  REQUIRE(builder.count() == 1);
  const size_t counted = builder.size_bytes();
  REQUIRE(counted <= SizeBytes(TwoChanges()) + 4);
  REQUIRE(builder.Take().size() <= counted);
  REQUIRE(builder.empty());
  Entry entry;
  REQUIRE(DecodeEntry(builder.Take(), entry).ok());
  REQUIRE(entry.commands.empty());
}

TEST_CASE("damaged entries are refused and never crash", "[command][hostile]") {
  const std::string good = TwoCommands();
  Entry entry;
  for (size_t size = 1; size < good.size(); ++size) {
    REQUIRE(absl::IsDataLoss(DecodeEntry(good.substr(0, size), entry)));
  }
  REQUIRE(absl::IsDataLoss(DecodeEntry(good + "x", entry)));
  REQUIRE(absl::IsUnimplemented(DecodeEntry("\x02\x01", entry)));
  REQUIRE(absl::IsUnimplemented(DecodeEntry("\x01\x01\x7f\x01", entry)));
  REQUIRE(absl::IsDataLoss(DecodeEntry("\x01\xff\xff\xff\xff\x0f", entry)));            // Commands,
  REQUIRE(absl::IsDataLoss(DecodeEntry("\x01\x01\x01\x01\xff\xff\x7f", entry)));        // changes.
  REQUIRE(absl::IsDataLoss(DecodeEntry("\x01\x01\x01\x01\x01\x03\x01k\x01v", entry)));  // Family.
  Random random(7);
  for (int i = 0; i < 50'000; ++i) {
    std::string bytes = good;
    for (uint64_t flips = 1 + random.Uniform(3); flips > 0; --flips) {
      bytes[random.Uniform(bytes.size())] = static_cast<char>(random.Next());
    }
    const absl::Status status = DecodeEntry(bytes, entry);
    INFO("change " << i << " of seed 7: " << status.ToString());
    REQUIRE((status.ok() || absl::IsDataLoss(status) || absl::IsUnimplemented(status)));
  }
}

}  // namespace nokv::command
