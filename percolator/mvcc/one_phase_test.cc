#include "percolator/mvcc/one_phase.h"

#include "percolator/mvcc/test_store.h"

#include <string>
#include <vector>

namespace nokv::mvcc {
namespace {

using Code = absl::StatusCode;

OnePhase PutOf(std::string_view key, std::string_view value, uint64_t start) {
  return {.start = Ts(start), .mutations = {{.key = key, .value = value}}};
}

std::string Show(const OnePhaseAnswer& answer) {
  if (const auto* blocked = std::get_if<Blocked>(&answer)) return "blocked on " + blocked->key;
  if (const auto* conflict = std::get_if<Conflict>(&answer)) {
    return fmt::format("conflict on {}: {} after {}", conflict->key, conflict->commit.bits(),
                       conflict->start.bits());
  }
  if (const auto* done = std::get_if<Committed>(&answer)) {
    return fmt::format("committed at {}", done->commit.bits());
  }
  return std::holds_alternative<RolledBack>(answer) ? "rolled back" : "clear";
}

std::string Check(const TestStore& store, const OnePhase& write) {
  return Show(Unwrap(CheckOnePhase(store, write)));
}

// Checks and, if nothing is in the way, commits.
std::string Commit(TestStore& store, const OnePhase& write, uint64_t commit) {
  const OnePhaseAnswer answer = Unwrap(CheckOnePhase(store, write));
  if (const auto* clear = std::get_if<Clear>(&answer)) {
    store.Apply(std::get<Written>(Unwrap(WriteOnePhase(write, *clear, Ts(commit)))).changes);
  }
  return Show(answer);
}

std::string RollBack(TestStore& store, std::string_view key, uint64_t start) {
  const RollBackAnswer answer = Unwrap(RollBackMissing(store, key, Ts(start)));
  if (const auto* blocked = std::get_if<Blocked>(&answer)) return "blocked on " + blocked->key;
  if (const auto* done = std::get_if<Committed>(&answer)) {
    return fmt::format("committed at {}", done->commit.bits());
  }
  const auto& changes = std::get<Marked>(answer).changes;
  store.Apply(changes);
  return fmt::format("marked by {}", changes.size());
}

std::string Read(const TestStore& store, std::string_view key, uint64_t at) {
  MvccReader reader(store);
  const GetAnswer answer = Unwrap(reader.Get(key, {.at = Ts(at), .now_ms = 0}));
  const auto* found = std::get_if<Found>(&answer);
  return found == nullptr ? "-" : found->value;
}

}  // namespace

TEST_CASE("a put is one change, a large one two, a deletion one", "[mvcc]") {
  const std::string large(kInlineValueBytesMax + 1, 'v');
  const OnePhase write{.start = Ts(10),
                       .mutations = {{.key = "a", .value = "small", .expiry_ms = 77},
                                     {.key = "b", .value = large},
                                     {.kind = MutationKind::kDelete, .key = "c"}}};
  REQUIRE_OK(CheckRequest(write, KeyOwner::kClient));
  const auto written = std::get<Written>(Unwrap(WriteOnePhase(write, Clear{}, Ts(20))));
  REQUIRE(written.sums.empty());
  using Kind = Change::Kind;
  const std::vector<Change> expected = {
      {Kind::kSet, Family::kWrite, VersionKey("a", Ts(20)),
       Unwrap(EncodeWrite({.start = Ts(10), .expiry_ms = 77, .value = "small"}))},
      {Kind::kSet, Family::kDefault, VersionKey("b", Ts(10)), Unwrap(EncodeValue(large))},
      {Kind::kSet, Family::kWrite, VersionKey("b", Ts(20)), Unwrap(EncodeWrite({.start = Ts(10)}))},
      {Kind::kSet, Family::kWrite, VersionKey("c", Ts(20)),
       Unwrap(EncodeWrite({.kind = WriteKind::kDelete, .start = Ts(10)}))},
  };
  REQUIRE(written.changes == expected);
}

TEST_CASE("a version above the start is a conflict, unless the write is blind", "[mvcc]") {
  TestStore store;
  store.Put("k", 10, 20, "v");
  REQUIRE(Check(store, PutOf("k", "w", 15)) == "conflict on k: 20 after 15");
  REQUIRE(Check(store, PutOf("k", "w", 19)) == "conflict on k: 20 after 19");
  // Committed at the start is below it: a reader there sees it.
  REQUIRE(Check(store, PutOf("k", "w", 20)) == "clear");
  OnePhase blind = PutOf("k", "w", 15);
  blind.is_blind = true;
  REQUIRE(Commit(store, blind, 30) == "clear");
  REQUIRE(Read(store, "k", 30) == "w");
  // A deletion and a lock-only record are newer things, too; a rollback mark is nothing.
  store.Delete("d", 10, 20);
  store.Write("l", 20, {.kind = WriteKind::kLockOnly, .start = Ts(10)});
  store.RollBack("m", 20);
  REQUIRE(Check(store, PutOf("d", "w", 15)) == "conflict on d: 20 after 15");
  REQUIRE(Check(store, PutOf("l", "w", 15)) == "conflict on l: 20 after 15");
  REQUIRE(Check(store, PutOf("m", "w", 15)) == "clear");
}

TEST_CASE("any lock is in the way, blind or not, older or newer", "[mvcc]") {
  for (const LockKind kind : {LockKind::kPut, LockKind::kDelete, LockKind::kLockOnly}) {
    for (const uint64_t start : {5, 50}) {
      TestStore store;
      store.Lock("k", start, kind);
      OnePhase write = PutOf("k", "w", 10);
      REQUIRE(Check(store, write) == "blocked on k");
      write.is_blind = true;
      REQUIRE(Check(store, write) == "blocked on k");
    }
  }
}

TEST_CASE("a write that is repeated after a lost reply learns that it is committed", "[mvcc]") {
  TestStore store;
  OnePhase write = PutOf("k", "v", 10);
  write.is_blind = GENERATE(false, true);
  REQUIRE(Commit(store, write, 20) == "clear");
  REQUIRE(Commit(store, write, 30) == "committed at 20");
  // Whatever has happened to the key since.
  store.Put("k", 40, 50, "newer");
  store.RollBack("k", 60);
  store.Lock("k", 70);
  REQUIRE(Commit(store, write, 80) == "committed at 20");
  REQUIRE(RollBack(store, "k", 10) == "committed at 20");
}

TEST_CASE("a write that was given up comes too late for ever", "[mvcc]") {
  TestStore store;
  store.Put("k", 1, 2, "old");
  REQUIRE(RollBack(store, "k", 10) == "marked by 1");
  REQUIRE(RollBack(store, "k", 10) == "marked by 0");
  REQUIRE(Commit(store, PutOf("k", "v", 10), 20) == "rolled back");
  store.Put("k", 30, 40, "newer");
  REQUIRE(Commit(store, PutOf("k", "v", 10), 50) == "rolled back");
  REQUIRE(Read(store, "k", 39) == "old");
  REQUIRE(Read(store, "k", 40) == "newer");
}

TEST_CASE("a mark that falls on a commit of another loses neither", "[mvcc]") {
  for (const size_t size : {size_t{1}, size_t{300}, kInlineValueBytesMax + 1}) {
    CAPTURE(size);
    const std::string value(size, 'v');
    TestStore store;
    REQUIRE(Commit(store, PutOf("k", value, 10), 20) == "clear");
    const int64_t before = store.operations();
    REQUIRE_OK(RollBackMissing(store, "k", Ts(20)).status());
    const int64_t needed = store.operations() - before;
    for (int64_t i = 0; i < needed; ++i) {
      store.FailAfter(i);
      REQUIRE(RollBackMissing(store, "k", Ts(20)).status().code() == Code::kInternal);
    }
    store.FailAfter(-1);
    REQUIRE(RollBack(store, "k", 20) == "marked by 1");
    REQUIRE(store.family(Family::kWrite).size() == 1);
    REQUIRE(Read(store, "k", 20) == value);
    REQUIRE(Commit(store, PutOf("k", "w", 20), 30) == "rolled back");
    REQUIRE(Commit(store, PutOf("k", value, 10), 30) == "committed at 20");
  }
}

TEST_CASE("a commit that falls on the mark of another loses neither", "[mvcc]") {
  TestStore store;
  REQUIRE(RollBack(store, "k", 20) == "marked by 1");
  REQUIRE(RollBack(store, "k", 25) == "marked by 1");
  REQUIRE(Commit(store, PutOf("k", "v", 10), 20) == "clear");
  REQUIRE(store.family(Family::kWrite).size() == 2);
  REQUIRE(Read(store, "k", 20) == "v");
  REQUIRE(Commit(store, PutOf("k", "w", 20), 30) == "rolled back");
  REQUIRE(Commit(store, PutOf("k", "v", 10), 30) == "committed at 20");
}

TEST_CASE("a transaction with a lock is not rolled back as one of one step", "[mvcc]") {
  TestStore store;
  store.Lock("k", 10);
  REQUIRE(RollBack(store, "k", 10) == "blocked on k");
  // The lock of another has nothing to do with it.
  REQUIRE(RollBack(store, "k", 11) == "marked by 1");
}

TEST_CASE("a commit timestamp that does not rise is refused", "[mvcc]") {
  TestStore store;
  store.Put("k", 15, 20, "v");
  OnePhase write = PutOf("k", "w", 10);
  write.is_blind = true;
  const auto clear = std::get<Clear>(Unwrap(CheckOnePhase(store, write)));
  for (const uint64_t commit :
       {uint64_t{0}, uint64_t{9}, uint64_t{10}, uint64_t{19}, uint64_t{20}, UINT64_MAX}) {
    const auto refused = WriteOnePhase(write, clear, Ts(commit)).status();
    REQUIRE(refused.code() == Code::kFailedPrecondition);
    REQUIRE(Says(refused, {std::to_string(commit), "10", "20"}));
  }
  REQUIRE_OK(WriteOnePhase(write, clear, Ts(21)).status());
}

TEST_CASE("of several keys the first that is in the way decides, and nothing is written",
          "[mvcc]") {
  TestStore store;
  store.Put("b", 15, 20, "v");
  store.Lock("c", 5);
  const OnePhase write{
      .start = Ts(10),
      .mutations = {
          {.key = "a", .value = "1"}, {.key = "b", .value = "2"}, {.key = "c", .value = "3"}}};
  REQUIRE(Commit(store, write, 30) == "conflict on b: 20 after 10");
  REQUIRE(store.family(Family::kWrite).size() == 1);
}

TEST_CASE("a start with too much behind it is not looked up", "[mvcc]") {
  constexpr uint64_t kRecordsMax = 64 << 10;
  TestStore store;
  for (uint64_t i = 0; i < kRecordsMax; ++i) store.Put(i % 2 == 0 ? "a" : "b", 5, 21 + i, "v");
  OnePhase write{.start = Ts(10), .mutations = {{.key = "a"}, {.key = "b"}}};
  write.is_blind = true;
  REQUIRE(Check(store, write) == "clear");
  store.Put("b", 5, 19, "v");
  REQUIRE(CheckOnePhase(store, write).status().code() == Code::kFailedPrecondition);
  write.start = Ts(30);
  REQUIRE(Check(store, write) == "clear");
}

TEST_CASE("requests are checked for what can't be written", "[mvcc]") {
  const auto check = [](const OnePhase& write, KeyOwner owner = KeyOwner::kClient) {
    return CheckRequest(write, owner).code();
  };
  const std::string too_large(kValueBytesMax + 1, 'v');
  REQUIRE(check(PutOf("k", "v", 1)) == Code::kOk);
  REQUIRE(check(PutOf("k", "v", 0)) == Code::kInvalidArgument);
  REQUIRE(check(PutOf("", "v", 1)) == Code::kInvalidArgument);
  REQUIRE(check(PutOf("\xff", "v", 1)) == Code::kInvalidArgument);
  REQUIRE(check(PutOf("\xff", "v", 1), KeyOwner::kSystem) == Code::kOk);
  REQUIRE(check(PutOf("k", too_large, 1)) == Code::kInvalidArgument);
  REQUIRE(check({.start = Ts(1)}) == Code::kInvalidArgument);
  REQUIRE(check({.start = Ts(1), .mutations = {{.key = "k"}, {.key = "j"}, {.key = "k"}}}) ==
          Code::kInvalidArgument);
  const Mutation odd{.kind = MutationKind::kDelete, .key = "k", .value = "v"};
  REQUIRE(check({.start = Ts(1), .mutations = {odd}}) == Code::kInvalidArgument);
}

TEST_CASE("a failure while looking is a status, never a clear way", "[mvcc]") {
  TestStore store;
  store.Put("k", 1, 2, "v");
  store.RollBack("k", 30);
  const int64_t before = store.operations();
  REQUIRE(Check(store, PutOf("k", "w", 10)) == "clear");
  const int64_t needed = store.operations() - before;
  for (int64_t i = 0; i < needed; ++i) {
    store.FailAfter(i);
    REQUIRE(CheckOnePhase(store, PutOf("k", "w", 10)).status().code() == Code::kInternal);
    store.FailAfter(i);
    REQUIRE(RollBackMissing(store, "k", Ts(10)).status().code() == Code::kInternal);
  }
}

}  // namespace nokv::mvcc
