// Builds the content of one data block.
//
// Thread-safety: none.
#pragma once

#include "engine/table/entry.h"

#include <cstdint>
#include <string>
#include <vector>

namespace nokv::table {

class BlockBuilder {
 public:
  // In the order of CompareVersions; `shared` is how many bytes the key has in common with the one
  // before, in this block or the last.
  void Add(const Entry& entry, size_t shared);

  // The content's size if `entry` were added, or a little more.
  size_t SizeWith(const Entry& entry, size_t shared) const;

  size_t size_bytes() const { return content_.size() + (restarts_.size() + 1) * sizeof(uint32_t); }

  bool empty() const { return content_.empty(); }

  // The content, and an empty builder.
  std::string Finish();

 private:
  bool AtRestart() const;

  std::string content_;
  std::vector<uint32_t> restarts_;
  int since_restart_ = 0;
};

}  // namespace nokv::table
