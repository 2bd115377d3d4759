#include "percolator/mvcc/one_phase.h"
#include "percolator/mvcc/test_store.h"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nokv::mvcc {
namespace {

using Code = absl::StatusCode;

constexpr std::string_view kHeader = "i:";

OnePhase AddOf(std::string_view key, int64_t delta, Timestamp start) {
  return {
      .start = start,
      .is_blind = true,
      .mutations = {{.kind = MutationKind::kAdd, .key = key, .header = kHeader, .delta = delta}}};
}

std::string ShowReason(CannotAddReason reason) {
  switch (reason) {
    case CannotAddReason::kOtherHeader:
      return "other header";
    case CannotAddReason::kNotAnInteger:
      return "not an integer";
    case CannotAddReason::kOutOfRange:
      return "out of range";
  }
  return "?";
}

std::string ShowSums(const std::vector<int64_t>& sums) {
  std::string text;
  for (const int64_t sum : sums) text += " " + std::to_string(sum);
  return text;
}

// "added 3", "committed at 20: 3", "cannot add to k: out of range", or what stood in the way.
std::string Commit(TestStore& store, const OnePhase& write, Timestamp commit) {
  REQUIRE_OK(CheckRequest(write, KeyOwner::kClient));
  const OnePhaseAnswer answer = Unwrap(CheckOnePhase(store, write));
  if (const auto* done = std::get_if<Committed>(&answer)) {
    return fmt::format("committed at {}:{}", done->commit.bits(), ShowSums(done->sums));
  }
  if (std::holds_alternative<Blocked>(answer)) return "blocked";
  if (std::holds_alternative<Conflict>(answer)) return "conflict";
  if (std::holds_alternative<RolledBack>(answer)) return "rolled back";
  const WriteAnswer written = Unwrap(WriteOnePhase(write, std::get<Clear>(answer), commit));
  if (const auto* refused = std::get_if<CannotAdd>(&written)) {
    return fmt::format("cannot add to {}: {}", refused->key, ShowReason(refused->reason));
  }
  store.Apply(std::get<Written>(written).changes);
  return "added" + ShowSums(std::get<Written>(written).sums);
}

std::string Read(const TestStore& store, std::string_view key, Timestamp at) {
  MvccReader reader(store);
  const GetAnswer answer = Unwrap(reader.Get(key, ReadView::At(at)));
  const auto* found = std::get_if<Found>(&answer);
  return found == nullptr ? "-" : fmt::format("{} until {}", found->value, found->expiry_ms);
}

}  // namespace

TEST_CASE("an add writes header and number where nothing is, and adds where it is", "[mvcc]") {
  TestStore store;
  REQUIRE(Commit(store, AddOf("k", -7, Ts(10)), Ts(11)) == "added -7");
  REQUIRE(Read(store, "k", Ts(11)) == "i:-7 until 0");
  REQUIRE(Commit(store, AddOf("k", 9, Ts(20)), Ts(21)) == "added 2");
  REQUIRE(Read(store, "k", Ts(21)) == "i:2 until 0");
  REQUIRE(Read(store, "k", Ts(20)) == "i:-7 until 0");
  REQUIRE(Commit(store, AddOf("k", 0, Ts(30)), Ts(31)) == "added 2");
  // A deletion leaves nothing to add to.
  store.Delete("k", 40, 41);
  REQUIRE(Commit(store, AddOf("k", 5, Ts(50)), Ts(51)) == "added 5");
  store.PutBeside("beside", 10, 20, "i:41");
  REQUIRE(Commit(store, AddOf("beside", 1, Ts(30)), Ts(31)) == "added 42");
}

TEST_CASE("a blind add sees what was committed after its start", "[mvcc]") {
  TestStore store;
  store.Put("k", 15, 20, "i:100");
  // Marks and lock-only records hide nothing from it.
  store.RollBack("k", 25);
  store.Write("k", 26, {.kind = WriteKind::kLockOnly, .start = Ts(24)});
  REQUIRE(Commit(store, AddOf("k", 1, Ts(10)), Ts(30)) == "added 101");
  OnePhase seeing = AddOf("k", 1, Ts(29));
  seeing.is_blind = false;
  REQUIRE(Commit(store, seeing, Ts(40)) == "conflict");
  store.Lock("k", 50);
  REQUIRE(Commit(store, AddOf("k", 1, Ts(10)), Ts(60)) == "committed at 30: 101");
  REQUIRE(Commit(store, AddOf("k", 1, Ts(11)), Ts(60)) == "blocked");
}

TEST_CASE("an add that is repeated after a lost reply adds once, and gets the sum of then",
          "[mvcc]") {
  TestStore store;
  OnePhase write = AddOf("k", 3, Ts(10));
  write.mutations.push_back({.key = "l", .value = "v"});
  write.mutations.push_back(
      {.kind = MutationKind::kAdd, .key = "m", .header = kHeader, .delta = 4});
  REQUIRE(Commit(store, write, Ts(20)) == "added 3 4");
  REQUIRE(Commit(store, AddOf("k", 30, Ts(30)), Ts(31)) == "added 33");
  store.Delete("m", 40, 41);
  REQUIRE(Commit(store, write, Ts(50)) == "committed at 20: 3 4");
  REQUIRE(Read(store, "k", Ts(60)) == "i:33 until 0");
  REQUIRE(Read(store, "m", Ts(60)) == "-");
}

TEST_CASE("an add under the start of a write that did not add to the key is refused", "[mvcc]") {
  TestStore store;
  store.Put("k", 10, 20, "i:7");
  store.Put("p", 10, 20, "text");
  store.Put("large", 10, 20, std::string(kInlineValueBytesMax + 1, 'v'));
  store.Put("other", 11, 20, "i:7");
  for (const std::string_view key : {"p", "large", "other", "absent"}) {
    CAPTURE(key);
    OnePhase write = AddOf("k", 1, Ts(10));
    write.mutations.push_back(
        {.kind = MutationKind::kAdd, .key = key, .header = kHeader, .delta = 1});
    const absl::Status refused = CheckOnePhase(store, write).status();
    REQUIRE(refused.code() == Code::kInvalidArgument);
    REQUIRE(Says(refused, {"start 10", "committed at 20", ShowKey(key)}));
  }
}

TEST_CASE("an add keeps the expiry, and finds nothing once it has passed", "[mvcc]") {
  const Timestamp start = Timestamp::FromParts(100, 0);
  TestStore store;
  store.Put("k", Timestamp::FromParts(50, 0).bits(), Timestamp::FromParts(50, 1).bits(), "i:8",
            200);
  // What counts is the moment of the commit, not that of the start.
  SECTION("committed a moment before") {
    const Timestamp commit = Timestamp::FromParts(199, Timestamp::kCounterMax);
    REQUIRE(Commit(store, AddOf("k", 1, start), commit) == "added 9");
    REQUIRE(Read(store, "k", commit) == "i:9 until 200");
    REQUIRE(Read(store, "k", Timestamp::FromParts(200, 0)) == "-");
  }
  SECTION("committed as it expires") {
    const Timestamp commit = Timestamp::FromParts(200, 0);
    REQUIRE(Commit(store, AddOf("k", 1, start), commit) == "added 1");
    REQUIRE(Read(store, "k", commit) == "i:1 until 0");
  }
}

TEST_CASE("what can't be added to is said, and nothing of the write is written", "[mvcc]") {
  const std::string large(300, '1');

  const struct {
    std::string_view value;
    int64_t delta;
    std::string_view said;
  } cases[] = {
      {"j:1", 1, "other header"},
      {large, 1, "other header"},
      {"i:one", 1, "not an integer"},
      {"i:", 1, "not an integer"},
      {"i:9223372036854775807", 1, "out of range"},
      {"i:-2", std::numeric_limits<int64_t>::min(), "out of range"},
  };

  for (const auto& each : cases) {
    TestStore store;
    store.Put("k", 1, 2, each.value);
    OnePhase write = AddOf("k", each.delta, Ts(10));
    write.mutations.insert(write.mutations.begin(), {.key = "a", .value = "v"});
    CAPTURE(each.value);
    REQUIRE(Commit(store, write, Ts(20)) == fmt::format("cannot add to k: {}", each.said));
    REQUIRE(Read(store, "a", Ts(20)) == "-");
    // Without the add it would have been written, so the start is not used up.
    write.mutations.pop_back();
    REQUIRE(Commit(store, write, Ts(20)) == "added");
  }
}

TEST_CASE("adds have a header and a delta only, and nothing else has them", "[mvcc]") {
  const auto check = [](const Mutation& mutation) {
    return CheckRequest({.start = Ts(1), .mutations = {mutation}}, KeyOwner::kClient).code();
  };
  const std::string longest(kAddHeaderBytesMax, 'h');
  const std::string too_long(kAddHeaderBytesMax + 1, 'h');
  using Kind = MutationKind;
  REQUIRE(check({.kind = Kind::kAdd, .key = "k"}) == Code::kOk);
  REQUIRE(check({.kind = Kind::kAdd, .key = "k", .header = longest, .delta = 1}) == Code::kOk);
  REQUIRE(check({.kind = Kind::kAdd, .key = "k", .header = too_long}) == Code::kInvalidArgument);
  REQUIRE(check({.kind = Kind::kAdd, .key = "k", .value = "v"}) == Code::kInvalidArgument);
  REQUIRE(check({.kind = Kind::kAdd, .key = "k", .expiry_ms = 1}) == Code::kInvalidArgument);
  REQUIRE(check({.kind = Kind::kPut, .key = "k", .delta = 1}) == Code::kInvalidArgument);
  REQUIRE(check({.kind = Kind::kPut, .key = "k", .header = "h"}) == Code::kInvalidArgument);
  REQUIRE(check({.kind = Kind::kDelete, .key = "k", .delta = 1}) == Code::kInvalidArgument);
}

TEST_CASE("a failure while an add looks at its key is a status", "[mvcc]") {
  const size_t size = GENERATE(size_t{5}, size_t{300}, kInlineValueBytesMax + 1);
  TestStore store;
  store.Put("k", 1, 2, std::string(size, 'v'));
  const OnePhase write = AddOf("k", 1, Ts(10));
  const int64_t before = store.operations();
  REQUIRE(std::holds_alternative<Clear>(Unwrap(CheckOnePhase(store, write))));
  const int64_t needed = store.operations() - before;
  REQUIRE(needed > 3);
  for (int64_t i = 0; i < needed; ++i) {
    store.FailAfter(i);
    REQUIRE(CheckOnePhase(store, write).status().code() == Code::kInternal);
  }
}

TEST_CASE("a failure while the sum of a repeated add is looked up is a status", "[mvcc]") {
  TestStore store;
  const OnePhase write = AddOf("k", 1, Ts(10));
  REQUIRE(Commit(store, write, Ts(20)) == "added 1");
  const int64_t before = store.operations();
  REQUIRE(std::holds_alternative<Committed>(Unwrap(CheckOnePhase(store, write))));
  const int64_t needed = store.operations() - before;
  for (int64_t i = 0; i < needed; ++i) {
    store.FailAfter(i);
    REQUIRE(CheckOnePhase(store, write).status().code() == Code::kInternal);
  }
}

}  // namespace nokv::mvcc
