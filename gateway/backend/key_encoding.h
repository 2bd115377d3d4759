// Where Redis keys live among the keys of the engine.
//
//   object   = FF 'r' place                     -> object_encoding.h
//   expiry   = FF 'e' database expiry_ms:u64 rest   -> nothing; for each object that will expire
//   counts   = FF 'c' database                  -> keys:u64 expiring:u64, little-endian
//   format   = FF 'f'                           -> the version of all this, a byte
//   place    = database rest
//   rest     = slot:u16 hash:40 escaped
//   escaped  = the key with 00 as 00 FF, then 00 01
//
// Numbers are big-endian, so byte order is their order. The slot is that of Redis Cluster: keys
// with the same hash tag stay together. The hash has 38 bits, so slot and hash make a cursor of 52
// bits that every client can hold, and a scan needs no state. No escaped key is the beginning of
// another: records that belong to an object follow it directly, under its key and more bytes.
//
// Thread-safety: pure functions.
#pragma once

#include "gateway/backend/keyspace.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nokv::backend {

inline constexpr char kSystemByte = '\xff';
inline constexpr char kObjectSpace = 'r';
inline constexpr char kExpirySpace = 'e';
inline constexpr char kCountSpace = 'c';
inline constexpr char kFormatSpace = 'f';
inline constexpr uint8_t kFormatVersion = 1;

inline constexpr int kSlots = 16384;

// CRC16 (XMODEM) of the hash tag, the bytes in the first {...} that is not empty, or of the key.
uint16_t SlotOf(std::string_view key);

// False if the engine's limit on keys has no room for it: keys up to 32,000 bytes always fit.
bool KeyFits(std::string_view key);

inline size_t ObjectKeyBytesMax(std::string_view key) { return 12 + 2 * key.size(); }

// Writes at most ObjectKeyBytesMax(key) bytes; returns how many.
size_t EncodeObjectKey(int database, std::string_view key, char* to);

struct DecodedKey {
  int database;
  std::string key;
};

// Nothing if `encoded` is not the key of an object.
std::optional<DecodedKey> DecodeObjectKey(std::string_view encoded);

// From the key of an object.
std::string ExpiryKey(uint64_t expiry_ms, std::string_view object_key);

// The first possible expiry key at that time.
std::string ExpiryKeyBound(int database, uint64_t expiry_ms);

struct DecodedExpiry {
  uint64_t expiry_ms;
  std::string object_key;
};

std::optional<DecodedExpiry> DecodeExpiryKey(std::string_view encoded);

std::string CountKey(int database);

std::string FormatKey();

// The first key of a database in a space, and the first one behind it.
std::string SpaceStart(char space, int database);

inline std::string SpaceEnd(char space, int database) { return SpaceStart(space, database + 1); }

}  // namespace nokv::backend
