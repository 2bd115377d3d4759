#include "cmd/nokv/text.h"

#include "engine/base/random.h"

#include <catch2/catch.hpp>

namespace nokv::cli {
namespace {

using namespace std::string_literals;

TEST_CASE("printable bytes stand for themselves and all others are escaped", "[cli]") {
  CHECK(Escape("user:1 ~") == "user:1 ~");
  CHECK(Escape("a\0b"s) == "a\\x00b");
  CHECK(Escape("\xff\x7f\n") == "\\xff\\x7f\\x0a");
  CHECK(Escape("back\\slash") == "back\\\\slash");
  CHECK(Escape("").empty());
}

TEST_CASE("what a command prints for a key, a command takes", "[cli]") {
  const uint64_t seed = 20260114;
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 2000; ++round) {
    std::string key(random.Uniform(40), '\0');
    for (char& byte : key) byte = static_cast<char>(random.Uniform(256));
    if (random.OneIn(3)) key += "\\x41\\";
    CHECK(Unescape(Escape(key)).value() == key);
    CHECK(FromHex(ToHex(key)).value() == key);
  }
}

TEST_CASE("a backslash that means nothing is refused with its offset", "[cli]") {
  for (const char* text : {"ab\\", "ab\\n", "ab\\x", "ab\\x4", "ab\\xg0", "ab\\x0g"}) {
    CAPTURE(text);
    const auto key = Unescape(text);
    REQUIRE(key.status().code() == absl::StatusCode::kInvalidArgument);
    CHECK(StdView(key.status().message()).find("offset 2") != std::string_view::npos);
  }
  CHECK(Unescape("\\x4A\\x4a").value() == "JJ");
  CHECK(Unescape("\xc3\xa9").value() == "\xc3\xa9");  // A terminal's own UTF-8 needs no escape.
}

TEST_CASE("hex wants two digits a byte and nothing else", "[cli]") {
  CHECK(FromHex("00fFA1").value() == "\x00\xff\xa1"s);
  CHECK(FromHex("").value().empty());
  CHECK_FALSE(FromHex("0").ok());
  CHECK_FALSE(FromHex("0x").ok());
  CHECK_FALSE(FromHex(" 00 ").ok());
  CHECK(ToHex("\x00\xff"s) == "00ff");
}

TEST_CASE("only well-formed UTF-8 passes for text", "[cli]") {
  CHECK(IsUtf8(""));
  CHECK(IsUtf8("plain \n\0 text"s));
  CHECK(IsUtf8("\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xef\xbf\xbd \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"));
  CHECK_FALSE(IsUtf8("\x80"));              // A continuation with nothing before it.
  CHECK_FALSE(IsUtf8("\xc0\xaf"));          // Overlong, two bytes.
  CHECK_FALSE(IsUtf8("\xe0\x9f\xbf"));      // Overlong, three.
  CHECK_FALSE(IsUtf8("\xf0\x8f\xbf\xbf"));  // Overlong, four.
  CHECK_FALSE(IsUtf8("\xed\xa0\x80"));      // A surrogate.
  CHECK_FALSE(IsUtf8("\xf4\x90\x80\x80"));  // Beyond U+10FFFF.
  CHECK_FALSE(IsUtf8("\xe2\x82"));          // Cut short.
  CHECK_FALSE(
      IsUtf8("\xe2\x82"
             "A"));  // Interrupted.
  CHECK_FALSE(IsUtf8("\xff"));
}

TEST_CASE("sizes get one decimal and never read 1024 of a unit", "[cli]") {
  CHECK(HumanBytes(0) == "0 B");
  CHECK(HumanBytes(1023) == "1023 B");
  CHECK(HumanBytes(1024) == "1.0 KiB");
  CHECK(HumanBytes(1536) == "1.5 KiB");
  CHECK(HumanBytes((1 << 20) - 1) == "1.0 MiB");
  CHECK(HumanBytes(1ull << 30) == "1.0 GiB");
  CHECK(HumanBytes(UINT64_MAX) == "16.0 EiB");
}

TEST_CASE("one of a thing is not many of it", "[cli]") {
  CHECK(Counted(0, "entry", "entries") == "0 entries");
  CHECK(Counted(1, "entry", "entries") == "1 entry");
  CHECK(Counted(2, "entry", "entries") == "2 entries");
}

TEST_CASE("an expiry is a UTC time, or never", "[cli]") {
  CHECK(ExpiryText(0) == "never");
  CHECK(ExpiryText(1'700'000'000'250) == "2023-11-14T22:13:20.250Z");
}

TEST_CASE("the end of a prefix lies just behind its last key", "[cli]") {
  CHECK(PrefixEnd("user:") == "user;");
  CHECK(PrefixEnd("a\xff\xff") == "b");
  CHECK(PrefixEnd("\x7f") == "\x80");
  CHECK(PrefixEnd("\xff\xff").empty());
  CHECK(PrefixEnd("").empty());
}

}  // namespace
}  // namespace nokv::cli
