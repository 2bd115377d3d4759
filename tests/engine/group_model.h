// Groups beside a model of them: what a database should hold after each of a series of changes.
//
// Thread-safety: none.
#pragma once

#include "engine/db.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nokv::tests {

struct GroupContents {
  GroupPoint start;
  std::string state;
  std::map<uint64_t, std::pair<uint64_t, std::string>> entries;  // Term and payload by index.

  uint64_t last_index() const { return entries.empty() ? start.index : entries.rbegin()->first; }

  friend bool operator==(const GroupContents&, const GroupContents&) = default;
};

// Everything in a database that holds groups: they, their marks, and the default column family.
struct GroupDatabase {
  std::map<GroupId, GroupContents> groups;
  std::map<GroupId, uint64_t> marks;
  std::map<std::string, std::string> rows;

  void Apply(const GroupWrite& write);

  std::string Describe() const;

  friend bool operator==(const GroupDatabase&, const GroupDatabase&) = default;
};

// How much of the row's value is kept with the key, if it is part of an entry.
inline uint8_t HeadBytesOf(std::string_view key) {
  return static_cast<uint8_t>(key.back() % 6 * kValueHeadBytesMax / 5);
}

// Reads everything, and all rows by their heads too; marks of the groups 1 to `groups_max`.
absl::StatusOr<GroupDatabase> ReadGroupDatabase(DB& db, GroupId groups_max);

}  // namespace nokv::tests
