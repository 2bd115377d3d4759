#include "percolator/mvcc/record.h"

#include "engine/base/random.h"
#include "percolator/mvcc/test_store.h"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

namespace nokv::mvcc {
namespace {

using namespace std::string_literals;
using Code = absl::StatusCode;

std::string Hex(std::string_view bytes) { return ShowKey(bytes); }

WriteRecord RandomWrite(Random& random, const std::string& value) {
  WriteRecord record;
  record.kind = static_cast<WriteKind>(1 + random.Uniform(4));
  record.start = Timestamp(1 + random.Uniform(UINT64_MAX - 1));
  record.overlaps_rollback = record.kind != WriteKind::kRollback && random.OneIn(2);
  if (record.kind == WriteKind::kPut) {
    if (random.OneIn(2)) record.expiry_ms = 1 + random.Uniform(UINT64_MAX);
    if (random.OneIn(2)) record.value = value;
  }
  return record;
}

LockRecord RandomLock(Random& random, const std::string& value) {
  LockRecord record;
  record.kind = static_cast<LockKind>(1 + random.Uniform(3));
  record.primary = "primary" + std::string(random.Uniform(20), '\0');
  record.start = Timestamp(1 + random.Uniform(UINT64_MAX / 2));
  record.ttl_ms = static_cast<uint32_t>(random.Next());
  if (random.OneIn(2)) record.min_commit = Timestamp(record.start.bits() + 1);
  record.secondaries = static_cast<uint32_t>(random.Uniform(kSecondariesMax + 1));
  if (record.kind == LockKind::kPut) {
    if (random.OneIn(2)) record.expiry_ms = random.Next() | 1;
    if (random.OneIn(2)) record.short_value = value;
  }
  return record;
}

std::string RandomBytes(Random& random, uint64_t size_max) {
  std::string bytes(random.Uniform(size_max + 1), '\0');
  for (char& c : bytes) c = static_cast<char>(random.Next());
  return bytes;
}

// Changes, cuts and grows `bytes`: what damage and older or newer programs make of a record.
std::string Mutate(Random& random, std::string bytes) {
  const uint64_t changes = random.Uniform(4);
  for (uint64_t i = 0; i < changes && !bytes.empty(); ++i) {
    char& byte = bytes[random.Uniform(std::min<size_t>(bytes.size(), 40))];
    byte = random.OneIn(2) ? static_cast<char>(random.Next())
                           : static_cast<char>(byte ^ (1 << random.Uniform(8)));
  }
  if (random.OneIn(3)) bytes.resize(random.Uniform(bytes.size() + 1));
  if (random.OneIn(5)) bytes += RandomBytes(random, 3);
  return bytes;
}

}  // namespace

TEST_CASE("the bytes of records never change", "[mvcc][golden]") {
  const Timestamp start(0x1122334455667788);
  REQUIRE(Hex(Unwrap(EncodeWrite({.start = start, .value = "abc"}))) ==
          "010101"
          "8877665544332211"
          "03616263");
  REQUIRE(Hex(Unwrap(EncodeWrite({.start = start, .expiry_ms = 0x0a0b, .value = ""}))) ==
          "010103"
          "8877665544332211"
          "0b0a000000000000"
          "00");
  REQUIRE(Hex(Unwrap(EncodeWrite({.start = start, .overlaps_rollback = true}))) ==
          "010104"
          "8877665544332211");
  REQUIRE(Hex(Unwrap(EncodeWrite({.kind = WriteKind::kDelete, .start = start}))) ==
          "010200"
          "8877665544332211");
  REQUIRE(Hex(Unwrap(EncodeWrite({.kind = WriteKind::kLockOnly, .start = start}))) ==
          "010300"
          "8877665544332211");
  REQUIRE(Hex(Unwrap(EncodeWrite({.kind = WriteKind::kRollback, .start = start}))) ==
          "010400"
          "8877665544332211");
  REQUIRE(Hex(Unwrap(EncodeLock({.kind = LockKind::kPut,
                                 .primary = "pk",
                                 .start = start,
                                 .ttl_ms = 3000,
                                 .min_commit = Ts(0x1122334455667799),
                                 .secondaries = 2,
                                 .expiry_ms = 5,
                                 .short_value = "v"}))) ==
          "010103"
          "8877665544332211"
          "b80b0000"
          "9977665544332211"
          "02000000"
          "02000000"
          "706b"
          "0500000000000000"
          "0176");
  REQUIRE(Hex(Unwrap(EncodeLock({.kind = LockKind::kDelete, .primary = "p", .start = start}))) ==
          "010200"
          "8877665544332211"
          "00000000"
          "0000000000000000"
          "00000000"
          "01000000"
          "70");
  REQUIRE(Hex(Unwrap(EncodeValue("value"))) == "0176616c7565");
}

TEST_CASE("every record comes back from its bytes", "[mvcc]") {
  const uint64_t seed = GENERATE(range(1, 11));
  CAPTURE(seed);
  Random random(seed);
  for (int i = 0; i < 2000; ++i) {
    const std::string value = RandomBytes(random, kShortValueBytesMax);
    const std::string large = RandomBytes(random, kInlineValueBytesMax);
    const WriteRecord write = RandomWrite(random, random.OneIn(2) ? value : large);
    const std::string write_bytes = Unwrap(EncodeWrite(write));
    REQUIRE(Unwrap(DecodeWrite(write_bytes)) == write);
    const LockRecord lock = RandomLock(random, value);
    REQUIRE(Unwrap(DecodeLock(Unwrap(EncodeLock(lock)))) == lock);
    const std::string value_bytes = Unwrap(EncodeValue(value));
    REQUIRE(Unwrap(DecodeValue(value_bytes)) == value);
  }
}

TEST_CASE("no bytes crash a record's decoder, and what it accepts encodes to the same", "[mvcc]") {
  const uint64_t seed = GENERATE(range(1, 21));
  CAPTURE(seed);
  Random random(seed);
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string value = RandomBytes(random, 20);
    std::string whole = i % 3 == 0   ? RandomBytes(random, 60)
                        : i % 3 == 1 ? Unwrap(EncodeWrite(RandomWrite(random, value)))
                                     : Unwrap(EncodeLock(RandomLock(random, value)));
    whole = Mutate(random, std::move(whole));
    // On the heap, without a byte to spare: a read past the end is one that sanitizers see.
    const std::vector<char> exact(whole.begin(), whole.end());
    const std::string_view bytes(exact.data(), exact.size());
    if (const auto write = DecodeWrite(bytes); write.ok()) {
      REQUIRE(Unwrap(EncodeWrite(*write)) == bytes);
      ++accepted;
    }
    if (const auto lock = DecodeLock(bytes); lock.ok()) {
      REQUIRE(Unwrap(EncodeLock(*lock)) == bytes);
      ++accepted;
    }
    if (const auto plain = DecodeValue(bytes); plain.ok()) {
      REQUIRE(Unwrap(EncodeValue(*plain)) == bytes);
    }
  }
  REQUIRE(accepted > 1000);
}

TEST_CASE("a record that is cut anywhere, or goes on, is damage", "[mvcc]") {
  const std::string write = Unwrap(EncodeWrite({.start = Ts(7), .expiry_ms = 9, .value = "value"}));
  const std::string lock = Unwrap(
      EncodeLock({.primary = "primary", .start = Ts(7), .expiry_ms = 9, .short_value = "value"}));
  for (size_t size = 0; size < write.size(); ++size) {
    REQUIRE(DecodeWrite(write.substr(0, size)).status().code() == Code::kDataLoss);
  }
  for (size_t size = 0; size < lock.size(); ++size) {
    REQUIRE(DecodeLock(lock.substr(0, size)).status().code() == Code::kDataLoss);
  }
  REQUIRE(DecodeWrite(write + "x").status().code() == Code::kDataLoss);
  REQUIRE(DecodeLock(lock + "x").status().code() == Code::kDataLoss);
  REQUIRE(DecodeValue("").status().code() == Code::kDataLoss);
}

TEST_CASE("a record of a newer version is refused as such, an unknown bit as damage", "[mvcc]") {
  std::string write = Unwrap(EncodeWrite({.start = Ts(7), .value = "v"}));
  std::string lock = Unwrap(EncodeLock({.primary = "p", .start = Ts(7)}));
  write[0] = lock[0] = 2;
  REQUIRE(DecodeWrite(write).status().code() == Code::kUnimplemented);
  REQUIRE(DecodeLock(lock).status().code() == Code::kUnimplemented);
  REQUIRE(DecodeValue("\x02value").status().code() == Code::kUnimplemented);
  write[0] = lock[0] = 0;
  REQUIRE(DecodeWrite(write).status().code() == Code::kDataLoss);
  REQUIRE(DecodeLock(lock).status().code() == Code::kDataLoss);
  REQUIRE(DecodeValue("\0value"s).status().code() == Code::kDataLoss);
  write[0] = lock[0] = 1;
  write[2] = static_cast<char>(write[2] | 16);
  lock[2] = static_cast<char>(lock[2] | 4);
  REQUIRE(DecodeWrite(write).status().code() == Code::kDataLoss);
  REQUIRE(DecodeLock(lock).status().code() == Code::kDataLoss);
}

TEST_CASE("the size of a value has two bytes only if it needs them", "[mvcc]") {
  const std::string long_value(256, 'v');
  std::string write = Unwrap(EncodeWrite({.start = Ts(7), .value = long_value}));
  REQUIRE(write.size() == 11 + 2 + 256);
  REQUIRE(Unwrap(DecodeWrite(write)).value == long_value);
  write[11] = static_cast<char>(255);
  write[12] = 0;
  write.pop_back();
  REQUIRE(DecodeWrite(write).status().code() == Code::kDataLoss);
  std::string without = Unwrap(EncodeWrite({.start = Ts(7)}));
  without[2] = 8;
  REQUIRE(DecodeWrite(without).status().code() == Code::kDataLoss);
  std::string lock = Unwrap(EncodeLock({.primary = "p", .start = Ts(7), .short_value = "v"}));
  lock[2] = static_cast<char>(lock[2] | 8);
  REQUIRE(DecodeLock(lock).status().code() == Code::kDataLoss);
}

TEST_CASE("a head is the record without its value, and needs no more than its bytes", "[mvcc]") {
  const uint64_t seed = GENERATE(range(1, 11));
  CAPTURE(seed);
  Random random(seed);
  for (int i = 0; i < 20; ++i) {
    const std::string value =
        RandomBytes(random, random.OneIn(2) ? kShortValueBytesMax : kInlineValueBytesMax);
    const WriteRecord record = RandomWrite(random, value);
    const std::string bytes = Unwrap(EncodeWrite(record));
    const WriteHead head{.kind = record.kind,
                         .start = record.start,
                         .overlaps_rollback = record.overlaps_rollback,
                         .expiry_ms = record.expiry_ms,
                         .has_value = record.value.has_value()};
    const size_t head_bytes = WriteHeadBytes(bytes);
    REQUIRE(head_bytes == bytes.size() - record.value.value_or("").size());
    REQUIRE(head_bytes <= kWriteHeadBytesMax);
    // All of its bytes or all of the record's; nothing else.
    for (size_t size = 0; size <= bytes.size() + 1; ++size) {
      const std::string some = (bytes + "x").substr(0, size);
      REQUIRE(WriteHeadBytes(some) == (size == bytes.size() ? head_bytes : 0));
      if (size == head_bytes || size == bytes.size()) {
        REQUIRE(Unwrap(DecodeWriteHead(some)) == head);
      } else {
        REQUIRE(DecodeWriteHead(some).status().code() == Code::kDataLoss);
      }
    }
  }
}

TEST_CASE("a record that can't be is not encoded", "[mvcc]") {
  const std::string too_long(kShortValueBytesMax + 1, 'v');
  const std::string too_long_inline(kInlineValueBytesMax + 1, 'v');
  const auto write = [](const WriteRecord& record) { return EncodeWrite(record).status().code(); };
  REQUIRE(write({.start = Ts(1), .value = too_long_inline}) == Code::kInvalidArgument);
  REQUIRE(write({.start = Timestamp()}) == Code::kInvalidArgument);
  REQUIRE(write({.start = Timestamp::Max()}) == Code::kInvalidArgument);
  REQUIRE(write({.kind = WriteKind::kDelete, .start = Ts(1), .expiry_ms = 1}) ==
          Code::kInvalidArgument);
  REQUIRE(write({.kind = WriteKind::kDelete, .start = Ts(1), .value = ""}) ==
          Code::kInvalidArgument);
  REQUIRE(write({.kind = WriteKind::kRollback, .start = Ts(1), .overlaps_rollback = true}) ==
          Code::kInvalidArgument);
  REQUIRE(write({.kind = static_cast<WriteKind>(5), .start = Ts(1)}) == Code::kInvalidArgument);

  const auto lock = [](const LockRecord& record) { return EncodeLock(record).status().code(); };
  REQUIRE(lock({.primary = "p", .start = Ts(1)}) == Code::kOk);
  REQUIRE(lock({.primary = "", .start = Ts(1)}) == Code::kInvalidArgument);
  REQUIRE(lock({.primary = std::string(kUserKeyBytesMax + 1, 'p'), .start = Ts(1)}) ==
          Code::kInvalidArgument);
  REQUIRE(lock({.primary = "p", .start = Ts(5), .min_commit = Ts(5)}) == Code::kInvalidArgument);
  REQUIRE(lock({.primary = "p", .start = Ts(5), .secondaries = 257}) == Code::kInvalidArgument);
  REQUIRE(lock({.primary = "p", .start = Ts(5), .short_value = too_long}) ==
          Code::kInvalidArgument);
  REQUIRE(lock({.kind = LockKind::kLockOnly, .primary = "p", .start = Ts(5), .short_value = "v"}) ==
          Code::kInvalidArgument);
}

TEST_CASE("values are bounded, and the bound is named", "[mvcc]") {
  REQUIRE(EncodeValue(std::string(kValueBytesMax, 'v')).ok());
  const auto refused = EncodeValue(std::string(kValueBytesMax + 1, 'v')).status();
  REQUIRE(refused.code() == Code::kInvalidArgument);
  REQUIRE(Says(refused, {"67108865", "67108864"}));
}

TEST_CASE("a lock runs out by milliseconds, however many timestamps were drawn", "[mvcc]") {
  const LockRecord lock{.primary = "p", .start = Timestamp::FromParts(10'000, 5), .ttl_ms = 3000};
  REQUIRE_FALSE(lock.HasRunOut(Timestamp::FromParts(10'000, Timestamp::kCounterMax)));
  REQUIRE_FALSE(lock.HasRunOut(Timestamp::FromParts(12'999, Timestamp::kCounterMax)));
  REQUIRE(lock.HasRunOut(Timestamp::FromParts(13'000, 0)));
  // The longest time to live does not wrap around.
  const LockRecord longest{
      .primary = "p", .start = Timestamp::FromParts(5, 0), .ttl_ms = UINT32_MAX};
  REQUIRE_FALSE(longest.HasRunOut(Timestamp::FromParts(1'000'000, 0)));
}

TEST_CASE("a lock blocks readers at its start or later, unless it can't commit there", "[mvcc]") {
  LockRecord lock{.primary = "p", .start = Ts(10)};
  REQUIRE_FALSE(lock.Blocks(Ts(9)));
  REQUIRE(lock.Blocks(Ts(10)));
  REQUIRE(lock.Blocks(Ts(11)));
  REQUIRE(lock.Blocks(Timestamp::Max()));
  lock.min_commit = Ts(20);
  REQUIRE_FALSE(lock.Blocks(Ts(19)));
  REQUIRE(lock.Blocks(Ts(20)));
  REQUIRE(lock.Blocks(Timestamp::Max()));
  lock.kind = LockKind::kLockOnly;
  REQUIRE_FALSE(lock.Blocks(Timestamp::Max()));
}

}  // namespace nokv::mvcc
