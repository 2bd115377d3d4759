// Who may evaluate a write on which keys, and which keys are about to change.
//
// A write stands in line for each of its keys, in order of arrival, and holds them all once it is
// the first in every line. From then until it is released readers at a timestamp that it may commit
// at or below must wait. All lines are joined at once, so no two writes wait for each other.
//
// Invariant: a key has a line exactly as long as somebody stands in it.
//
// Thread-safety: none; a region owns its own.
#pragma once

#include "percolator/mvcc/timestamp.h"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::store {

using WriteId = uint64_t;

// A place in the order of events of a region.
using Moment = uint64_t;

// When a read came, and what it wants to see.
struct ReadPoint {
  mvcc::Timestamp at;
  Moment came = 0;
};

class Latches {
 public:
  // A new moment, after all others.
  Moment Now() { return ++moment_; }

  // Joins the lines of `keys`, which has none twice. True if it holds them at once.
  bool Acquire(WriteId id, std::vector<std::string> keys);

  // The write that holds will commit at `commit`.
  void SetCommit(WriteId id, mvcc::Timestamp commit);

  // Leaves all lines. Adds those who hold all their keys now to `woken`, in order of arrival.
  void Release(WriteId id, std::vector<WriteId>& woken);

  void Clear();

  bool empty() const { return writes_.empty(); }

  // Whether a read must wait: a write that held the key when the read came may commit where the
  // read would see it. One that holds it only since then draws its timestamp after the read had
  // drawn its own, and so a later one.
  bool Blocks(std::string_view key, const ReadPoint& read) const;

  // The same for any key of [start, end); an empty end has no bound.
  bool BlocksAny(std::string_view start, std::string_view end, const ReadPoint& read) const;

 private:
  using Line = std::deque<WriteId>;
  using Lines = std::map<std::string, Line, std::less<>>;

  struct Write {
    std::vector<std::string> keys = {};
    size_t waits_for = 0;  // Lines in which others stand before it.
    Moment held_since = 0;
    mvcc::Timestamp commit = {};  // Zero: not drawn yet.
  };

  bool IsBlocking(const Line& line, const ReadPoint& read) const;

  Lines lines_;
  std::map<WriteId, Write> writes_;
  Moment moment_ = 0;
};

}  // namespace nokv::store
