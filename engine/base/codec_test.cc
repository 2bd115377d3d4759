#include "engine/base/codec.h"

#include "engine/base/random.h"

#include <catch2/catch.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace nokv {
namespace {

std::string Varint(uint64_t value) {
  std::string out;
  PutVarint(out, value);
  return out;
}

std::vector<uint64_t> InterestingNumbers() {
  std::vector<uint64_t> numbers = {0};
  for (int shift = 0; shift < 64; ++shift) {
    const uint64_t power = uint64_t{1} << shift;
    numbers.insert(numbers.end(), {power - 1, power, power + 1});
  }
  numbers.push_back(UINT64_MAX);
  Random random(1);
  for (int i = 0; i < 1000; ++i) numbers.push_back(random.Next() >> random.Uniform(64));
  return numbers;
}

TEST_CASE("fixed integers are little-endian", "[base][codec]") {
  std::string out;
  PutFixed<uint32_t>(out, 0x04030201);
  PutFixed<uint16_t>(out, 0x0605);
  PutFixed<uint64_t>(out, 0x0e0d0c0b0a090807);
  REQUIRE(out == "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e");
  REQUIRE(LoadFixed<uint16_t>(out.data() + 1) == 0x0302);  // No alignment is needed.
  StoreFixed<uint16_t>(out.data(), 0xffee);
  REQUIRE(out.substr(0, 3) == "\xee\xff\x03");
}

TEST_CASE("a varint is LEB128", "[base][codec]") {
  REQUIRE(Varint(0) == std::string(1, '\0'));
  REQUIRE(Varint(127) == "\x7f");
  REQUIRE(Varint(128) == std::string("\x80\x01", 2));
  REQUIRE(Varint(300) == "\xac\x02");
  REQUIRE(Varint(UINT64_MAX) == "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  for (const uint64_t value : InterestingNumbers()) {
    const std::string bytes = Varint(value);
    REQUIRE(bytes.size() <= kVarintMaxBytes);
    uint64_t read = ~value;
    const char* const end = bytes.data() + bytes.size();
    REQUIRE(DecodeVarint(bytes.data(), end, &read) == end);
    REQUIRE(read == value);
    // Cut short it is refused at every length.
    for (size_t size = 0; size < bytes.size(); ++size) {
      REQUIRE(DecodeVarint(bytes.data(), bytes.data() + size, &read) == nullptr);
    }
  }
}

TEST_CASE("a varint of more than 64 bits is refused", "[base][codec]") {
  for (const std::string& bytes : {std::string(9, '\xff') + '\x02', std::string(9, '\x80') + '\x7f',
                                   std::string(10, '\x80'), std::string(10, '\xff') + '\x01'}) {
    uint64_t value = 0;
    REQUIRE(DecodeVarint(bytes.data(), bytes.data() + bytes.size(), &value) == nullptr);
  }
}

TEST_CASE("a decoder gives back what was put", "[base][codec]") {
  std::string out;
  PutFixed<uint32_t>(out, 7);
  PutVarint(out, 1 << 20);
  PutVarint(out, UINT32_MAX);
  PutLengthPrefixed(out, "key");
  PutLengthPrefixed(out, "");
  out += "tail";
  Decoder decoder(out);
  uint32_t fixed = 0;
  uint64_t wide = 0;
  uint32_t narrow = 0;
  std::string_view key;
  std::string_view empty = "x";
  std::string_view tail;
  REQUIRE(decoder.Fixed(&fixed));
  REQUIRE(decoder.Varint(&wide));
  REQUIRE(decoder.Varint32(&narrow));
  REQUIRE(decoder.LengthPrefixed(&key));
  REQUIRE(decoder.LengthPrefixed(&empty));
  REQUIRE(decoder.remaining() == 4);
  REQUIRE_FALSE(decoder.done());
  REQUIRE(decoder.Bytes(4, &tail));
  REQUIRE(decoder.done());
  REQUIRE(fixed == 7);
  REQUIRE(wide == 1 << 20);
  REQUIRE(narrow == UINT32_MAX);
  REQUIRE(key == "key");
  REQUIRE(empty.empty());
  REQUIRE(tail == "tail");
}

TEST_CASE("after its first failure a decoder reads nothing more", "[base][codec]") {
  Decoder decoder("abc");
  uint64_t wide = 0;
  REQUIRE_FALSE(decoder.Fixed(&wide));
  std::string_view bytes;
  REQUIRE_FALSE(decoder.Bytes(1, &bytes));
  REQUIRE(decoder.failed());
  REQUIRE_FALSE(decoder.done());
  REQUIRE(decoder.remaining() == 0);
}

TEST_CASE("lengths beyond the input are refused", "[base][codec]") {
  for (const uint64_t length : {uint64_t{4}, uint64_t{1} << 32, UINT64_MAX}) {
    const std::string input = Varint(length) + "abc";
    Decoder decoder(input);
    std::string_view bytes;
    REQUIRE_FALSE(decoder.LengthPrefixed(&bytes));
    REQUIRE(decoder.failed());
  }
  const std::string large = Varint(uint64_t{UINT32_MAX} + 1);
  Decoder decoder(large);
  uint32_t narrow = 0;
  REQUIRE_FALSE(decoder.Varint32(&narrow));
  REQUIRE_FALSE(Decoder("abc").Bytes(SIZE_MAX, nullptr));
}

}  // namespace
}  // namespace nokv
