// Finds the block of a table that may hold a version.
//
// Each block has a separator: a version at or after the block's last and before the next block's
// first. So a version belongs to the first block whose separator is at or after it, and what a
// point read looks for is in that block or nowhere. Separators are as short as they can be; only
// where versions of one key span blocks do they carry a sequence.
//
// In memory the search runs over an array of numbers: the eight bytes of each separator that follow
// what all separators have in common. Whole keys are compared only where numbers are equal.
//
// Thread-safety: Index is safe (immutable); IndexBuilder none.
#pragma once

#include "engine/table/entry.h"
#include "engine/table/table_format.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::table {

class IndexBuilder {
 public:
  // The next block: versions of keys up to `separator`, of that key only as old as `sequence`.
  void Add(std::string_view separator, Sequence sequence, uint64_t content_bytes);

  // The index block's content.
  std::string Finish() const;

  size_t size_bytes() const { return entries_.size(); }

 private:
  uint64_t count_ = 0;
  std::string last_;
  std::string entries_;
};

// The shortest key at or after `last` and before `next`, which share exactly `shared` bytes.
std::string_view ShortestSeparator(std::string_view last, std::string_view next, size_t shared);

class Index {
 public:
  // None if the content breaks the grammar, is out of order, or does not fill the data section.
  static std::optional<Index> Decode(std::string_view content, Section data);

  size_t blocks() const { return heads_.size(); }

  // The only block that may hold the first version at or after (key, sequence) if that is one of
  // `key`; blocks() if there is none. If all versions there are before it, the first of the next
  // block is the first version at or after it.
  size_t Find(std::string_view key, Sequence sequence) const;

  Section block(size_t number) const {
    return {.offset = offsets_[number], .size_bytes = offsets_[number + 1] - offsets_[number]};
  }

  std::string separator(size_t number) const;
  Sequence separator_sequence(size_t number) const;

  size_t memory_bytes() const;

 private:
  std::string_view SeparatorRest(size_t number) const;
  bool Load(std::string_view content, Section data);
  void SplitSeparators(const std::vector<std::string>& separators);

  std::string common_;               // What all separators begin with.
  std::vector<uint64_t> heads_;      // KeyHead() of what follows.
  std::vector<uint64_t> offsets_;    // One more: the data section's end.
  std::vector<Sequence> sequences_;  // Empty if all are zero.
  std::vector<uint64_t> rest_ends_;  // Where each separator's rest ends in rests_.
  std::string rests_;
};

}  // namespace nokv::table
