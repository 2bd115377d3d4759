// The embedded database: a directory, opened by one process, used by any number of threads.
//
// Keys are byte strings of 1 byte to 64 KiB in bytewise order; values have up to 1 GiB. Limits are
// checked at the call (InvalidArgument). A full disk answers ResourceExhausted to writes while
// reads and deletes go on, and heals by itself. After a failed sync or detected damage in the log
// every write answers FailedPrecondition with the cause, until the database is opened again.
//
// Thread-safety: safe, except that the destructor must run alone.
#pragma once

#include "engine/base/status.h"
#include "engine/groups.h"
#include "engine/iterator.h"
#include "engine/options.h"
#include "engine/stats.h"
#include "engine/write_batch.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nokv {

inline constexpr size_t kKeyBytesMax = 64 << 10;
// Of a database that holds groups: a store's, which encodes the keys of its users.
inline constexpr size_t kEncodedKeyBytesMax = 160 << 10;
inline constexpr size_t kValueBytesMax = 1 << 30;

// What opening found and did.
struct RecoveryReport {
  uint64_t records_replayed = 0;
  uint64_t bytes_replayed = 0;
  uint64_t bytes_cut = 0;      // An unfinished tail, never acknowledged at its level.
  uint64_t records_cut = 0;    // Whole records behind a hole left by a power cut.
  std::string cut_position;    // "segment 12 at 4096"; empty if nothing was cut.
  uint64_t files_removed = 0;  // Left behind by work that a crash interrupted.
  double seconds = 0;
};

// A state of the database that stays readable. Release it by destroying it, before the database.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
};

// A value read without a copy. Keeps its bytes in place until destroyed or read into again, which
// must be before the database is destroyed.
class PinnedValue {
 public:
  std::string_view value() const { return value_; }

 private:
  friend class DBImpl;

  std::shared_ptr<const void> pin_;
  std::string_view value_;
};

// One of many keys that are read together.
struct Lookup {
  std::string_view key;
  bool wants_value = true;  // False: existence and expiry are enough, and cheaper to find out.

  // The answer.
  bool is_found = false;
  uint64_t expiry_ms = 0;  // Unix milliseconds; 0 for never.
  std::string_view value = {};
};

// Keeps the values of lookups in place until it is used again or destroyed, before the database.
class PinnedValues {
 private:
  friend class DBImpl;

  std::shared_ptr<const void> pin_;
};

class DB {
 public:
  // Opens or creates the database. InvalidArgument for impossible options, NotFound if it is not
  // there and may not be created, FailedPrecondition if another process has it, DataLoss naming
  // file and offset if it is damaged, Unimplemented if a newer version wrote it, PermissionDenied
  // if this user may not use its files, AlreadyExists if a file is in the place of the directory. A
  // directory with other files in it is refused (FailedPrecondition, or DataLoss if it could be a
  // damaged database) and left as it was found.
  static absl::StatusOr<std::unique_ptr<DB>> Open(const Options& options,
                                                  RecoveryReport* report = nullptr);

  // Waits for running background work, and makes every write durable. Unflushed writes stay in the
  // log, whose end is recorded: if it is missing or damaged at the next Open(), that is DataLoss.
  virtual ~DB() = default;

  // --- Writing. On return the change is visible to every reader and durable at its level.

  virtual absl::Status Write(const WriteBatch& batch, const WriteOptions& options = {}) = 0;

  absl::Status Set(std::string_view key, std::string_view value, const WriteOptions& options = {});
  // InvalidArgument unless `ttl` is at least a millisecond.
  virtual absl::Status SetWithTTL(std::string_view key, std::string_view value, absl::Duration ttl,
                                  const WriteOptions& options = {}) = 0;
  absl::Status Del(std::string_view key, const WriteOptions& options = {});
  absl::Status DeleteRange(std::string_view start, std::string_view end,
                           const WriteOptions& options = {});

  // One change without a batch: the fast path of the calls above, for any column family.
  virtual absl::Status Apply(const Change& change, const WriteOptions& options = {}) = 0;

  // How long the database would make a write of `bytes` wait now, because flushes, merges or
  // collections are behind. Zero most of the time. Takes no lock.
  virtual absl::Duration WriteDelay(uint64_t bytes) const = 0;

  // Calls `done` once every write acknowledged before this call survives a power cut, or with the
  // failure. On an executor's thread, never inside this call; `done` must not block and must not
  // call the database.
  virtual void SyncLog(std::function<void(absl::Status)> done) = 0;

  // --- Reading.

  // True and the value, or false if the key is absent. Reuses `value`'s storage.
  virtual absl::StatusOr<bool> Get(const ReadOptions& options, std::string_view key,
                                   std::string* value) = 0;
  // The same without a copy.
  virtual absl::StatusOr<bool> Get(const ReadOptions& options, std::string_view key,
                                   PinnedValue* value) = 0;
  absl::StatusOr<std::optional<std::string>> Get(std::string_view key);

  // True and the expiry in Unix milliseconds (0: never), or false if the key is absent.
  virtual absl::StatusOr<bool> GetExpiry(const ReadOptions& options, std::string_view key,
                                         uint64_t* expiry_ms) = 0;

  // One state for all keys; answers in the order of the keys.
  virtual absl::StatusOr<std::vector<std::optional<std::string>>> MultiGet(
      const ReadOptions& options, std::span<const std::string_view> keys) = 0;

  // Answers every lookup from one state, without copies. Looking many keys up together costs much
  // less than one by one, because the memory that they need is fetched at the same time.
  virtual absl::Status MultiGet(const ReadOptions& options, std::span<Lookup> lookups,
                                PinnedValues* values) = 0;

  // Sees the state at the call. Must be destroyed before the database.
  virtual std::unique_ptr<Iterator> NewIterator(const IteratorOptions& options = {}) = 0;

  virtual std::unique_ptr<Snapshot> NewSnapshot() = 0;

  // --- Column families. Names have 1 to 255 bytes; "default" is always there.

  virtual absl::StatusOr<ColumnFamilyHandle> CreateColumnFamily(std::string_view name) = 0;
  virtual absl::Status DropColumnFamily(ColumnFamilyHandle column_family) = 0;
  virtual absl::StatusOr<ColumnFamilyHandle> FindColumnFamily(std::string_view name) = 0;
  virtual std::vector<std::pair<std::string, ColumnFamilyHandle>> ListColumnFamilies() = 0;

  // --- Groups, in a database that holds them (Options::groups). Lives as long as the database.

  virtual Groups& groups() = 0;

  // --- Upkeep. All of it also happens by itself, in the background.

  // Moves everything written so far from the log into tables.
  virtual absl::Status Flush() = 0;

  // Flushes and merges every table of the range (empty `end`: to the last key) to the bottom.
  virtual absl::Status CompactRange(ColumnFamilyHandle column_family, std::string_view start,
                                    std::string_view end) = 0;

  // Rewrites or frees every file of values with more than `dead_ratio` of its bytes dead, and at
  // least a tenth: less is headers and indexes. Returns the bytes freed on disk.
  virtual absl::StatusOr<uint64_t> RunValueLogGC(double dead_ratio = 0.0) = 0;

  // Waits until no background work is left to do.
  virtual absl::Status WaitForBackgroundWork() = 0;

  // Makes `directory` (which must not exist) a database with the state at the call. Files are
  // hard links where possible, so it costs little; it survives a power cut when this returns.
  virtual absl::Status Checkpoint(const std::string& directory) = 0;

  // Reads every byte and checks it, and that every reference leads somewhere. The first damage
  // found, as DataLoss; `progress`, if set, gets the bytes read so far and the total.
  virtual absl::Status Verify(const std::function<void(uint64_t, uint64_t)>& progress = {}) = 0;

  virtual Stats GetStats() = 0;

  // What GetStats() leaves out because it is long: one entry per table, and one per segment.
  virtual std::vector<TableInfo> ListTables() = 0;
  virtual std::vector<SegmentInfo> ListSegments() = 0;
};

}  // namespace nokv
