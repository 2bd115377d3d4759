// What a reader at a snapshot sees: the newest put or delete at its timestamp or before, unless a
// lock may still commit below it. Rollback marks and lock-only records hide nothing.
//
// Thread-safety: none; a reader belongs to one thread and must not outlive its snapshot.
#pragma once

#include "engine/base/status.h"
#include "percolator/mvcc/record.h"
#include "percolator/mvcc/snapshot.h"
#include "percolator/mvcc/timestamp.h"
#include "percolator/mvcc/version_walk.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nokv::mvcc {

// Where a reader stands. Expiry is judged at `now_ms`: for a snapshot its own time, so that it
// repeats itself; for a read of the newest versions, which has none, what the caller knows of the
// time that timestamps are drawn from.
struct ReadView {
  Timestamp at;
  std::optional<uint64_t> now_ms;

  static ReadView At(Timestamp at) { return {.at = at, .now_ms = at.millis()}; }

  // Without a time only values that never expire can be read.
  static ReadView Newest(std::optional<uint64_t> now_ms) {
    return {.at = Timestamp::Max(), .now_ms = now_ms};
  }
};

struct Absent {};

struct Found {
  std::string value;
  uint64_t expiry_ms = 0;  // 0: never.
  Timestamp commit;
};

// A transaction is under way that may commit where the reader would see it: find out what becomes
// of it, then read again.
struct Blocked {
  std::string key;
  LockRecord lock;
};

using GetAnswer = std::variant<Absent, Found, Blocked>;

enum class Direction : uint8_t { kForward, kBackward };

// User keys [start, end), an empty end being none. Keys of the system lie in it from FF on: whoever
// scans for a client ends there.
struct ScanRequest {
  std::string start = {};
  std::string end = {};
  Direction direction = Direction::kForward;
  bool is_keys_only = false;

  // A page ends with the row that reaches one of these, or when so many records were looked at,
  // of which one that came with a large value counts as several.
  uint32_t rows_max = 1024;
  size_t bytes_max = 1 << 20;  // Of keys and values.
  uint64_t records_max = 64 << 10;
};

struct Row {
  std::string key;
  std::string value;  // Empty if only keys were asked for.
  uint64_t expiry_ms = 0;
  Timestamp commit;
};

struct Page {
  std::vector<Row> rows;
  // The key behind the rows is locked.
  std::optional<Blocked> blocked;
  // There may be more: the next request's start, or its end when scanning backward. With it alone
  // changed, the pages together are the rows of one scan, each once.
  std::optional<std::string> resume;
};

class MvccReader {
 public:
  explicit MvccReader(const Snapshot& snapshot) : snapshot_(snapshot) {}

  // DataLoss for a record that can't be right, Unimplemented for one of a newer version; both say
  // where. Unavailable for a value that expires if the time is not known. The snapshot's own
  // failures pass through.
  absl::StatusOr<GetAnswer> Get(std::string_view key, const ReadView& view);

  // InvalidArgument if a limit is zero.
  absl::StatusOr<Page> Scan(const ScanRequest& request, const ReadView& view);

  // Write records looked at since the reader was made, large ones with their values as several.
  uint64_t records() const { return records_; }

 private:
  const Snapshot& snapshot_;
  std::unique_ptr<Cursor> writes_;  // Of Get(), which is often called for many keys.
  uint64_t records_ = 0;
};

// The lock on `user_key`, or nothing.
absl::StatusOr<std::optional<LockRecord>> GetLock(const Snapshot& snapshot,
                                                  std::string_view user_key);

// The value of a put of the key, which `walk` returned last, wherever it lies.
absl::StatusOr<std::string> LoadValue(const Snapshot& snapshot, std::string_view user_key,
                                      const VersionWalk& walk, const WriteHead& put);

}  // namespace nokv::mvcc
