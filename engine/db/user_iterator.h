// The iterator that users see: merges the layers of one state, hides deletions and expired values,
// and loads values ahead of the reader.
//
// Going forward it makes a few rows ahead of the one it stands on and prefetches the next values,
// so that the cache misses of a value overlap with the search for the keys behind it.
//
// Thread-safety: none.
#pragma once

#include "engine/base/clock.h"
#include "engine/db/read_state.h"
#include "engine/iterator.h"
#include "engine/log/value_host.h"
#include "engine/lsm/layer.h"
#include "engine/lsm/level_iterator.h"
#include "engine/options.h"

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace nokv {

class UserIterator final : public Iterator {
 public:
  struct Context {
    Clock* clock;
    log::ReadChecks checks;
  };

  // Inside an EpochGuard under which `state` was found.
  UserIterator(const ReadState& state, const Context& context, const IteratorOptions& options,
               Sequence bound);

  bool Valid() const override { return count_ > 0 && !is_lost_; }

  void SeekToFirst() override;
  void SeekToLast() override;
  void Seek(std::string_view target) override;
  void SeekForPrev(std::string_view target) override;
  void Next() override;
  void Prev() override;

  std::string_view key() const override { return rows_[first_].key; }

  std::string_view value() override;
  std::string_view value_head() override;

  uint64_t expiry_ms() const override { return rows_[first_].expiry_ms; }

  absl::Status status() const override { return Valid() ? absl::OkStatus() : status_; }

 private:
  static constexpr size_t kRowsMax = 4;
  static constexpr size_t kRowsFirst = 2;
  static constexpr size_t kPrefetchRows = 2;

  enum class Direction { kForward, kBackward };
  enum class Loaded : uint8_t { kNothing, kHead, kAll };

  // One visible row. The value is read when it is asked for, unless it came with the key.
  struct Row {
    std::string key;
    uint64_t expiry_ms = 0;
    const Generation* generation = nullptr;  // Where `version` is from, or null.
    const lsm::MemVersion* version = nullptr;
    const log::ValueHost* host = nullptr;
    table::ValueHandle handle;
    ValuePart part;  // Of the value there, if is_part.
    bool is_part = false;
    std::string bytes;       // Of an inline value, of one read by pread, or of a head.
    std::string_view value;  // As much of it as is loaded.
    Loaded loaded = Loaded::kNothing;
  };

  struct Source {
    std::unique_ptr<lsm::Layer> layer;
    const Generation* generation;  // Of a memtable; null for tables.
  };

  void AddSources(const ReadState& state, uint16_t family);
  // False, with status_ set, if the source failed.
  bool Check(const Source& source);
  bool CheckAll();
  // Makes rows from where the layers stand until ahead_ are there or the range ends, and asks for
  // the values of the next few.
  void FillForward();
  void FillBackward();
  // The source with the next key in the direction, the newest version of it if several have it
  // (then they are in tied_ too, with the others). Null at the end.
  Source* PickSource(Direction direction);
  // Moves every source that stands on the key of `row`.
  void MovePast(const Row& row, Source* picked, Direction direction);
  // Makes `row` of what the source stands on. False if it is deleted or expired.
  bool MakeRow(const Source& source, Row* row);
  bool MakeMemRow(const Source& source, Row* row);
  bool MakeTableRow(const Source& source, Row* row);
  void Prefetch(const Row& row) const;
  absl::Status LoadValue(Row* row);
  // At least the head.
  absl::Status LoadHead(Row* row);
  // The user stands on a row that can't be read: no bytes for him.
  std::string_view Lose(absl::Status status);

  bool IsBelowLower(std::string_view key) const {
    return !options_.lower_bound.empty() && key < options_.lower_bound;
  }

  bool IsAtUpper(std::string_view key) const {
    return !options_.upper_bound.empty() && key >= options_.upper_bound;
  }

  Row& RowAt(size_t i) { return rows_[(first_ + i) % kRowsMax]; }

  void Reset(Direction direction);

  const ReadStateRef state_;
  const Context context_;
  const IteratorOptions options_;
  const Sequence bound_;
  std::vector<Source> sources_;
  std::vector<Source*> tied_;  // Sources with the picked key, besides the picked one.
  // The source picked last, if nothing tied with it and nothing else moved since, and the one to
  // pick if it were not there.
  Source* leader_ = nullptr;
  Source* second_ = nullptr;
  std::vector<const lsm::RangeTombstones*> range_tombstones_;
  Direction direction_ = Direction::kForward;
  absl::Status unusable_;  // Why there is nothing to walk at all.
  absl::Status status_;    // Of the walk since the last seek, which is ahead of the user.
  bool is_lost_ = false;   // The value where the user stands could not be read.

  // A ring: rows_[first_] is where the user stands, count_ rows from it on are made, and the values
  // of fetched_ of them are on their way to the processor.
  std::array<Row, kRowsMax> rows_;
  size_t first_ = 0;
  size_t count_ = 0;
  size_t fetched_ = 0;
  size_t ahead_ = 1;     // How many rows to have made.
  bool at_end_ = false;  // The layers have no more rows this way.
  // Whether the user asked for a value last. Until he does, no more is fetched of rows with a head.
  bool wants_values_ = false;
  std::string here_;  // A key that outlives the layer it was read from.
};

}  // namespace nokv
