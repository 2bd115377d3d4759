// A position in a block, with the entry there.
//
// Thread-safety: none.
#pragma once

#include "engine/table/block.h"
#include "engine/table/entry.h"

#include <string>
#include <string_view>

namespace nokv::table {

class BlockCursor {
 public:
  // Moves to another block, which it keeps, or to none. The cursor is not valid after.
  void Reset(BlockRef block);

  bool valid() const { return valid_; }

  // Its views stay in place until the next call that is not const.
  const Entry& entry() const { return entry_; }

  void SeekToFirst();
  void SeekToLast();

  // The first version at or after (key, sequence); not valid if there is none.
  void Seek(std::string_view key, Sequence sequence);

  // Need valid(); not valid past either end.
  void Next();
  void Prev();

 private:
  void ReadFrom(uint32_t offset);

  BlockRef block_;
  bool valid_ = false;
  uint32_t offset_ = 0;       // Of the entry.
  uint32_t next_offset_ = 0;  // Of the one after it.
  std::string key_;           // The entry's: blocks hold only suffixes.
  Entry entry_;
};

}  // namespace nokv::table
