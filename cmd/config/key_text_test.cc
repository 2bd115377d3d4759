#include "cmd/config/key_text.h"

#include "engine/base/random.h"

#include <catch2/catch.hpp>

namespace nokv::config {
namespace {

using namespace std::string_literals;

TEST_CASE("a key is text, digits or nothing", "[config]") {
  CHECK(KeyFromText("m").value() == "m");
  CHECK(KeyFromText("").value().empty());
  CHECK(KeyFromText("-").value().empty());
  CHECK(KeyFromText("--").value() == "--");
  CHECK(KeyFromText("hex:2d").value() == "-");
  CHECK(KeyFromText("hex:00fFA1").value() == "\x00\xff\xa1"s);
  CHECK(KeyFromText("Hex:00").value() == "Hex:00");
  CHECK(KeyFromText(std::string(kKeyBytesMax, 'k')).value().size() == kKeyBytesMax);
}

TEST_CASE("a text that is no key is refused with the reason", "[config]") {
  const auto reason = [](std::string_view text) {
    return std::string(StdView(KeyFromText(text).status().message()));
  };
  CHECK(reason("hex:") == "there are no digits behind hex:");
  CHECK(reason("hex:0") == "a byte has two hex digits");
  CHECK(reason("hex:0x") == "that is not a row of hex digits");
  CHECK(reason(std::string(kKeyBytesMax + 1, 'k')) == "it has 65537 bytes");
}

TEST_CASE("what is printed for a key stands for that key", "[config]") {
  CHECK(KeyToText("") == "-");
  CHECK(KeyToText("user:1") == "user:1");
  CHECK(KeyToText("-") == "hex:2d");
  CHECK(KeyToText("hex:") == "hex:6865783a");
  CHECK(KeyToText("a b") == "hex:612062");
  CHECK(KeyToText("\xff") == "hex:ff");
  const uint64_t seed = 20260117;
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 2000; ++round) {
    std::string key(random.Uniform(20), '\0');
    const uint64_t bytes = random.OneIn(2) ? 256 : 128;
    for (char& byte : key) byte = static_cast<char>(random.Uniform(bytes));
    const std::string text = KeyToText(key);
    CAPTURE(text);
    CHECK(KeyFromText(text).value() == key);
    CHECK(text.find_first_of(" \n\"\\") == std::string::npos);
  }
}

TEST_CASE("slots have bounds in their order, from the system's first key to the end", "[config]") {
  CHECK(SlotBound(0) == "\xff");
  CHECK(SlotBound(1) == "\xffr\x00\x00\x01"s);
  CHECK(SlotBound(16383) == "\xffr\x00\x3f\xff"s);
  CHECK(SlotBound(kSlots).empty());
  for (uint32_t slot = 1; slot < kSlots; ++slot) {
    REQUIRE(SlotBound(slot - 1) < SlotBound(slot));
    REQUIRE(DescribeBound(SlotBound(slot)) == "slot " + std::to_string(slot));
  }
  CHECK(DescribeBound("m") == "\"m\"");
  CHECK(DescribeBound("\xff") == "\"hex:ff\"");
  CHECK(DescribeBound(std::string(100, 'x')) == "\"" + std::string(40, 'x') + "...\"");
}

}  // namespace
}  // namespace nokv::config
