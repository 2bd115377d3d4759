// Changes that happen together or not at all, in the order they were added.
//
// Thread-safety: none; a batch may be written to several databases, one after the other.
#pragma once

#include "engine/options.h"

#include <absl/time/time.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace nokv {

enum class ChangeKind : uint8_t { kSet = 1, kDelete = 2, kDeleteRange = 3 };

inline constexpr uint8_t kValueHeadBytesMax = 64;

// Where the bytes of a value stand already: in the payload of an entry of a group (groups.h).
struct EntryPart {
  uint64_t group = 0;
  uint64_t index = 0;   // 0: nowhere.
  uint32_t offset = 0;  // In the payload.
  // How many of the value's first bytes are kept with the key for Iterator::value_head(): what is
  // asked more often than the value. InvalidArgument above kValueHeadBytesMax. A value that is
  // written after all has no head.
  uint8_t head_bytes = 0;

  friend bool operator==(const EntryPart&, const EntryPart&) = default;
};

struct Change {
  ChangeKind kind;
  ColumnFamilyHandle column_family;
  uint64_t expiry_ms;      // Unix milliseconds from which the key is gone; 0 for never.
  std::string_view key;    // Or the first key of the range.
  std::string_view value;  // Or the end of the range, not included.
  EntryPart part = {};     // Of a set.
};

class WriteBatch {
 public:
  void Set(std::string_view key, std::string_view value,
           ColumnFamilyHandle column_family = kDefaultColumnFamily) {
    Add({ChangeKind::kSet, column_family, 0, key, value});
  }

  // The value is part of an entry that was appended before: a large one is not written again, for
  // as long as the entry is there. What it says about the entry must be true (InvalidArgument).
  void SetFromEntry(std::string_view key, std::string_view value, const EntryPart& part,
                    ColumnFamilyHandle column_family = kDefaultColumnFamily) {
    Add({ChangeKind::kSet, column_family, 0, key, value, part});
  }

  // Gone from `expiry_ms`, in Unix milliseconds, on.
  void SetWithExpiry(std::string_view key, std::string_view value, uint64_t expiry_ms,
                     ColumnFamilyHandle column_family = kDefaultColumnFamily) {
    Add({ChangeKind::kSet, column_family, expiry_ms, key, value});
  }

  void Delete(std::string_view key, ColumnFamilyHandle column_family = kDefaultColumnFamily) {
    Add({ChangeKind::kDelete, column_family, 0, key, {}});
  }

  // Deletes every key in [start, end).
  void DeleteRange(std::string_view start, std::string_view end,
                   ColumnFamilyHandle column_family = kDefaultColumnFamily) {
    Add({ChangeKind::kDeleteRange, column_family, 0, start, end});
  }

  void Add(const Change& change);

  void Clear();

  size_t count() const { return count_; }

  bool empty() const { return count_ == 0; }

  size_t size_bytes() const { return bytes_.size(); }

  // Calls visit(const Change&) for each change in order.
  template <typename Visitor>
  void ForEach(Visitor&& visit) const {
    std::string_view rest = bytes_;
    while (!rest.empty()) visit(TakeFirst(rest));
  }

 private:
  static Change TakeFirst(std::string_view& rest);

  std::string bytes_;
  size_t count_ = 0;
};

}  // namespace nokv
