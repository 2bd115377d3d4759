// Walks the keys of one state of a column family in order, both ways.
//
// A new iterator is not positioned. When !Valid(), status() tells the end of the range (OK) from a
// failure. key() and value() stay in place until the next move. With IteratorOptions::keys_only
// values and heads are empty.
//
// Thread-safety: none; one iterator, one thread at a time.
#pragma once

#include "engine/base/status.h"

#include <cstdint>
#include <string_view>

namespace nokv {

class Iterator {
 public:
  virtual ~Iterator() = default;

  virtual bool Valid() const = 0;

  virtual void SeekToFirst() = 0;
  virtual void SeekToLast() = 0;
  virtual void Seek(std::string_view target) = 0;         // First key >= target.
  virtual void SeekForPrev(std::string_view target) = 0;  // Last key <= target.

  virtual void Next() = 0;  // Requires Valid().
  virtual void Prev() = 0;  // Requires Valid().

  virtual std::string_view key() const = 0;  // Requires Valid().
  virtual std::string_view value() = 0;      // Requires Valid(). Empty on failure: see status().
  virtual uint64_t expiry_ms() const = 0;    // Requires Valid(). 0: never.

  // The value, or just its first bytes if they are kept with the key (EntryPart::head_bytes): all
  // of those, for which the value need not be read. In place until the next move or value().
  // Requires Valid(). Empty on failure, as value().
  virtual std::string_view value_head() = 0;

  virtual absl::Status status() const = 0;
};

}  // namespace nokv
