// Keys as they are stored: user keys in byte order, and of each key the newest version first.
//
// No encoded user key is the beginning of another's, so all records of a key lie side by side:
// those of the lock family under KeyPrefix(), the others under KeyPrefix() and a timestamp.
// Format and upgrade rule: README.md.
//
// Thread-safety: pure functions.
#pragma once

#include "engine/base/status.h"
#include "percolator/mvcc/timestamp.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nokv::mvcc {

enum class Family : uint8_t {
  kDefault = 0,  // Values that are too large for the other two, by start timestamp.
  kLock = 1,     // At most one lock a key.
  kWrite = 2,    // Committed versions and rollback marks, by commit timestamp.
};

inline constexpr int kFamilies = 3;

std::string_view FamilyName(Family family);

inline constexpr size_t kUserKeyBytesMax = 64 << 10;
inline constexpr size_t kTimestampBytes = 8;
inline constexpr size_t kEncodedKeyBytesMax = 2 * kUserKeyBytesMax + 2 + kTimestampBytes;

enum class KeyOwner : uint8_t { kClient, kSystem };

// InvalidArgument if `key` is empty or too long or, for a client, begins with byte FF.
absl::Status CheckKey(std::string_view key, KeyOwner owner);

// The key of `user_key` in the lock family, and the beginning of its keys in the others.
std::string KeyPrefix(std::string_view user_key);

// The key of one version. A seek to it finds the newest version at `timestamp` or before.
std::string VersionKey(std::string_view user_key, Timestamp timestamp);

// Past every record of `user_key`, and not past any of the next key.
std::string KeyEnd(std::string_view user_key);

// The first user key after `user_key`.
inline std::string NextUserKey(std::string_view user_key) {
  std::string next(user_key);
  next.push_back('\0');
  return next;
}

// Turn a prefix into a version's key and back without building it again.
void AppendTimestamp(std::string& prefix, Timestamp timestamp);

struct VersionKeyParts {
  std::string_view prefix;  // Of the encoded key. Equal for all versions of one user key.
  Timestamp timestamp;
};

// DataLoss if `encoded` is not a version's key, Unimplemented if a later version wrote it. Looks at
// the end only: DecodeUserKey() on the prefix does the rest.
absl::StatusOr<VersionKeyParts> SplitVersionKey(std::string_view encoded);

// The user key of a prefix: of a whole key in the lock family. DataLoss if it is none,
// Unimplemented if a later version wrote it.
absl::StatusOr<std::string> DecodeUserKey(std::string_view prefix);

// The first bytes of a key for people, as hex digits: "6b6579", with "..." if there is more.
std::string ShowKey(std::string_view key);

}  // namespace nokv::mvcc
