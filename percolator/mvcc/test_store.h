// For tests: the three families as ordered maps, records put in by hand, and failures on demand.
//
// Thread-safety: none.
#pragma once

#include "percolator/mvcc/one_phase.h"
#include "percolator/mvcc/record.h"
#include "percolator/mvcc/snapshot.h"
#include "tests/support/require_ok.h"

#include <catch2/catch.hpp>

#include <array>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nokv::mvcc {

template <typename T>
T Unwrap(absl::StatusOr<T> result) {
  INFO(result.status().ToString());
  REQUIRE(result.ok());
  return *std::move(result);
}

// Whether the message has all of `parts`.
inline bool Says(const absl::Status& status, const std::vector<std::string_view>& parts) {
  for (const std::string_view part : parts) {
    if (StdView(status.message()).find(part) == std::string_view::npos) return false;
  }
  return true;
}

inline Timestamp Ts(uint64_t bits) { return Timestamp(bits); }

class TestStore final : public Snapshot {
 public:
  using Map = std::map<std::string, std::string, std::less<>>;

  Map& family(Family which) { return families_[static_cast<size_t>(which)]; }

  const Map& family(Family which) const { return families_[static_cast<size_t>(which)]; }

  // --- By hand.

  void Write(std::string_view key, uint64_t commit, const WriteRecord& record) {
    family(Family::kWrite)[VersionKey(key, Ts(commit))] = Unwrap(EncodeWrite(record));
  }

  void Put(std::string_view key, uint64_t start, uint64_t commit, std::string_view value,
           uint64_t expiry_ms = 0) {
    if (value.size() > kInlineValueBytesMax) return PutBeside(key, start, commit, value, expiry_ms);
    Write(key, commit, {.start = Ts(start), .expiry_ms = expiry_ms, .value = value});
  }

  // The value in the default family, whatever its size.
  void PutBeside(std::string_view key, uint64_t start, uint64_t commit, std::string_view value,
                 uint64_t expiry_ms = 0) {
    family(Family::kDefault)[VersionKey(key, Ts(start))] = Unwrap(EncodeValue(value));
    Write(key, commit, {.start = Ts(start), .expiry_ms = expiry_ms});
  }

  void Delete(std::string_view key, uint64_t start, uint64_t commit) {
    Write(key, commit, {.kind = WriteKind::kDelete, .start = Ts(start)});
  }

  void RollBack(std::string_view key, uint64_t start) {
    Write(key, start, {.kind = WriteKind::kRollback, .start = Ts(start)});
  }

  void Lock(std::string_view key, const LockRecord& record) {
    family(Family::kLock)[KeyPrefix(key)] = Unwrap(EncodeLock(record));
  }

  void Lock(std::string_view key, uint64_t start, LockKind kind = LockKind::kPut,
            uint64_t min_commit = 0) {
    Lock(key, LockRecord{.kind = kind,
                         .primary = std::string(key),
                         .start = Ts(start),
                         .ttl_ms = 3000,
                         .min_commit = Ts(min_commit)});
  }

  void Unlock(std::string_view key) { family(Family::kLock).erase(KeyPrefix(key)); }

  void Apply(const std::vector<Change>& changes) {
    for (const Change& change : changes) {
      if (change.kind == Change::Kind::kSet) {
        family(change.family)[change.key] = change.value;
      } else {
        family(change.family).erase(change.key);
      }
    }
  }

  // From now on the heads of records are the whole records, as where a value was written whole.
  void ShowWholeRecords() { shows_whole_records_ = true; }

  bool shows_whole_records() const { return shows_whole_records_; }

  // --- The `operations`-th operation from now on fails, and all after it. Negative: none does.
  void FailAfter(int64_t operations) const { operations_left_ = operations; }

  // Operations since the last FailAfter().
  int64_t operations() const { return operations_; }

  absl::StatusOr<std::optional<std::string>> Get(Family from, std::string_view key) const override {
    RETURN_IF_ERROR(Count());
    const auto found = family(from).find(key);
    if (found == family(from).end()) return std::nullopt;
    return found->second;
  }

  std::unique_ptr<Cursor> NewCursor(Family from, CursorBounds) const override;

  // Counts an operation, of the store or of a cursor; the failure if it is to fail.
  absl::Status Count() const {
    ++operations_;
    if (operations_left_ < 0) return absl::OkStatus();
    if (operations_left_ > 0) {
      --operations_left_;
      return absl::OkStatus();
    }
    return InternalError("the test's disk failed");
  }

 private:
  std::array<Map, kFamilies> families_;
  bool shows_whole_records_ = false;
  mutable int64_t operations_left_ = -1;
  mutable int64_t operations_ = 0;
};

class TestCursor final : public Cursor {
 public:
  TestCursor(const TestStore& store, Family family)
      : store_(store), map_(store.family(family)), at_(map_.end()) {}

  void Seek(std::string_view target) override {
    if (Moves()) at_ = map_.lower_bound(target);
  }

  void SeekForPrev(std::string_view target) override {
    if (Moves()) StepBack(map_.upper_bound(target));
  }

  void SeekToLast() override {
    if (Moves()) StepBack(map_.end());
  }

  void Next() override {
    REQUIRE(Valid());
    if (Moves()) ++at_;
  }

  void Prev() override {
    REQUIRE(Valid());
    if (Moves()) StepBack(at_);
  }

  bool Valid() const override { return at_ != map_.end() && status_.ok(); }

  std::string_view key() const override { return at_->first; }

  std::string_view value() override {
    if (!Moves()) return {};
    // A view of memory of our own: using it after a move is an error that sanitizers see.
    value_ = std::make_unique<std::string>(at_->second);
    return *value_;
  }

  // No more than what is promised, or all.
  std::string_view value_head() override {
    const std::string_view whole = value();
    const size_t head = store_.shows_whole_records() ? 0 : WriteHeadBytes(whole);
    return head == 0 ? whole : whole.substr(0, head);
  }

  absl::Status status() const override { return status_; }

 private:
  bool Moves() {
    value_.reset();
    if (status_.ok()) status_ = store_.Count();
    return status_.ok();
  }

  void StepBack(TestStore::Map::const_iterator from) {
    at_ = from == map_.begin() ? map_.end() : std::prev(from);
  }

  const TestStore& store_;
  const TestStore::Map& map_;
  TestStore::Map::const_iterator at_;
  std::unique_ptr<std::string> value_;
  absl::Status status_;
};

inline std::unique_ptr<Cursor> TestStore::NewCursor(Family from, CursorBounds) const {
  return std::make_unique<TestCursor>(*this, from);
}

}  // namespace nokv::mvcc
