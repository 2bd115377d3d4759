// What a database should hold: an ordered map per column family, with expiry and range deletes.
//
// The model is the specification of the engine's answers in fifty lines: the tests run every
// operation on both and compare. It never looks at a clock: whoever compares says what time it is.
//
// Thread-safety: none. Copies share the values, so a copy serves as a snapshot.
#pragma once

#include "engine/db.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::tests {

struct Stored {
  std::shared_ptr<const std::string> value;
  uint64_t expiry_ms = 0;  // 0: never.

  bool IsVisibleAt(uint64_t now_ms) const { return expiry_ms == 0 || now_ms < expiry_ms; }

  friend bool operator==(const Stored& a, const Stored& b) {
    return a.expiry_ms == b.expiry_ms && (a.value == b.value || *a.value == *b.value);
  }
};

using Rows = std::map<std::string, Stored, std::less<>>;

// The rows of every column family, by the family's id. A family without rows may be missing.
class State {
 public:
  void Apply(const WriteBatch& batch);
  void Apply(const Change& change);

  void Drop(ColumnFamilyHandle family) { families_.erase(family.id); }

  const Rows& rows(ColumnFamilyHandle family) const;

  // The row if a reader sees it at `now_ms`, else null.
  const Stored* Find(ColumnFamilyHandle family, std::string_view key, uint64_t now_ms) const;

  // What readers see at `now_ms` in the listed families.
  State VisibleAt(uint64_t now_ms, const std::vector<ColumnFamilyHandle>& families) const;

  size_t row_count() const;
  uint64_t user_bytes() const;

  friend bool operator==(const State&, const State&) = default;

 private:
  friend std::string Difference(const State& expected, const State& found);

  std::map<uint16_t, Rows> families_;  // Never an empty family.
};

// The first rows that differ, in words; empty if there are none.
std::string Difference(const State& expected, const State& found);

// Everything readers see, by an iterator over each column family and a Get() of each key found,
// which must agree.
struct Contents {
  State state;
  std::vector<std::pair<std::string, ColumnFamilyHandle>> families;  // Sorted by id.

  std::vector<ColumnFamilyHandle> handles() const;
};

absl::StatusOr<Contents> ReadEverything(DB& db);

// A value that names its key and version, so that a wrong one gives itself away.
std::string MakeValue(std::string_view key, uint64_t version, size_t size_bytes);

// True if `value` is what MakeValue() gave for this key and some version; sets `version`.
bool ParseValue(std::string_view key, std::string_view value, uint64_t* version);

// "key00017" and the like; readable in messages, long values cut.
std::string Quote(std::string_view bytes);

}  // namespace nokv::tests
