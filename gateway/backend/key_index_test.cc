#include "gateway/backend/key_index.h"

#include <catch2/catch.hpp>

#include <deque>
#include <string>

namespace nokv::backend {
namespace {

TEST_CASE("keys are numbered in the order in which they were first named", "[key_index]") {
  KeyIndex index;
  REQUIRE(index.NumberOf("a") == 0);
  REQUIRE(index.NumberOf("b") == 1);
  REQUIRE(index.NumberOf("") == 2);
  REQUIRE(index.NumberOf("a") == 0);
  REQUIRE(index.size() == 3);
}

TEST_CASE("the numbers stay while the index grows, and start again after Clear()", "[key_index]") {
  KeyIndex index;
  std::deque<std::string> keys;
  for (int i = 0; i < 50'000; ++i) keys.push_back("key" + std::to_string(i));
  for (const size_t count : {size_t{100}, keys.size(), size_t{1000}}) {
    for (size_t i = 0; i < count; ++i) REQUIRE(index.NumberOf(keys[count - 1 - i]) == i);
    for (size_t i = 0; i < count; ++i) REQUIRE(index.NumberOf(keys[count - 1 - i]) == i);
    REQUIRE(index.size() == count);
    index.Clear();
    REQUIRE(index.size() == 0);
  }
}

}  // namespace
}  // namespace nokv::backend
