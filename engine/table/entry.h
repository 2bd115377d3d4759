// One version of a key, as memtables hand it to tables and tables to readers.
//
// Thread-safety: values. Views point into the block or buffer they were read from.
#pragma once

#include "engine/base/value_part.h"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace nokv {

// The position of the record that made a change visible: segment number << 32 | offset. Orders all
// changes of a database.
using Sequence = uint64_t;

inline constexpr Sequence kSequenceMax = UINT64_MAX;

}  // namespace nokv

namespace nokv::table {

enum class EntryKind : uint8_t {
  kDelete = 0,  // The key is gone.
  kInline = 1,  // The value stands in the table.
  kHandle = 2,  // The value stands in a segment of the log.
  kPart = 3,    // The value is part of one that stands there; its first bytes may stand here too.
};

// Where a value lives: the `ordinal`-th value of a segment. Garbage collection moves the bytes and
// keeps the handle.
struct ValueHandle {
  uint32_t segment = 0;
  uint32_t ordinal = 0;
  uint32_t record_bytes = 0;  // The whole record's: what the handle keeps alive.

  friend auto operator<=>(const ValueHandle&, const ValueHandle&) = default;
};

struct Entry {
  std::string_view key;
  Sequence sequence = 0;
  EntryKind kind = EntryKind::kDelete;
  uint64_t expiry_ms = 0;  // 0: never.
  std::string_view value;  // kInline: all of it. kPart: its head, maybe empty.
  ValueHandle handle;      // kHandle and kPart.
  ValuePart part = {};     // kPart only.

  bool has_handle() const { return kind >= EntryKind::kHandle; }
};

// Orders by key, then newest first.
inline int CompareVersions(std::string_view key_a, Sequence sequence_a, std::string_view key_b,
                           Sequence sequence_b) {
  if (const int order = key_a.compare(key_b); order != 0) return order;
  return sequence_a > sequence_b ? -1 : sequence_a < sequence_b ? 1 : 0;
}

// Deletes every version in [start, end) older than `sequence`.
struct RangeTombstone {
  std::string start;
  std::string end;
  Sequence sequence = 0;

  friend bool operator==(const RangeTombstone&, const RangeTombstone&) = default;
};

}  // namespace nokv::table
