#include "percolator/mvcc/key_codec.h"

#include "engine/base/codec.h"

#include <algorithm>

namespace nokv::mvcc {
namespace {

constexpr char kEscapedZero = '\xff';  // Follows a 00 that belongs to the user key.
constexpr char kEndOfKey = '\x01';     // Follows the 00 that ends it: the version of the format.

constexpr size_t kEndBytes = 2;
constexpr size_t kShownBytesMax = 64;

void AppendEscaped(std::string& out, std::string_view user_key) {
  while (true) {
    const size_t zero = user_key.find('\0');
    out.append(user_key.substr(0, zero));
    if (zero == std::string_view::npos) return;
    out.push_back('\0');
    out.push_back(kEscapedZero);
    user_key.remove_prefix(zero + 1);
  }
}

std::string Encode(std::string_view user_key, char end, size_t extra_bytes) {
  std::string out;
  out.reserve(user_key.size() + kEndBytes + extra_bytes);
  AppendEscaped(out, user_key);
  out.push_back('\0');
  out.push_back(end);
  return out;
}

// What a prefix that ends in `end` is if not one of ours.
absl::Status WrongEnd(std::string_view encoded, char end) {
  const auto version = static_cast<uint8_t>(end);
  if (end == '\0' || end == kEscapedZero) {
    return DataLossError("encoded key {} has no end", ShowKey(encoded));
  }
  return UnimplementedError("encoded key {} has version {} of the format, this program reads {}",
                            ShowKey(encoded), version, static_cast<uint8_t>(kEndOfKey));
}

}  // namespace

std::string_view FamilyName(Family family) {
  switch (family) {
    case Family::kDefault:
      return "default";
    case Family::kLock:
      return "lock";
    case Family::kWrite:
      return "write";
  }
  return "unknown";
}

absl::Status CheckKey(std::string_view key, KeyOwner owner) {
  if (key.empty()) return InvalidArgumentError("a key must not be empty");
  if (key.size() > kUserKeyBytesMax) {
    return InvalidArgumentError("key of {} bytes is longer than {}", key.size(), kUserKeyBytesMax);
  }
  if (owner == KeyOwner::kClient && key.front() == '\xff') {
    return InvalidArgumentError("key {} begins with byte ff: those keys belong to the system",
                                ShowKey(key));
  }
  return absl::OkStatus();
}

std::string KeyPrefix(std::string_view user_key) {
  return Encode(user_key, kEndOfKey, kTimestampBytes);
}

std::string VersionKey(std::string_view user_key, Timestamp timestamp) {
  std::string key = Encode(user_key, kEndOfKey, kTimestampBytes);
  AppendTimestamp(key, timestamp);
  return key;
}

std::string KeyEnd(std::string_view user_key) { return Encode(user_key, kEscapedZero, 0); }

void AppendTimestamp(std::string& prefix, Timestamp timestamp) {
  PutFixed(prefix, __builtin_bswap64(~timestamp.bits()));
}

absl::StatusOr<VersionKeyParts> SplitVersionKey(std::string_view encoded) {
  if (encoded.size() < kEndBytes + kTimestampBytes) {
    return DataLossError("encoded key {} of {} bytes has no timestamp", ShowKey(encoded),
                         encoded.size());
  }
  const std::string_view prefix = encoded.substr(0, encoded.size() - kTimestampBytes);
  if (prefix[prefix.size() - 2] != '\0') return WrongEnd(encoded, '\0');
  if (prefix.back() != kEndOfKey) return WrongEnd(encoded, prefix.back());
  const uint64_t bits = ~__builtin_bswap64(LoadFixed<uint64_t>(encoded.data() + prefix.size()));
  return VersionKeyParts{.prefix = prefix, .timestamp = Timestamp(bits)};
}

absl::StatusOr<std::string> DecodeUserKey(std::string_view prefix) {
  std::string user_key;
  std::string_view rest = prefix;
  while (true) {
    const size_t zero = rest.find('\0');
    if (zero == std::string_view::npos || zero + 1 == rest.size()) return WrongEnd(prefix, '\0');
    user_key.append(rest.substr(0, zero));
    const char next = rest[zero + 1];
    rest.remove_prefix(zero + 2);
    if (next == kEscapedZero) {
      user_key.push_back('\0');
      continue;
    }
    if (next != kEndOfKey) return WrongEnd(prefix, next);
    if (rest.empty()) return user_key;
    return DataLossError("encoded key {} goes on for {} bytes after its end", ShowKey(prefix),
                         rest.size());
  }
}

std::string ShowKey(std::string_view key) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string shown;
  for (const char c : key.substr(0, std::min(key.size(), kShownBytesMax))) {
    shown.push_back(kDigits[static_cast<uint8_t>(c) >> 4]);
    shown.push_back(kDigits[static_cast<uint8_t>(c) & 15]);
  }
  if (key.size() > kShownBytesMax) shown += "...";
  return shown;
}

}  // namespace nokv::mvcc
