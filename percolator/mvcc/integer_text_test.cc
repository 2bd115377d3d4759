#include "percolator/mvcc/integer_text.h"

#include <catch2/catch.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nokv::mvcc {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

}  // namespace

TEST_CASE("integers read back as they were written, behind any header", "[mvcc]") {
  for (const std::string_view header : {"", "h", "-", "12"}) {
    for (const int64_t number : {int64_t{0}, int64_t{-1}, int64_t{10}, kMin, kMax}) {
      const std::string value = EncodeInteger(header, number);
      CAPTURE(value);
      REQUIRE(value.size() <= header.size() + 20);
      REQUIRE(DecodeInteger(header, value) == Integer(number));
    }
  }
}

TEST_CASE("text in any other form is not an integer", "[mvcc]") {
  const std::vector<std::string> others = {"",
                                           "-",
                                           "+1",
                                           " 1",
                                           "1 ",
                                           "01",
                                           "-0",
                                           "-01",
                                           "1.0",
                                           "0x1",
                                           "1e3",
                                           "one",
                                           "1\n2",
                                           "--1",
                                           "1-1",
                                           "\xd9\xa1\x31",
                                           "9223372036854775808",
                                           "-9223372036854775809",
                                           "99999999999999999999999",
                                           std::string("1\0", 2),
                                           std::string(300, '1')};
  for (const std::string& text : others) {
    CAPTURE(text);
    REQUIRE(DecodeInteger("", text) == Integer(CannotAddReason::kNotAnInteger));
    REQUIRE(DecodeInteger("hh", "hh" + text) == Integer(CannotAddReason::kNotAnInteger));
  }
}

TEST_CASE("a value behind another header is of another kind, number or not", "[mvcc]") {
  for (const std::string_view value : {"", "h", "H12", "12", "hg12"}) {
    CAPTURE(value);
    REQUIRE(DecodeInteger("hh", value) == Integer(CannotAddReason::kOtherHeader));
  }
}

TEST_CASE("sums that do not fit are out of range, at both ends", "[mvcc]") {
  REQUIRE(Add(kMax - 1, 1) == Integer(kMax));
  REQUIRE(Add(kMax, 1) == Integer(CannotAddReason::kOutOfRange));
  REQUIRE(Add(kMin + 1, -1) == Integer(kMin));
  REQUIRE(Add(kMin, -1) == Integer(CannotAddReason::kOutOfRange));
  REQUIRE(Add(kMin, kMax) == Integer(int64_t{-1}));
  REQUIRE(Add(kMin, kMin) == Integer(CannotAddReason::kOutOfRange));
}

}  // namespace nokv::mvcc
