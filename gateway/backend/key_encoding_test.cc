#include "gateway/backend/key_encoding.h"

#include "engine/base/random.h"

#include <catch2/catch.hpp>

#include <vector>

namespace nokv::backend {
namespace {

std::string Encode(int database, std::string_view key) {
  std::string encoded(ObjectKeyBytesMax(key), '\0');
  encoded.resize(EncodeObjectKey(database, key, encoded.data()));
  return encoded;
}

std::string RandomKey(Random& random) {
  std::string key;
  for (uint64_t i = random.Uniform(12); i > 0; --i) {
    constexpr std::string_view kBytes("\x00\x01\xff{}ab", 7);
    key.push_back(kBytes[random.Uniform(kBytes.size())]);
  }
  return key;
}

TEST_CASE("slots are those of Redis Cluster", "[keys]") {
  CHECK(SlotOf("123456789") == 0x31c3 % kSlots);
  CHECK(SlotOf("foo") == 12182);
  CHECK(SlotOf("") == 0);
  CHECK(SlotOf("{user1000}.following") == SlotOf("user1000"));
  CHECK(SlotOf("foo{}{bar}") != SlotOf("bar"));
  CHECK(SlotOf("foo{{bar}}zap") == SlotOf("{bar"));
  CHECK(SlotOf("foo{bar}{zap}") == SlotOf("bar"));
}

TEST_CASE("the bytes of an object's key are fixed", "[keys]") {
  const std::string encoded = Encode(3, std::string_view("a\0b", 3));
  REQUIRE(encoded.size() == 10 + 4 + 2);
  CHECK(encoded.substr(0, 3) == std::string("\xffr\x03", 3));
  const uint16_t slot = SlotOf(std::string_view("a\0b", 3));
  CHECK(static_cast<unsigned char>(encoded[3]) == slot >> 8);
  CHECK(static_cast<unsigned char>(encoded[4]) == (slot & 0xff));
  CHECK(static_cast<unsigned char>(encoded[5]) < 0x40);  // 38 bits of hash.
  CHECK(encoded.substr(10) == std::string("a\0\xff"
                                          "b\0\1",
                                          6));
  // XXH3 of the empty key; changing the hash would lose every key on disk.
  CHECK(Encode(0, "") == std::string("\xffr\0\0\0\x05\x38\xd3\x94\xc2\0\1", 12));
}

TEST_CASE("any key comes back from its encoding, and no encoding begins another", "[keys]") {
  const uint64_t seed = 11;
  CAPTURE(seed);
  Random random(seed);
  std::vector<std::string> keys;
  for (int i = 0; i < 300; ++i) keys.push_back(RandomKey(random));
  for (const std::string& key : keys) {
    const std::string encoded = Encode(7, key);
    const std::optional<DecodedKey> decoded = DecodeObjectKey(encoded);
    REQUIRE(decoded.has_value());
    CHECK(decoded->database == 7);
    CHECK(decoded->key == key);
    CHECK_FALSE(DecodeObjectKey(encoded + "x").has_value());
    for (const std::string& other : keys) {
      if (other != key) REQUIRE_FALSE(Encode(7, other).starts_with(encoded));
    }
  }
}

TEST_CASE("what is not an object's key is not decoded", "[keys]") {
  const std::string encoded = Encode(0, "key");
  for (size_t size = 0; size < encoded.size(); ++size) {
    CHECK_FALSE(DecodeObjectKey(encoded.substr(0, size)).has_value());
  }
  CHECK_FALSE(DecodeObjectKey(FormatKey()).has_value());
  CHECK_FALSE(DecodeObjectKey(CountKey(0)).has_value());
}

TEST_CASE("a database's keys lie between its bounds, and only they", "[keys]") {
  for (const int database : {0, 1, 15}) {
    const std::string encoded = Encode(database, "k");
    CHECK(encoded >= SpaceStart(kObjectSpace, database));
    CHECK(encoded < SpaceEnd(kObjectSpace, database));
    CHECK_FALSE((Encode((database + 1) % kDatabases, "k") >= SpaceStart(kObjectSpace, database) &&
                 Encode((database + 1) % kDatabases, "k") < SpaceEnd(kObjectSpace, database)));
  }
}

TEST_CASE("expiry records are in the order of time", "[keys]") {
  const std::string object_key = Encode(2, "k");
  CHECK(ExpiryKey(255, Encode(2, "z")) < ExpiryKey(256, Encode(2, "a")));
  CHECK(ExpiryKeyBound(2, 256) <= ExpiryKey(256, object_key));
  CHECK(ExpiryKeyBound(2, 256) > ExpiryKey(255, object_key));
  const std::optional<DecodedExpiry> decoded =
      DecodeExpiryKey(ExpiryKey(1234567890123, object_key));
  REQUIRE(decoded.has_value());
  CHECK(decoded->expiry_ms == 1234567890123);
  CHECK(decoded->object_key == object_key);
  CHECK_FALSE(DecodeExpiryKey(object_key).has_value());
}

TEST_CASE("keys fit by their escaped size", "[keys]") {
  CHECK(KeyFits(std::string(32'000, '\0')));
  CHECK(KeyFits(std::string(65'000, 'a')));
  CHECK_FALSE(KeyFits(std::string(65'536, 'a')));
  CHECK_FALSE(KeyFits(std::string(40'000, '\0')));
}

}  // namespace
}  // namespace nokv::backend
