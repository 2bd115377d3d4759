#include "gateway/backend/key_encoding.h"

#include "engine/db.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace nokv::backend {
namespace {

constexpr uint64_t kHashMask = (uint64_t{1} << 38) - 1;
constexpr size_t kHashBytes = 5;
constexpr size_t kPlaceOffset = 2;  // Of the database.
constexpr size_t kEscapedOffset = kPlaceOffset + 1 + 2 + kHashBytes;
constexpr size_t kExpiryBytes = 8;
constexpr std::string_view kTerminator("\x00\x01", 2);

// What a byte with k more bytes behind it adds to the checksum is in table k, so that eight bytes
// take one step.
using Crc16Tables = std::array<std::array<uint16_t, 256>, 8>;

constexpr Crc16Tables MakeCrc16Tables() {
  Crc16Tables tables{};
  for (unsigned i = 0; i < 256; ++i) {
    unsigned crc = i << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) != 0 ? crc << 1 ^ 0x1021 : crc << 1;
    tables[0][i] = static_cast<uint16_t>(crc);
  }
  for (size_t k = 1; k < tables.size(); ++k) {
    for (size_t i = 0; i < 256; ++i) {
      const unsigned before = tables[k - 1][i];
      tables[k][i] = static_cast<uint16_t>(before << 8 ^ tables[0][before >> 8]);
    }
  }
  return tables;
}

constexpr Crc16Tables kCrc16Tables = MakeCrc16Tables();

uint16_t Crc16(std::string_view bytes) {
  constexpr size_t kStep = kCrc16Tables.size();
  unsigned crc = 0;
  while (bytes.size() >= kStep) {
    unsigned next = 0;
    for (size_t i = 0; i < kStep; ++i) {
      const unsigned before = i == 0 ? crc >> 8 : i == 1 ? crc & 0xff : 0;
      next ^= kCrc16Tables[kStep - 1 - i][before ^ static_cast<unsigned char>(bytes[i])];
    }
    crc = next;
    bytes.remove_prefix(kStep);
  }
  for (const char c : bytes) {
    crc = (crc << 8 & 0xffff) ^ kCrc16Tables[0][crc >> 8 ^ static_cast<unsigned char>(c)];
  }
  return static_cast<uint16_t>(crc);
}

std::string_view HashTag(std::string_view key) {
  const size_t open = key.find('{');
  if (open == std::string_view::npos) return key;
  const size_t close = key.find('}', open + 1);
  if (close == std::string_view::npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

char* PutBigEndian(char* to, uint64_t value, size_t bytes) {
  for (size_t i = bytes; i-- > 0; value >>= 8) to[i] = static_cast<char>(value);
  return to + bytes;
}

uint64_t LoadBigEndian(std::string_view from) {
  uint64_t value = 0;
  for (const char c : from) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

char* PutEscaped(char* to, std::string_view key) {
  while (!key.empty()) {
    const size_t run = std::min(key.find('\0'), key.size());
    std::memcpy(to, key.data(), run);
    to += run;
    key.remove_prefix(run);
    if (key.empty()) break;
    *to++ = '\x00';
    *to++ = '\xff';
    key.remove_prefix(1);
  }
  std::memcpy(to, kTerminator.data(), kTerminator.size());
  return to + kTerminator.size();
}

}  // namespace

uint16_t SlotOf(std::string_view key) { return Crc16(HashTag(key)) % kSlots; }

bool KeyFits(std::string_view key) {
  constexpr size_t kAlwaysFits = 32'000;
  if (key.size() <= kAlwaysFits) return true;
  const auto zeros = static_cast<size_t>(std::count(key.begin(), key.end(), '\0'));
  return key.size() + zeros + kEscapedOffset + kTerminator.size() + kExpiryBytes <= kKeyBytesMax;
}

size_t EncodeObjectKey(int database, std::string_view key, char* to) {
  char* const start = to;
  *to++ = kSystemByte;
  *to++ = kObjectSpace;
  *to++ = static_cast<char>(database);
  to = PutBigEndian(to, SlotOf(key), 2);
  to = PutBigEndian(to, XXH3_64bits(key.data(), key.size()) & kHashMask, kHashBytes);
  to = PutEscaped(to, key);
  return static_cast<size_t>(to - start);
}

std::optional<DecodedKey> DecodeObjectKey(std::string_view encoded) {
  if (encoded.size() < kEscapedOffset + kTerminator.size() || encoded[0] != kSystemByte ||
      encoded[1] != kObjectSpace) {
    return std::nullopt;
  }
  DecodedKey decoded{.database = static_cast<unsigned char>(encoded[kPlaceOffset]), .key = {}};
  std::string_view rest = encoded.substr(kEscapedOffset);
  while (true) {
    const size_t zero = rest.find('\0');
    if (zero == std::string_view::npos || zero + 1 == rest.size()) return std::nullopt;
    decoded.key.append(rest.substr(0, zero));
    const char mark = rest[zero + 1];
    rest.remove_prefix(zero + 2);
    if (mark == kTerminator[1]) break;
    if (mark != '\xff') return std::nullopt;
    decoded.key.push_back('\0');
  }
  if (!rest.empty()) return std::nullopt;  // A record of an object, not an object.
  return decoded;
}

std::string ExpiryKey(uint64_t expiry_ms, std::string_view object_key) {
  std::string key = ExpiryKeyBound(static_cast<unsigned char>(object_key[kPlaceOffset]), expiry_ms);
  key.append(object_key.substr(kPlaceOffset + 1));
  return key;
}

std::string ExpiryKeyBound(int database, uint64_t expiry_ms) {
  std::string key = SpaceStart(kExpirySpace, database);
  char time[kExpiryBytes];
  PutBigEndian(time, expiry_ms, kExpiryBytes);
  key.append(time, kExpiryBytes);
  return key;
}

std::optional<DecodedExpiry> DecodeExpiryKey(std::string_view encoded) {
  constexpr size_t kRestOffset = kPlaceOffset + 1 + kExpiryBytes;
  if (encoded.size() <= kRestOffset || encoded[0] != kSystemByte || encoded[1] != kExpirySpace) {
    return std::nullopt;
  }
  DecodedExpiry decoded{
      .expiry_ms = LoadBigEndian(encoded.substr(kPlaceOffset + 1, kExpiryBytes)),
      .object_key = SpaceStart(kObjectSpace, static_cast<unsigned char>(encoded[kPlaceOffset]))};
  decoded.object_key.append(encoded.substr(kRestOffset));
  return decoded;
}

std::string CountKey(int database) { return SpaceStart(kCountSpace, database); }

std::string FormatKey() { return {kSystemByte, kFormatSpace}; }

std::string SpaceStart(char space, int database) {
  return {kSystemByte, space, static_cast<char>(database)};
}

}  // namespace nokv::backend
