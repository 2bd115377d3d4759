#include "gateway/resp/parser.h"

#include "engine/base/random.h"
#include "gateway/resp/integer.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace nokv::resp {
namespace {

struct Parsed {
  std::vector<std::vector<std::string>> commands;
  std::string error;
  size_t left_over = 0;  // Bytes of an unfinished command.

  friend bool operator==(const Parsed&, const Parsed&) = default;
};

std::ostream& operator<<(std::ostream& out, const Parsed& parsed) {
  for (const auto& command : parsed.commands) {
    for (const std::string& argument : command) out << '[' << argument << ']';
    out << ' ';
  }
  return out << "error: " << parsed.error << ", left over: " << parsed.left_over;
}

// Delivers `stream` in pieces of at most `piece` bytes, keeping only the unfinished command, each
// time at another address.
Parsed ParseInPieces(std::string_view stream, size_t piece, const Limits& limits = {}) {
  Parsed parsed;
  Parser parser;
  std::vector<char> pending;
  while (!stream.empty()) {
    const std::string_view part = stream.substr(0, piece);
    stream.remove_prefix(part.size());
    std::vector<char> moved = pending;
    moved.insert(moved.end(), part.begin(), part.end());
    pending.swap(moved);

    size_t consumed = 0;
    while (consumed < pending.size()) {
      std::vector<std::string_view> arguments;
      const std::span<char> input = std::span(pending).subspan(consumed);
      const Progress progress = parser.Parse(input, limits, &arguments);
      if (progress == Progress::kNeedMore) break;
      if (progress == Progress::kError) {
        parsed.error = parser.error();
        return parsed;
      }
      if (!arguments.empty()) parsed.commands.emplace_back(arguments.begin(), arguments.end());
      consumed += parser.consumed();
    }
    pending.erase(pending.begin(), pending.begin() + static_cast<ptrdiff_t>(consumed));
  }
  parsed.left_over = pending.size();
  return parsed;
}

// The same whole, byte by byte, and in odd pieces.
Parsed Parse(std::string_view stream, const Limits& limits = {}) {
  const Parsed whole = ParseInPieces(stream, stream.size(), limits);
  for (const size_t piece : {1, 2, 3, 7}) {
    CAPTURE(std::string(stream), piece);
    CHECK(ParseInPieces(stream, piece, limits) == whole);
  }
  return whole;
}

using Commands = std::vector<std::vector<std::string>>;

TEST_CASE("arrays of bulk strings are commands", "[resp]") {
  CHECK(Parse("*1\r\n$4\r\nPING\r\n").commands == Commands{{"PING"}});
  CHECK(Parse("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n").commands == Commands{{"SET", "k", ""}});
  CHECK(Parse("*2\r\n$4\r\nECHO\r\n$4\r\n\r\n*1\r\n*1\r\n$4\r\nQUIT\r\n").commands ==
        Commands{{"ECHO", "\r\n*1"}, {"QUIT"}});
  const std::string with_zero("*1\r\n$3\r\na\0b\r\n", 13);
  CHECK(Parse(with_zero).commands == Commands{{std::string("a\0b", 3)}});
}

TEST_CASE("an unfinished command stays in the input", "[resp]") {
  const Parsed parsed = Parse("*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$3\r\nke");
  CHECK(parsed.commands == Commands{{"PING"}});
  CHECK(parsed.left_over == 19);
}

TEST_CASE("inline commands are words with quotes", "[resp]") {
  CHECK(Parse("PING\r\n").commands == Commands{{"PING"}});
  CHECK(Parse("  SET\tk  v \n").commands == Commands{{"SET", "k", "v"}});
  CHECK(Parse("SET k \"a \\\"b\\\" \\x41\\n\"\r\n").commands ==
        Commands{{"SET", "k", "a \"b\" A\n"}});
  CHECK(Parse("SET k 'it\\'s \\n'\n").commands == Commands{{"SET", "k", "it's \\n"}});
  CHECK(Parse("SET k pre\"fix\"\n").commands == Commands{{"SET", "k", "prefix"}});
  CHECK(Parse("SET \"\" ''\n").commands == Commands{{"SET", "", ""}});
  CHECK(Parse("SET \"\\xg1\"\n").commands == Commands{{"SET", "xg1"}});
}

TEST_CASE("empty lines and empty arrays are nothing", "[resp]") {
  CHECK(Parse("\r\n\n   \r\n*0\r\n*-1\r\n*-5\r\nPING\r\n").commands == Commands{{"PING"}});
}

TEST_CASE("a broken stream is refused with Redis's words", "[resp]") {
  CHECK(Parse("*abc\r\n").error == "Protocol error: invalid multibulk length");
  CHECK(Parse("*2147483648\r\n").error == "Protocol error: invalid multibulk length");
  CHECK(Parse("*\r\n").error == "Protocol error: invalid multibulk length");
  CHECK(Parse("*1\r\nPING\r\n").error == "Protocol error: expected '$', got 'P'");
  CHECK(Parse("*1\r\n\r\n\r\n").error == "Protocol error: expected '$', got '\r'");
  CHECK(Parse("*1\r\n$-1\r\n").error == "Protocol error: invalid bulk length");
  CHECK(Parse("*1\r\n$abc\r\n").error == "Protocol error: invalid bulk length");
  CHECK(Parse("*1\r\n$536870913\r\n").error == "Protocol error: invalid bulk length");
  CHECK(Parse("*1\r\n$99999999999999999999\r\n").error == "Protocol error: invalid bulk length");
  CHECK(Parse("SET \"open\r\n").error == "Protocol error: unbalanced quotes in request");
  CHECK(Parse("SET 'open\r\n").error == "Protocol error: unbalanced quotes in request");
  CHECK(Parse("SET \"a\"b\r\n").error == "Protocol error: unbalanced quotes in request");
}

TEST_CASE("commands before a broken one are still commands", "[resp]") {
  const Parsed parsed = Parse("*1\r\n$4\r\nPING\r\n*x\r\n");
  CHECK(parsed.commands == Commands{{"PING"}});
  CHECK(parsed.error == "Protocol error: invalid multibulk length");
}

TEST_CASE("lines without an end are refused past 64 KiB", "[resp]") {
  const std::string digits(70'000, '1');
  CHECK(ParseInPieces(digits, 1000).error == "Protocol error: too big inline request");
  CHECK(ParseInPieces("*" + digits, 1000).error == "Protocol error: too big mbulk count string");
  CHECK(ParseInPieces("*1\r\n$" + digits, 1000).error ==
        "Protocol error: too big bulk count string");
}

TEST_CASE("a client without the password may declare little", "[resp]") {
  const Limits limits{.is_authenticated = false};
  CHECK(Parse("*10\r\n", limits).error.empty());
  CHECK(Parse("*11\r\n", limits).error == "Protocol error: unauthenticated multibulk length");
  CHECK(Parse("*1\r\n$16384\r\n", limits).error.empty());
  CHECK(Parse("*1\r\n$16385\r\n", limits).error == "Protocol error: unauthenticated bulk length");
}

TEST_CASE("a huge count is believed but costs nothing until it arrives", "[resp]") {
  const Parsed parsed = Parse("*1048577\r\n$1\r\na\r\n");
  CHECK(parsed.error.empty());
  CHECK(parsed.commands.empty());
}

TEST_CASE("an argument of a megabyte is put together from pieces", "[resp]") {
  const std::string big(1 << 20, 'x');
  const std::string stream = "*2\r\n$4\r\nECHO\r\n$1048576\r\n" + big + "\r\n";
  const Parsed parsed = ParseInPieces(stream, 65536);
  REQUIRE(parsed.commands.size() == 1);
  CHECK(parsed.commands[0][1] == big);
}

TEST_CASE("random streams give the same result however they are cut", "[resp]") {
  const uint64_t seed = 20250801;
  CAPTURE(seed);
  Random random(seed);
  constexpr std::string_view kAlphabet = "*$\r\n0123456789-aPING \"'\\x";
  for (int round = 0; round < 3000; ++round) {
    std::string stream;
    for (uint64_t i = random.Uniform(60); i > 0; --i) {
      switch (random.Uniform(6)) {
        case 0:
          stream += "*2\r\n$1\r\na\r\n$2\r\nbc\r\n";
          break;
        case 1:
          stream += "*1\r\n$" + std::to_string(random.Uniform(12)) + "\r\n";
          break;
        case 2:
          stream.push_back(static_cast<char>(random.Uniform(256)));
          break;
        default:
          stream.push_back(kAlphabet[random.Uniform(kAlphabet.size())]);
      }
    }
    CAPTURE(round, stream);
    const Parsed whole = ParseInPieces(stream, stream.size() + 1);
    REQUIRE(ParseInPieces(stream, 1) == whole);
    REQUIRE(ParseInPieces(stream, 1 + random.Uniform(9)) == whole);
  }
}

TEST_CASE("an integer has one spelling", "[resp]") {
  CHECK(ParseInteger("0") == 0);
  CHECK(ParseInteger("-1") == -1);
  CHECK(ParseInteger("9223372036854775807") == INT64_MAX);
  CHECK(ParseInteger("-9223372036854775808") == INT64_MIN);
  for (const char* text : {"", "-", "+1", "01", "-0", " 1", "1 ", "1a", "9223372036854775808",
                           "-9223372036854775809", "99999999999999999999", "0x10"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseInteger(text).has_value());
  }
}

}  // namespace
}  // namespace nokv::resp
