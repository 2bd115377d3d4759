#include "tests/engine/cursor.h"

#include <fmt/format.h>

#include <utility>

namespace nokv::tests {
namespace {

// One move of both; returns what it was. Only seeks when there is no position to move from.
std::string Move(Iterator& iterator, Cursor& cursor, Random& random,
                 const std::vector<std::string>& targets) {
  const std::string& target = targets[random.Uniform(targets.size())];
  const uint64_t choice = random.Uniform(cursor.Valid() ? 16 : 4);
  switch (choice) {
    case 0:
      iterator.SeekToFirst();
      cursor.SeekToFirst();
      return "SeekToFirst()";
    case 1:
      iterator.SeekToLast();
      cursor.SeekToLast();
      return "SeekToLast()";
    case 2:
      iterator.Seek(target);
      cursor.Seek(target);
      return fmt::format("Seek({})", Quote(target));
    case 3:
      iterator.SeekForPrev(target);
      cursor.SeekForPrev(target);
      return fmt::format("SeekForPrev({})", Quote(target));
    default:
      if (choice < 11) {
        iterator.Next();
        cursor.Next();
        return "Next()";
      }
      iterator.Prev();
      cursor.Prev();
      return "Prev()";
  }
}

}  // namespace

ModelCursor::ModelCursor(Rows rows, std::string_view lower_bound, std::string_view upper_bound)
    : rows_(std::move(rows)) {
  if (!lower_bound.empty()) rows_.erase(rows_.begin(), rows_.lower_bound(lower_bound));
  if (!upper_bound.empty()) rows_.erase(rows_.lower_bound(upper_bound), rows_.end());
  at_ = rows_.end();
}

void ModelCursor::SeekForPrev(std::string_view target) {
  at_ = rows_.upper_bound(target);
  Prev();
}

std::string WalkTogether(Iterator& iterator, Cursor& cursor, bool keys_only, Random& random,
                         const std::vector<std::string>& targets, int steps) {
  std::string last;
  for (int i = 0; i < steps; ++i) {
    const std::string move = Move(iterator, cursor, random, targets);
    if (!iterator.status().ok()) {
      return fmt::format("{}: {}", move, iterator.status().ToString());
    }
    if (iterator.Valid() != cursor.Valid()) {
      return fmt::format("{} after {}: iterator is {}, should be {}", move, last,
                         iterator.Valid() ? "at " + Quote(iterator.key()) : "nowhere",
                         cursor.Valid() ? "at " + Quote(cursor.key()) : "nowhere");
    }
    if (cursor.Valid()) {
      if (iterator.key() != cursor.key()) {
        return fmt::format("{} after {}: iterator is at {}, should be at {}", move, last,
                           Quote(iterator.key()), Quote(cursor.key()));
      }
      const std::string_view expected = keys_only ? "" : cursor.value();
      if (random.OneIn(2)) {
        const std::string_view head = iterator.value_head();
        if (!expected.starts_with(head) || head.empty() != expected.empty()) {
          return fmt::format("{}: value of {} begins with {}, should be {}", move,
                             Quote(cursor.key()), Quote(head), Quote(expected));
        }
      }
      if (iterator.value() != expected) {
        return fmt::format("{}: value of {} is {}, should be {}", move, Quote(cursor.key()),
                           Quote(iterator.value()), Quote(expected));
      }
    }
    last = move;
  }
  return "";
}

}  // namespace nokv::tests
