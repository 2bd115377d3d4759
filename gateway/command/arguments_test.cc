#include "gateway/command/arguments.h"

#include <catch2/catch.hpp>

namespace nokv::command {
namespace {

TEST_CASE("patterns match as Redis's do", "[command]") {
  CHECK(GlobMatches("*", ""));
  CHECK(GlobMatches("h?llo", "hello"));
  CHECK_FALSE(GlobMatches("h?llo", "hllo"));
  CHECK(GlobMatches("h*llo", "heeeello"));
  CHECK(GlobMatches("h[ae]llo", "hallo"));
  CHECK_FALSE(GlobMatches("h[^e]llo", "hello"));
  CHECK(GlobMatches("h[a-c]llo", "hbllo"));
  CHECK(GlobMatches("h\\*llo", "h*llo"));
  CHECK_FALSE(GlobMatches("h\\*llo", "hxllo"));
  CHECK(GlobMatches("a*b*c", "aXbYbZc"));
  CHECK_FALSE(GlobMatches("a*b*c", "aXbYbZ"));
  CHECK_FALSE(GlobMatches("", "x"));
  CHECK_FALSE(GlobMatches("SAVE", "save"));
  CHECK(GlobMatches("SAVE", "save", {.ignores_case = true}));
  CHECK(GlobMatches("[\\]]", "]"));
}

TEST_CASE("a pattern of many stars costs no more than pattern times text", "[command]") {
  std::string pattern;
  for (int i = 0; i < 1000; ++i) pattern += "a*";
  CHECK_FALSE(GlobMatches(pattern + "b", std::string(5000, 'a')));
}

}  // namespace
}  // namespace nokv::command
