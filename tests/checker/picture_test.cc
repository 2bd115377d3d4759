#include "tests/checker/picture.h"

#include "tests/checker/test_check.h"

#include <string>
#include <string_view>

namespace nokv::checker {
namespace {

size_t Count(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("the picture shows each operation, the order, and where it is stuck", "[checker]") {
  const Report report = Check(Parse("1 1 put \"<k>\" \"old\"\n2 1 ok\n"
                                    "3 1 put \"<k>\" \"new\"\n4 1 ok\n"
                                    "3 7 put \"<k>\" \"lost\"\n"
                                    "5 2 get \"<k>\"\n6 2 ok \"old\"\n"),
                              NewRegister);
  const std::string html = DrawHtml(report.bad.value());
  REQUIRE(html.starts_with("<!doctype html>"));
  REQUIRE(Count(html, "<rect ") == 4);
  REQUIRE(Count(html, "class=\"stuck\"") == 1);
  REQUIRE(Count(html, "class=\"placed\"") == 2);
  REQUIRE(Count(html, "class=\"unplaced unknown\"") == 1);
  for (const std::string_view client : {">client 1<", ">client 2<", ">client 7<"}) {
    REQUIRE(Count(html, client) == 1);
  }
  REQUIRE(html.find("#2 ") != std::string::npos);
  // Keys and values can't break out of the text.
  REQUIRE(html.find("<k>") == std::string::npos);
  REQUIRE(html.find("&lt;k&gt;") != std::string::npos);
  REQUIRE(Count(html, "<svg ") == Count(html, "</svg>"));
}

TEST_CASE("a very long history is drawn from its end", "[checker]") {
  History history;
  for (uint64_t i = 0; i < 3000; ++i) {
    history.push_back({.client = 1,
                       .call = 2 * i,
                       .end = 2 * i + 1,
                       .kind = OperationKind::kPut,
                       .key = "k",
                       .value = std::to_string(i)});
  }
  history.push_back({.client = 2, .call = 9000, .end = 9001, .key = "k", .found = "never"});
  const Report report = Check(history, NewRegister);
  const std::string html = DrawHtml(report.bad.value());
  REQUIRE(Count(html, "<rect ") == 2000);
  REQUIRE(Count(html, "class=\"stuck\"") == 1);
  REQUIRE(Count(Describe(report), "\n") < 210);
}

}  // namespace nokv::checker
