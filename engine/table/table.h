// Reads one table. Index and filter stay in memory while it is open; blocks come and go through the
// block cache. Every byte is checked against its checksum when it is read from the file, and each
// error names the file, the offset and both checksums.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/status.h"
#include "engine/table/block_cache.h"
#include "engine/table/entry.h"
#include "engine/table/table_builder.h"
#include "engine/vfs/file_system.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::table {

class TableFile;

// Walks the versions of a table in the order of CompareVersions. Pins the block it stands on, so
// entry() stays in place until the next move without an EpochGuard. After an error it is not valid
// and status() tells; another Seek tries again. The table outlives it. Thread-safety: none.
//
// Where it stands is noted after each move, and read without a virtual call: merges look more often
// than they move.
class TableIterator {
 public:
  virtual ~TableIterator() = default;

  bool Valid() const { return here_ != nullptr; }

  virtual void SeekToFirst() = 0;
  virtual void SeekToLast() = 0;
  // First version at or after (key, sequence) in the order of CompareVersions: with kSequenceMax,
  // the newest version of the first key >= `key`.
  virtual void Seek(std::string_view key, Sequence sequence) = 0;
  virtual void Next() = 0;
  virtual void Prev() = 0;

  const Entry& entry() const { return *here_; }

  virtual absl::Status status() const = 0;

 protected:
  // Null: not valid. Else the iterator's one entry, which stays in its place while it moves.
  void StandAt(const Entry* entry) { here_ = entry; }

 private:
  const Entry* here_ = nullptr;
};

class Table {
 public:
  // Reads footer, index, filter, tombstones and summary. `cache` outlives the table. `name` is
  // used in errors.
  static absl::StatusOr<std::shared_ptr<const Table>> Open(std::unique_ptr<vfs::ReadableFile> file,
                                                           std::string name, BlockCache& cache);

  ~Table();

  // The hash that Get() wants, the same for all tables.
  static uint64_t HashKey(std::string_view key);

  // False only if no key of this hash is in the table. Reads nothing from the file.
  bool MayContain(uint64_t key_hash) const;

  // The newest version of `key` with sequence <= `bound`. False if there is none here (range
  // tombstones are not consulted). The caller holds an EpochGuard for as long as it uses `entry`,
  // whose key is the view that was passed in.
  absl::StatusOr<bool> Get(std::string_view key, uint64_t key_hash, Sequence bound,
                           Entry* entry) const;

  std::unique_ptr<TableIterator> NewIterator(bool fill_cache = true) const;

  // Sorted by start, then newest first; as they were added.
  const std::vector<RangeTombstone>& range_tombstones() const;

  const TableSummary& summary() const;

  // The ordinals of `segment` that entries of this table refer to, ascending; empty if none.
  // Reads the file.
  absl::StatusOr<std::vector<uint32_t>> LiveOrdinals(uint32_t segment) const;

  // Reads every block and checks checksums, order, the filter's answers and the summary.
  absl::Status Verify(const std::function<void(uint64_t bytes)>& progress = {}) const;

 private:
  explicit Table(std::unique_ptr<const TableFile> file);

  const std::unique_ptr<const TableFile> file_;
};

}  // namespace nokv::table
