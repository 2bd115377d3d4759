// What the rules read from: the three families as they stood at one moment. Implemented above, over
// an engine's snapshot, and in tests over ordered maps.
//
// Thread-safety: as the implementation says; a cursor belongs to one thread.
#pragma once

#include "engine/base/status.h"
#include "percolator/mvcc/key_codec.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace nokv::mvcc {

// Walks encoded keys in byte order. When !Valid(), status() tells the end (OK) from a failure.
// key() and value() stay in place until the next move.
class Cursor {
 public:
  virtual ~Cursor() = default;

  virtual void Seek(std::string_view target) = 0;         // First key >= target.
  virtual void SeekForPrev(std::string_view target) = 0;  // Last key <= target.
  virtual void SeekToLast() = 0;
  virtual void Next() = 0;  // Requires Valid().
  virtual void Prev() = 0;  // Requires Valid().

  virtual bool Valid() const = 0;

  virtual std::string_view key() const = 0;  // Requires Valid().
  virtual std::string_view value() = 0;      // Requires Valid(). Empty on failure: see status().

  // As value(), but of a write record maybe no more than its first WriteHeadBytes(), which need not
  // cost what the value does. Each of the two is in place until the other is asked for.
  virtual std::string_view value_head() = 0;

  virtual absl::Status status() const = 0;
};

// Encoded keys [start, end); an empty end has no bound. A cursor may show keys outside of them, but
// need not.
struct CursorBounds {
  std::string start;
  std::string end;
};

class Snapshot {
 public:
  virtual ~Snapshot() = default;

  virtual absl::StatusOr<std::optional<std::string>> Get(Family family,
                                                         std::string_view key) const = 0;

  // Not positioned. It must not outlive the snapshot.
  virtual std::unique_ptr<Cursor> NewCursor(Family family, CursorBounds bounds) const = 0;
};

}  // namespace nokv::mvcc
