#include "percolator/mvcc/key_codec.h"

#include "engine/base/random.h"
#include "percolator/mvcc/test_store.h"

#include <algorithm>
#include <tuple>
#include <vector>

namespace nokv::mvcc {
namespace {

using namespace std::string_literals;

// Few different bytes, and the dangerous ones, so that keys are often beginnings of others.
std::string RandomKey(Random& random) {
  static constexpr char kBytes[] = {'\x00', '\x01', '\x02', 'a', '\xfe', '\xff'};
  std::string key;
  const uint64_t size = random.Uniform(7);
  for (uint64_t i = 0; i < size; ++i) key.push_back(kBytes[random.Uniform(sizeof(kBytes))]);
  return key;
}

// Near each other, and at the ends.
Timestamp RandomTimestamp(Random& random) {
  switch (random.Uniform(4)) {
    case 0:
      return Timestamp(random.Uniform(4));
    case 1:
      return Timestamp(UINT64_MAX - random.Uniform(4));
    case 2:
      return Timestamp(uint64_t{1} << random.Uniform(64));
    default:
      return Timestamp(random.Next());
  }
}

}  // namespace

TEST_CASE("a timestamp is milliseconds and a counter, and orders by both", "[mvcc]") {
  const Timestamp t = Timestamp::FromParts(1'700'000'000'123, 77);
  REQUIRE(t.millis() == 1'700'000'000'123);
  REQUIRE(t.counter() == 77);
  REQUIRE(t.bits() == 1'700'000'000'123 * 262'144 + 77);
  REQUIRE(t < Timestamp::FromParts(1'700'000'000'123, 78));
  REQUIRE(Timestamp::FromParts(5, Timestamp::kCounterMax) < Timestamp::FromParts(6, 0));
  REQUIRE(Timestamp::FromParts(Timestamp::kMillisMax, Timestamp::kCounterMax) == Timestamp::Max());
  REQUIRE_FALSE(Timestamp().is_drawn());
  REQUIRE_FALSE(Timestamp::Max().is_drawn());
  REQUIRE(t.is_drawn());
}

TEST_CASE("the bytes of encoded keys never change", "[mvcc][golden]") {
  REQUIRE(KeyPrefix("key") == "key\x00\x01"s);
  REQUIRE(KeyPrefix("") == "\x00\x01"s);
  REQUIRE(KeyPrefix("a\0b\0"s) ==
          "a\x00\xff"
          "b\x00\xff\x00\x01"s);
  REQUIRE(KeyPrefix("\xff"
                    "sys"s) ==
          "\xff"
          "sys\x00\x01"s);
  REQUIRE(VersionKey("k", Ts(0x0102030405060708)) == "k\x00\x01\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7"s);
  REQUIRE(VersionKey("k", Timestamp::Max()) == "k\x00\x01\0\0\0\0\0\0\0\0"s);
  REQUIRE(KeyEnd("k") == "k\x00\xff"s);
}

TEST_CASE("the byte order of encoded keys is user key upward, then timestamp downward", "[mvcc]") {
  const uint64_t seed = GENERATE(range(1, 21));
  CAPTURE(seed);
  Random random(seed);

  struct Sample {
    std::string key;
    Timestamp timestamp;
    std::string encoded;
  };

  std::vector<Sample> samples;
  for (int i = 0; i < 400; ++i) {
    const std::string key = RandomKey(random);
    const Timestamp timestamp = RandomTimestamp(random);
    samples.push_back({key, timestamp, VersionKey(key, timestamp)});
  }
  for (const Sample& a : samples) {
    for (const Sample& b : samples) {
      const auto expected = std::tie(a.key, b.timestamp) <=> std::tie(b.key, a.timestamp);
      const auto found = a.encoded <=> b.encoded;
      if (expected != found) {
        CAPTURE(ShowKey(a.key), a.timestamp.bits(), ShowKey(b.key), b.timestamp.bits());
        REQUIRE(expected == found);
      }
      // Bounds: everything of a's key is in [prefix, end), nothing of another key is.
      const bool is_inside = b.encoded >= KeyPrefix(a.key) && b.encoded < KeyEnd(a.key);
      if (is_inside != (a.key == b.key)) {
        CAPTURE(ShowKey(a.key), ShowKey(b.key));
        REQUIRE(is_inside == (a.key == b.key));
      }
    }
  }
}

TEST_CASE("every key and timestamp comes back from its bytes", "[mvcc]") {
  const uint64_t seed = GENERATE(range(1, 11));
  CAPTURE(seed);
  Random random(seed);
  for (int i = 0; i < 2000; ++i) {
    const std::string key = RandomKey(random);
    const Timestamp timestamp = RandomTimestamp(random);
    const std::string encoded = VersionKey(key, timestamp);
    const VersionKeyParts parts = Unwrap(SplitVersionKey(encoded));
    REQUIRE(parts.timestamp == timestamp);
    REQUIRE(parts.prefix == KeyPrefix(key));
    REQUIRE(Unwrap(DecodeUserKey(parts.prefix)) == key);
  }
}

TEST_CASE("no bytes crash the key decoder, and what it accepts encodes to the same", "[mvcc]") {
  const uint64_t seed = GENERATE(range(1, 11));
  CAPTURE(seed);
  Random random(seed);
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    // On the heap, without a byte to spare: a read past the end is one that sanitizers see.
    std::string bytes = i % 2 == 0 ? RandomKey(random) + RandomKey(random)
                                   : VersionKey(RandomKey(random), RandomTimestamp(random));
    const uint64_t changes = random.Uniform(3);
    for (uint64_t c = 0; c < changes && !bytes.empty(); ++c) {
      bytes[random.Uniform(bytes.size())] = static_cast<char>(random.Uniform(4) - 1);
    }
    bytes.resize(bytes.size() - random.Uniform(std::min<size_t>(bytes.size(), 3) + 1));
    const std::vector<char> exact(bytes.begin(), bytes.end());
    const std::string_view view(exact.data(), exact.size());
    if (const auto key = DecodeUserKey(view); key.ok()) {
      REQUIRE(KeyPrefix(*key) == view);
      ++accepted;
    }
    if (const auto parts = SplitVersionKey(view); parts.ok()) {
      if (const auto key = DecodeUserKey(parts->prefix); key.ok()) {
        REQUIRE(VersionKey(*key, parts->timestamp) == view);
        ++accepted;
      }
    }
  }
  REQUIRE(accepted > 500);
}

TEST_CASE("what is no key is damage, and a key of a later format is told apart", "[mvcc]") {
  using Code = absl::StatusCode;
  const auto code = [](std::string_view bytes) { return DecodeUserKey(bytes).status().code(); };
  REQUIRE(code("") == Code::kDataLoss);
  REQUIRE(code("key") == Code::kDataLoss);
  REQUIRE(code("key\0"s) == Code::kDataLoss);
  REQUIRE(code("key\0\xff"s) == Code::kDataLoss);
  REQUIRE(code("key\0\0"s) == Code::kDataLoss);
  REQUIRE(code("key\0\x01x"s) == Code::kDataLoss);
  REQUIRE(code("key\0\x02"s) == Code::kUnimplemented);
  REQUIRE(SplitVersionKey("\0\x01short"s).status().code() == Code::kDataLoss);
  REQUIRE(SplitVersionKey("key\0\x02"
                          "12345678"s)
              .status()
              .code() == Code::kUnimplemented);
}

TEST_CASE("clients get keys below FF that are not empty and not too long, the system all of them",
          "[mvcc]") {
  using Code = absl::StatusCode;
  REQUIRE_OK(CheckKey("k", KeyOwner::kClient));
  REQUIRE_OK(CheckKey("\xfe\xff", KeyOwner::kClient));
  REQUIRE_OK(
      CheckKey("\xff"
               "r",
               KeyOwner::kSystem));
  REQUIRE(CheckKey("\xff", KeyOwner::kClient).code() == Code::kInvalidArgument);
  REQUIRE(CheckKey("", KeyOwner::kClient).code() == Code::kInvalidArgument);
  REQUIRE(CheckKey("", KeyOwner::kSystem).code() == Code::kInvalidArgument);
  REQUIRE_OK(CheckKey(std::string(kUserKeyBytesMax, 'x'), KeyOwner::kClient));
  const auto too_long = CheckKey(std::string(kUserKeyBytesMax + 1, 'x'), KeyOwner::kSystem);
  REQUIRE(too_long.code() == Code::kInvalidArgument);
  REQUIRE(Says(too_long, {"65537", "65536"}));
  // The longest key of all zeros has the longest form.
  REQUIRE(VersionKey(std::string(kUserKeyBytesMax, '\0'), Ts(1)).size() == kEncodedKeyBytesMax);
}

}  // namespace nokv::mvcc
