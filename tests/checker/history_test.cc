#include "tests/checker/history.h"

#include "engine/base/random.h"
#include "tests/checker/test_check.h"
#include "tests/checker/test_histories.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

namespace nokv::checker {
namespace {

// The error for one bad line behind the header, without the line itself.
std::string ErrorOf(std::string_view lines) {
  History history;
  const absl::Status status =
      ParseHistory(std::string(kHistoryHeader) + std::string(lines), history);
  if (status.ok()) return "none";
  REQUIRE(status.code() == absl::StatusCode::kInvalidArgument);
  return std::string(StdView(status.message()));
}

}  // namespace

TEST_CASE("a history reads as it is written down", "[checker]") {
  const History history = Parse(
      "# comments and empty lines are passed over\n"
      "\n"
      "10 1 put \"k\" \"v\"\n"
      "20 1 ok\n"
      "21 1 get \"k\"\n"
      "22 2 get \"none\"\n"
      "30 1 ok \"v\"\n"
      "31 2 ok -\n"
      "40 1 cas \"k\" \"v\" \"w\"\n"
      "41 1 ok yes\n"
      "42 1 cas \"k\" - \"x\"\n"
      "43 1 ok no\n"
      "44 1 delete \"k\"\n"
      "45 1 ok\n"
      "46 1 delete \"k\"\n"
      "47 1 ok no\n"
      "50 3 incr \"n\" -5\n"
      "51 3 ok -5\n");
  REQUIRE(history.size() == 8);
  REQUIRE(history[0] == Operation{.client = 1,
                                  .call = 10,
                                  .end = 20,
                                  .kind = OperationKind::kPut,
                                  .key = "k",
                                  .value = "v"});
  REQUIRE(history[1].found == "v");
  REQUIRE(history[2].found == std::nullopt);
  REQUIRE(history[3].expected == "v");
  REQUIRE(history[3].did == true);
  REQUIRE(history[4].expected == std::nullopt);
  REQUIRE(history[4].did == false);
  REQUIRE(history[5].did == std::nullopt);
  REQUIRE(history[6].did == false);
  REQUIRE(history[7].delta == -5);
  REQUIRE(history[7].sum == -5);
}

TEST_CASE("what never ended is unknown, what failed is left out", "[checker]") {
  const History history = Parse(
      "10 1 put \"k\" \"a\"\n"
      "11 2 put \"k\" \"b\"\n"
      "12 3 put \"k\" \"c\"\n"
      "20 2 fail\n"
      "21 3 unknown\n"
      "22 3 get \"k\"\n"
      "23 3 ok -\n");
  REQUIRE(history.size() == 3);
  REQUIRE(history[0].value == "c");
  REQUIRE_FALSE(history[0].is_known());
  REQUIRE(history[1].kind == OperationKind::kGet);
  REQUIRE(history[2].value == "a");
  REQUIRE_FALSE(history[2].is_known());
}

TEST_CASE("the line that a killed process left half is passed over", "[checker]") {
  History history;
  const std::string text = std::string(kHistoryHeader) + "10 1 put \"k\" \"v\"\n20 1 o";
  REQUIRE(ParseHistory(text, history).ok());
  REQUIRE(history.size() == 1);
  REQUIRE_FALSE(history[0].is_known());
}

TEST_CASE("files of several processes become one history", "[checker]") {
  History history;
  const std::string header(kHistoryHeader);
  REQUIRE(ParseHistory(header + "10 1 get \"k\"\n15 1 ok -\n", history).ok());
  REQUIRE(ParseHistory(header + "5 2 get \"k\"\n7 2 ok -\n", history).ok());
  REQUIRE(history.size() == 2);
}

TEST_CASE("any bytes can be keys and values", "[checker]") {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  const Operation put{
      .client = 1, .call = 1, .end = 2, .kind = OperationKind::kPut, .key = all, .value = "\"\\ x"};
  const std::string text = FormatHistory({put});
  for (const char c : text) REQUIRE((c == '\n' || (c >= ' ' && c < '\x7f')));
  History read;
  REQUIRE(ParseHistory(text, read).ok());
  REQUIRE(read == History{put});
}

TEST_CASE("a history that is written and read again is the same", "[checker]") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    History history =
        Simulate({.operations = 500, .is_counter = seed % 2 == 0, .one_unknown_in = 5}, random);
    History read;
    REQUIRE(ParseHistory(FormatHistory(history), read).ok());
    const auto by_client_and_call = [](const Operation& a, const Operation& b) {
      return std::tie(a.client, a.call) < std::tie(b.client, b.call);
    };
    std::sort(history.begin(), history.end(), by_client_and_call);
    std::sort(read.begin(), read.end(), by_client_and_call);
    REQUIRE(read == history);
  }
}

TEST_CASE("operations without a length keep their order in the file", "[checker]") {
  History history;
  for (int i = 0; i < 5; ++i) {
    history.push_back({.client = 1,
                       .call = 7,
                       .end = 7,
                       .kind = OperationKind::kPut,
                       .key = "k",
                       .value = std::to_string(i)});
  }
  History read;
  REQUIRE(ParseHistory(FormatHistory(history), read).ok());
  REQUIRE(read.size() == 5);
}

TEST_CASE("a bad line is refused with its number and what is wrong", "[checker]") {
  History history;
  REQUIRE_FALSE(ParseHistory("", history).ok());
  REQUIRE_FALSE(ParseHistory("nokv-history 2\n", history).ok());
  REQUIRE(ErrorOf("1 1 get \"k\"\n2 1 get \"k\"\n") ==
          "line 3: the client's last operation has no outcome yet: 2 1 get \"k\"");
  REQUIRE(ErrorOf("2 1 get \"k\"\n1 1 ok -\n").find("time went back") != std::string::npos);
  REQUIRE(ErrorOf("1 1 ok -\n").find("without an operation") != std::string::npos);
  REQUIRE(ErrorOf("1 1 sing \"k\"\n").find("unknown word") != std::string::npos);
  for (const std::string_view line :
       {"x 1 get \"k\"", "1", "1 1", "-1 1 get \"k\"", "1 1 get", "1 1 get k", "1 1 get \"k",
        "1 1 get \"k\" x", "1 1 get \"\\q\"", "1 1 get \"\\x4\"", "1 1 get \"k\"x", "1 1 put \"k\"",
        "1 1 put \"k\" -", "1 1 cas \"k\" \"v\"", "1 1 incr \"k\" 1.5",
        "18446744073709551615 1 get \"k\""}) {
    CAPTURE(line);
    REQUIRE(ErrorOf(std::string(line) + "\n") != "none");
  }
  for (const std::string_view result : {"ok", "ok v", "ok \"v\" x", "fail x", "unknown 1"}) {
    CAPTURE(result);
    REQUIRE(ErrorOf("1 1 get \"k\"\n2 1 " + std::string(result) + "\n") != "none");
  }
}

TEST_CASE("no bytes crash the reader of histories", "[checker]") {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    Random random(seed);
    std::string text = FormatHistory(Simulate({.operations = 5, .one_unknown_in = 3}, random));
    for (int i = 0; i < 3; ++i) {
      const size_t at = kHistoryHeader.size() + random.Uniform(text.size() - kHistoryHeader.size());
      static constexpr char kBytes[] = {'"', '\\', ' ', '\n', '-', 'x', '\0', '9'};
      if (random.OneIn(2)) {
        text[at] = kBytes[random.Uniform(sizeof(kBytes))];
      } else {
        text.erase(at, random.Uniform(4));
      }
      if (text.size() <= kHistoryHeader.size()) break;
    }
    History history;
    static_cast<void>(ParseHistory(text, history).ok());
  }
}

}  // namespace nokv::checker
