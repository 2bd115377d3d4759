#include "cmd/config/document.h"

#include "engine/base/random.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <functional>

namespace nokv::config {
namespace {

// The one problem of a text: "line:column pointer message".
std::string OnlyProblem(std::string_view text) {
  ProblemList problems;
  const Document document(text, problems);
  const Problems found = problems.Locate(text);
  REQUIRE(found.count == 1);
  const Problem& problem = found.listed[0];
  return fmt::format("{}:{} {} {}", problem.line, problem.column, problem.pointer, problem.message);
}

TEST_CASE("every value knows its text and its place", "[config]") {
  const std::string_view text =
      "{ \"a/b\" : [ 1,-2 ,\n  3.5e1, 18446744073709551616],\n"
      "  \"c~\": {\"d\": \"x\\ny\\\"\" , \"e\":null,\"f\":true}, \"g\": [], \"h\": {}}";
  ProblemList problems;
  const Document document(text, problems);
  REQUIRE(problems.empty());
  const Value* root = document.root();
  REQUIRE(root != nullptr);

  std::vector<std::string> found;
  const std::function<void(const Value&)> visit = [&](const Value& value) {
    CHECK(text.substr(value.offset, value.raw.size()) == value.raw);
    found.push_back(PointerTo(value) + " " + std::string(value.raw));
    for (const Value* child : value.children) {
      CHECK(child->parent == &value);
      if (value.kind == Kind::kObject) {
        CHECK(text.substr(child->name_offset + 1, child->name.size()) == child->name);
      }
      visit(*child);
    }
  };
  visit(*root);
  CHECK(found == std::vector<std::string>{" {", "/a~1b [", "/a~1b/0 1", "/a~1b/1 -2",
                                          "/a~1b/2 3.5e1", "/a~1b/3 18446744073709551616", "/c~0 {",
                                          "/c~0/d \"x\\ny\\\"\"", "/c~0/e null", "/c~0/f true",
                                          "/g [", "/h {"});
  const Value& numbers = *root->Find("a/b");
  CHECK(numbers.children[0]->number == 1);
  CHECK_FALSE(numbers.children[1]->number);  // Negative.
  CHECK_FALSE(numbers.children[2]->number);  // Not whole.
  CHECK_FALSE(numbers.children[3]->number);  // Beyond 64 bits.
  CHECK(root->Find("c~")->Find("d")->string == "x\ny\"");
  CHECK(root->Find("none") == nullptr);
  CHECK(&root->FindOrSelf("none") == root);
}

TEST_CASE("a text that is not JSON is refused where that shows", "[config]") {
  CHECK(OnlyProblem("") ==
        "1:1  not JSON: in value - unexpected end of input; expected '[', '{', or a literal");
  CHECK(OnlyProblem("{\n\"a\": [1,\n}") ==
        "3:1 /a not JSON: in value - unexpected '}'; expected '[', '{', or a literal");
  CHECK(OnlyProblem("{\n  a: 1}") ==
        "2:3  not JSON: in object key - invalid literal; last read: '{<U+000A>  a'; expected "
        "string literal");
  CHECK(OnlyProblem("{\"a\": {\"b\": 1,}}") ==
        "1:15 /a not JSON: in object key - unexpected '}'; expected string literal");
  CHECK(OnlyProblem("{} {}") == "1:4  not JSON: in value - unexpected '{'; expected end of input");
  CHECK(OnlyProblem("[1e999]") == "1:6  not JSON: number overflow parsing '1e999'");
  CHECK(OnlyProblem("[\"a\tb\"]").starts_with("1:4  not JSON: in value - invalid string: control"));
  CHECK(OnlyProblem("// no\n{}").starts_with("1:1  not JSON: in value - invalid literal;"));
}

TEST_CASE("a zero byte does not end a text, nor hide what follows", "[config]") {
  using namespace std::string_literals;
  CHECK(OnlyProblem("{}\n\0{"s) ==
        "2:1  not JSON: a zero byte; expected nothing behind the last bracket");
  CHECK(OnlyProblem("[\"\0\"]"s).find("not JSON") != std::string::npos);
  CHECK(OnlyProblem("[1,\0]"s).find("not JSON") != std::string::npos);
}

TEST_CASE("a message about a long token is short", "[config]") {
  CHECK(OnlyProblem("{\"a\": \"" + std::string(10'000, 'x')).size() < 250);
}

TEST_CASE("a byte that is not UTF-8 is named, and where it stands", "[config]") {
  CHECK(OnlyProblem("{\n\"a\": [\"\xc3\xa4\xff\"]}") ==
        "2:9 /a byte ff is not UTF-8; expected JSON in UTF-8");
  CHECK(OnlyProblem("\x80") == "1:1  byte 80 is not UTF-8; expected JSON in UTF-8");
  for (const char* bad : {"\xc0\xaf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xed\xa0\x80",
                          "\xf4\x90\x80\x80", "\xe2\x82", "\xf5\x80\x80\x80"}) {
    CHECK(OnlyProblem(fmt::format("[\"{}\"]", bad)).find("is not UTF-8") != std::string::npos);
  }
}

TEST_CASE("a key that stands twice is named with the line of the first", "[config]") {
  CHECK(OnlyProblem("{\"a\": 1,\n\"b\": 2,\n  \"a\": 3}") ==
        "3:3 /a a second key of this name, the first is in line 1; expected each key once");
  CHECK(OnlyProblem("{\"x\": {\"a\": 1, \"\\u0061\": 1}}") ==
        "1:16 /x/a a second key of this name, the first is in line 1; expected each key once");
  ProblemList problems;
  const Document same_names_apart("{\"a\": {\"a\": [{\"a\": 1}, {\"a\": 1}]}}", problems);
  CHECK(problems.empty());
}

TEST_CASE("depth and number of values are bounded", "[config]") {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  ProblemList none;
  CHECK(Document(nested(kDepthMax), none).root() != nullptr);
  CHECK(none.empty());
  CHECK(OnlyProblem(nested(kDepthMax + 1)) ==
        "1:9 /0/0/0/0/0/0/0/0 nested too deep; expected at most 8 levels");
  CHECK(OnlyProblem(std::string(500'000, '[')).find("nested too deep") != std::string::npos);

  std::string many = "[0";
  while (many.size() < 2 * kValuesMax) many += ",0";
  CHECK(OnlyProblem(many + "]") ==
        "1:200000 /99999 too many values; expected at most 100000 in the file");
}

TEST_CASE("a document is JSON exactly if the library says so", "[config]") {
  const uint64_t seed = 20260119;
  INFO("seed " << seed);
  Random random(seed);
  constexpr std::string_view kPieces[] = {"{",  "}",  "[",    "]",    ",",    ":",        "\"a\"",
                                          "\"", "1",  "-1.5", "1e5",  "true", "nul",      "null",
                                          " ",  "\n", "\\",   "\xc3", "\xa4", "{\"b\":1}"};
  int accepted = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string text;
    for (uint64_t i = random.Uniform(7); i > 0; --i) text += kPieces[random.Uniform(20)];
    CAPTURE(text);
    ProblemList problems;
    const Document document(text, problems);
    const bool is_json = nlohmann::json::accept(text);
    REQUIRE((document.root() != nullptr) == is_json);
    if (!is_json) REQUIRE_FALSE(problems.empty());
    accepted += is_json ? 1 : 0;
  }
  CHECK(accepted > 1000);
}

}  // namespace
}  // namespace nokv::config
