// Histories made by hand, good ones and bad ones: what a checker is for.
#include "tests/checker/linearizability.h"

#include "tests/checker/test_check.h"

#include <string>

namespace nokv::checker {
namespace {

// A clock that moves on by a second whenever somebody looks.
class RestlessClock final : public Clock {
 public:
  uint64_t WallMillis() override { return 0; }

  uint64_t MonotonicNanos() override { return now_ += 1'000'000'000; }

  void SleepFor(absl::Duration) override {}

 private:
  uint64_t now_ = 0;
};

// So many puts at once that no search can look at all their orders, and a read of something else.
History HardHistory() {
  History history;
  for (uint64_t i = 0; i < 40; ++i) {
    history.push_back({.client = i,
                       .call = i,
                       .end = 1000 + i,
                       .kind = OperationKind::kPut,
                       .key = "k",
                       .value = std::to_string(i)});
  }
  history.push_back(
      {.client = 99, .call = 2000, .end = 2001, .key = "k", .found = "never written"});
  return history;
}

}  // namespace

TEST_CASE("operations one after the other are as good as their results", "[checker]") {
  REQUIRE(IsGoodRegister(""));
  REQUIRE(IsGoodRegister("1 1 get \"k\"\n2 1 ok -\n"));
  REQUIRE(IsGoodRegister("1 1 put \"k\" \"v\"\n2 1 ok\n3 1 get \"k\"\n4 1 ok \"v\"\n"));
  REQUIRE_FALSE(IsGoodRegister("1 1 put \"k\" \"v\"\n2 1 ok\n3 1 get \"k\"\n4 1 ok -\n"));
}

TEST_CASE("a read may find either side of a write that is under way", "[checker]") {
  const std::string write = "1 1 put \"k\" \"v\"\n9 1 ok\n";
  REQUIRE(IsGoodRegister(write + "2 2 get \"k\"\n3 2 ok \"v\"\n"));
  REQUIRE(IsGoodRegister(write + "2 2 get \"k\"\n3 2 ok -\n"));
  REQUIRE(IsGoodRegister(write + "2 2 get \"k\"\n3 2 ok -\n4 2 get \"k\"\n5 2 ok \"v\"\n"));
}

TEST_CASE("a write that was seen and is gone again is found", "[checker]") {
  const std::string write = "1 1 put \"k\" \"v\"\n9 1 ok\n";
  REQUIRE_FALSE(IsGoodRegister(write + "2 2 get \"k\"\n3 2 ok \"v\"\n4 3 get \"k\"\n5 3 ok -\n"));
  // Also if the write's own outcome is unknown.
  REQUIRE_FALSE(
      IsGoodRegister("1 1 put \"k\" \"v\"\n"
                     "2 2 get \"k\"\n3 2 ok \"v\"\n4 3 get \"k\"\n5 3 ok -\n"));
}

TEST_CASE("a stale read is found", "[checker]") {
  REQUIRE_FALSE(
      IsGoodRegister("1 1 put \"k\" \"old\"\n2 1 ok\n"
                     "3 1 put \"k\" \"new\"\n4 1 ok\n"
                     "5 2 get \"k\"\n6 2 ok \"old\"\n"));
  // At the same time as the second write it is none.
  REQUIRE(
      IsGoodRegister("1 1 put \"k\" \"old\"\n2 1 ok\n"
                     "3 1 put \"k\" \"new\"\n7 1 ok\n"
                     "5 2 get \"k\"\n6 2 ok \"old\"\n"));
}

TEST_CASE("equal times overlap", "[checker]") {
  REQUIRE(IsGoodRegister("1 1 put \"k\" \"v\"\n5 1 ok\n5 2 get \"k\"\n9 2 ok -\n"));
  REQUIRE_FALSE(IsGoodRegister("1 1 put \"k\" \"v\"\n4 1 ok\n5 2 get \"k\"\n9 2 ok -\n"));
}

TEST_CASE("a value that nobody wrote is found", "[checker]") {
  REQUIRE_FALSE(
      IsGoodRegister("1 1 put \"k\" \"v\"\n2 1 ok\n3 2 get \"k\"\n4 2 ok \"something else\"\n"));
  // Nor is a value of another key one of this.
  REQUIRE_FALSE(IsGoodRegister("1 1 put \"j\" \"v\"\n2 1 ok\n3 2 get \"k\"\n4 2 ok \"v\"\n"));
}

TEST_CASE("a write of unknown outcome may appear late, or never, but only once", "[checker]") {
  const std::string lost = "1 1 put \"k\" \"v\"\n2 1 unknown\n";
  const std::string absent = "10 2 get \"k\"\n11 2 ok -\n";
  const std::string late = "100 3 get \"k\"\n101 3 ok \"v\"\n";
  const std::string gone = "110 4 get \"k\"\n111 4 ok -\n";
  REQUIRE(IsGoodRegister(lost + absent));
  REQUIRE(IsGoodRegister(lost + absent + late));
  REQUIRE_FALSE(IsGoodRegister(lost + absent + late + gone));
  const std::string overwritten = "102 5 put \"k\" \"w\"\n103 5 ok\n";
  REQUIRE(IsGoodRegister(lost + absent + late + overwritten));
  REQUIRE_FALSE(
      IsGoodRegister(lost + absent + late + overwritten + "110 4 get \"k\"\n111 4 ok \"v\"\n"));
  // Two such writes can appear twice.
  REQUIRE(IsGoodRegister(lost + "3 6 put \"k\" \"v\"\n" + late + overwritten +
                         "110 4 get \"k\"\n111 4 ok \"v\"\n"));
  // But not before they were sent.
  REQUIRE_FALSE(IsGoodRegister("1 2 get \"k\"\n2 2 ok \"v\"\n3 1 put \"k\" \"v\"\n"));
}

TEST_CASE("a lost update is found", "[checker]") {
  const std::string first = "1 1 put \"k\" \"v\"\n2 1 ok\n";
  const std::string both =
      "3 1 cas \"k\" \"v\" \"a\"\n3 2 cas \"k\" \"v\" \"b\"\n9 1 ok yes\n9 2 ok ";
  REQUIRE_FALSE(IsGoodRegister(first + both + "yes\n"));
  REQUIRE(IsGoodRegister(first + both + "no\n"));
}

TEST_CASE("a cas that refuses although the value is there is found", "[checker]") {
  const std::string first = "1 1 put \"k\" \"v\"\n2 1 ok\n";
  REQUIRE_FALSE(IsGoodRegister(first + "3 1 cas \"k\" \"v\" \"w\"\n4 1 ok no\n"));
  REQUIRE(IsGoodRegister(first + "3 1 cas \"k\" - \"w\"\n4 1 ok no\n"));
  REQUIRE(IsGoodRegister("3 1 cas \"k\" - \"w\"\n4 1 ok yes\n5 1 get \"k\"\n6 1 ok \"w\"\n"));
  // A write that nobody was told of explains the refusal.
  REQUIRE(IsGoodRegister(first + "2 9 put \"k\" \"x\"\n3 1 cas \"k\" \"v\" \"w\"\n4 1 ok no\n"));
}

TEST_CASE("a deletion deletes, and tells the truth if it tells", "[checker]") {
  const std::string first = "1 1 put \"k\" \"v\"\n2 1 ok\n";
  REQUIRE(IsGoodRegister(first + "3 1 delete \"k\"\n4 1 ok yes\n5 1 get \"k\"\n6 1 ok -\n"));
  REQUIRE(IsGoodRegister(first + "3 1 delete \"k\"\n4 1 ok\n5 1 delete \"k\"\n6 1 ok no\n"));
  REQUIRE_FALSE(IsGoodRegister(first + "3 1 delete \"k\"\n4 1 ok no\n"));
  REQUIRE_FALSE(
      IsGoodRegister(first + "3 1 delete \"k\"\n4 1 ok yes\n5 1 delete \"k\"\n6 1 ok yes\n"));
  REQUIRE_FALSE(IsGoodRegister(first + "3 1 delete \"k\"\n4 1 ok\n5 1 get \"k\"\n6 1 ok \"v\"\n"));
}

TEST_CASE("a counter counts each increment once", "[checker]") {
  REQUIRE(
      IsGoodCounter("1 1 incr \"n\" 1\n1 2 incr \"n\" 1\n9 1 ok 2\n9 2 ok 1\n"
                    "10 1 get \"n\"\n11 1 ok \"2\"\n"));
  // Two that return the same: one update is lost.
  REQUIRE_FALSE(IsGoodCounter("1 1 incr \"n\" 1\n1 2 incr \"n\" 1\n9 1 ok 1\n9 2 ok 1\n"));
  // One that happened twice, as after a retry without an identity.
  REQUIRE_FALSE(IsGoodCounter("1 1 incr \"n\" 1\n2 1 ok 1\n3 1 get \"n\"\n4 1 ok \"2\"\n"));
  REQUIRE_FALSE(IsGoodCounter("1 1 incr \"n\" 5\n2 1 ok 10\n"));
  // One of unknown outcome may happen once, late, or not at all; not twice.
  const std::string lost = "1 1 incr \"n\" 1\n2 1 unknown\n";
  REQUIRE(IsGoodCounter(lost + "3 2 incr \"n\" 1\n4 2 ok 1\n5 2 incr \"n\" 1\n6 2 ok 3\n"));
  REQUIRE(IsGoodCounter(lost + "3 2 incr \"n\" 1\n4 2 ok 1\n5 2 incr \"n\" 1\n6 2 ok 2\n"));
  REQUIRE_FALSE(IsGoodCounter(lost + "3 2 incr \"n\" 1\n4 2 ok 3\n"));
  REQUIRE_FALSE(IsGoodCounter(lost + "3 2 incr \"n\" 1\n4 2 ok 2\n5 2 incr \"n\" 1\n6 2 ok 4\n"));
}

TEST_CASE("a counter can be set and deleted, and does not overflow", "[checker]") {
  REQUIRE(
      IsGoodCounter("1 1 put \"n\" \"41\"\n2 1 ok\n3 1 incr \"n\" 1\n4 1 ok 42\n"
                    "5 1 delete \"n\"\n6 1 ok yes\n7 1 get \"n\"\n8 1 ok -\n"
                    "9 1 incr \"n\" -3\n10 1 ok -3\n"));
  REQUIRE_FALSE(
      IsGoodCounter("1 1 put \"n\" \"9223372036854775807\"\n2 1 ok\n"
                    "3 1 incr \"n\" 1\n4 1 ok -9223372036854775808\n"));
}

TEST_CASE("a counter refuses to add to a text, and only then", "[checker]") {
  const std::string text = "1 1 put \"n\" \"text\"\n2 1 ok\n";
  REQUIRE(IsGoodCounter(text + "3 1 incr \"n\" 1\n4 1 ok no\n5 1 get \"n\"\n6 1 ok \"text\"\n"));
  REQUIRE_FALSE(IsGoodCounter(text + "3 1 incr \"n\" 1\n4 1 ok 1\n"));
  REQUIRE_FALSE(IsGoodCounter(text + "3 1 get \"n\"\n4 1 ok \"other\"\n"));
  // Refused by what was there long ago.
  const std::string number = "3 1 put \"n\" \"5\"\n4 1 ok\n";
  REQUIRE(IsGoodCounter(text + number + "5 1 incr \"n\" 1\n6 1 ok 6\n"));
  REQUIRE_FALSE(IsGoodCounter(text + number + "5 1 incr \"n\" 1\n6 1 ok no\n"));
  REQUIRE_FALSE(IsGoodCounter("1 1 incr \"n\" 1\n2 1 ok no\n"));
  // While both are under way it may be either.
  REQUIRE(IsGoodCounter(text + "3 2 put \"n\" \"5\"\n4 1 incr \"n\" 1\n5 1 ok no\n6 2 ok\n"));
}

TEST_CASE("an operation that the object does not have is refused", "[checker]") {
  ManualClock clock;
  const auto incr = Parse("1 1 incr \"n\" 1\n2 1 ok 1\n");
  REQUIRE(CheckLinearizable(incr, NewRegister, clock).status().code() ==
          absl::StatusCode::kInvalidArgument);
  const auto low = Parse("1 1 put \"n\" \"-9223372036854775808\"\n2 1 ok\n");
  REQUIRE(CheckLinearizable(low, NewCounter, clock).status().code() ==
          absl::StatusCode::kInvalidArgument);
  const History backward = {{.client = 1, .call = 9, .end = 8, .key = "k"}};
  REQUIRE(CheckLinearizable(backward, NewRegister, clock).status().code() ==
          absl::StatusCode::kInvalidArgument);
}

TEST_CASE("the smallest bad key is told, up to the moment that nothing passes", "[checker]") {
  std::string lines =
      "1 1 put \"small\" \"old\"\n2 1 ok\n3 1 put \"small\" \"new\"\n4 1 ok\n"
      "5 2 get \"small\"\n6 2 ok \"old\"\n7 2 get \"small\"\n8 2 ok \"old\"\n"
      "1 3 get \"good\"\n2 3 ok -\n";
  for (int i = 0; i < 10; ++i) {
    lines += fmt::format("{} 4 get \"large\"\n{} 4 ok \"never\"\n", 10 + 2 * i, 11 + 2 * i);
  }
  const Report report = Check(Parse(lines), NewRegister);
  REQUIRE(report.verdict == Verdict::kNotLinearizable);
  REQUIRE(report.keys == 3);
  REQUIRE(report.operations == 15);
  const BadKey& bad = report.bad.value();
  REQUIRE(bad.key == "small");
  REQUIRE(bad.operations.size() == 3);  // The second read is not needed.
  REQUIRE(bad.stuck == 2);
  REQUIRE(bad.order == std::vector<size_t>{0, 1});
  const std::string text = Describe(report);
  for (const std::string_view part :
       {"not linearizable", "key \"small\"", "! ", "#1", "#2", "get \"small\" -> ok \"old\""}) {
    CAPTURE(text, part);
    REQUIRE(text.find(part) != std::string::npos);
  }
}

TEST_CASE("a search that reaches its limit is undecided and not a pass", "[checker]") {
  const Report memory = Check(HardHistory(), NewRegister, {.memory_bytes_max = 1 << 20});
  REQUIRE(memory.verdict == Verdict::kUnknown);
  REQUIRE(memory.unknown_keys == std::vector<std::string>{"k"});
  REQUIRE(Describe(memory).find("undecided: key \"k\"") != std::string::npos);

  RestlessClock clock;
  const auto time =
      CheckLinearizable(HardHistory(), NewRegister, clock, {.time_max = absl::Seconds(10)});
  REQUIRE(time->verdict == Verdict::kUnknown);
  // Keys that were not even begun are undecided, too.
  RestlessClock late;
  const auto none = CheckLinearizable(Parse("1 1 get \"k\"\n2 1 ok -\n"), NewRegister, late,
                                      {.time_max = absl::ZeroDuration()});
  REQUIRE(none->verdict == Verdict::kUnknown);
  // A bad key is bad, whatever else is undecided.
  History history = HardHistory();
  for (Operation& operation : Parse("1 1 get \"bad\"\n2 1 ok \"v\"\n")) {
    history.push_back(operation);
  }
  REQUIRE(Check(history, NewRegister, {.memory_bytes_max = 1 << 20}).verdict ==
          Verdict::kNotLinearizable);
}

TEST_CASE("many writes of unknown outcome do not make a history hard", "[checker]") {
  History history;
  for (uint64_t i = 0; i < 200; ++i) {
    history.push_back({.client = 1000 + i,
                       .call = 10 * i,
                       .kind = OperationKind::kPut,
                       .key = "k",
                       .value = "lost" + std::to_string(i)});
    history.push_back({.client = 1,
                       .call = 10 * i + 1,
                       .end = 10 * i + 2,
                       .kind = OperationKind::kPut,
                       .key = "k",
                       .value = std::to_string(i)});
    // Every tenth of the lost ones appears, much later.
    const bool is_late = i % 10 == 9;
    history.push_back({.client = 1,
                       .call = 10 * i + 3,
                       .end = 10 * i + 4,
                       .key = "k",
                       .found = is_late ? "lost" + std::to_string(i / 2) : std::to_string(i)});
  }
  const Report good = Check(history, NewRegister);
  REQUIRE(good.verdict == Verdict::kLinearizable);
  // One that appears again after it was overwritten.
  history.back().found = "lost4";
  history[history.size() - 4].found = "lost4";
  REQUIRE(Check(history, NewRegister).verdict == Verdict::kNotLinearizable);
}

}  // namespace nokv::checker
