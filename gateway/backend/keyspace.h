// What a command sees of the data: sixteen numbered databases of typed objects, as they are after
// every earlier command, written or not.
//
// Commands are plain functions over this interface. A backend may run one again (after a failed
// write, a conflict, or to fetch what it turned out to need), so a command keeps all its effects
// here and in its reply.
//
// Thread-safety: none.
#pragma once

#include "engine/base/status.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

namespace nokv::backend {

inline constexpr int kDatabases = 16;

// Stored in objects: numbers are never reused.
enum class ObjectType : uint8_t {
  kString = 1,
  kList = 2,
  kSet = 3,
  kSortedSet = 4,
  kHash = 5,
  kStream = 6
};

struct Object {
  ObjectType type = ObjectType::kString;
  uint64_t version = 0;  // Of an object with records of its own beside this one; 0 for the others.
  uint64_t expiry_ms = 0;  // Unix milliseconds after which the object is gone; 0 for never.
  std::string_view payload;
};

// Keys there are, and how many of them will expire. A key that has expired counts until somebody
// notices, which is a matter of milliseconds.
struct KeyCounts {
  uint64_t keys = 0;
  uint64_t expiring = 0;

  friend bool operator==(const KeyCounts&, const KeyCounts&) = default;
};

// A key that a command will look at.
struct KeyUse {
  int database = 0;
  std::string_view key;     // Of a size that the engine takes.
  bool wants_value = true;  // False: the command overwrites or removes whatever is there.
};

// Why nothing was added.
enum class AddRefusal : uint8_t { kWrongType, kNotAnInteger, kOverflow };

using AddOutcome = std::variant<int64_t, AddRefusal>;

class Keyspace {
 public:
  virtual ~Keyspace() = default;

  // The time for all expiry decisions of this command, in Unix milliseconds.
  virtual uint64_t now_ms() const = 0;

  // Null if absent or expired. The object stays in place until the key changes or the round ends.
  virtual absl::StatusOr<const Object*> Find(int database, std::string_view key) = 0;

  // The payload must stay in place until the round ends: an argument does, anything else goes
  // through Keep(). An object whose expiry has passed removes the key.
  virtual absl::Status Put(int database, std::string_view key, const Object& object) = 0;

  // True if the key was there.
  virtual absl::StatusOr<bool> Remove(int database, std::string_view key) = 0;

  // Adds to the integer in the string at the key, an absent one being 0, and keeps its expiry.
  // Nothing where that is no better than Find() and Put(): then the caller does it so.
  virtual absl::StatusOr<std::optional<AddOutcome>> Add(int /*database*/, std::string_view /*key*/,
                                                        int64_t /*delta*/) {
    return std::nullopt;
  }

  // Removes every key of one database, or of all.
  virtual absl::Status Clear(std::optional<int> database) = 0;

  virtual absl::StatusOr<KeyCounts> Count(int database) = 0;

  // A copy of `bytes` that stays in place until the round ends.
  virtual std::string_view Keep(std::string_view bytes) = 0;
};

}  // namespace nokv::backend
