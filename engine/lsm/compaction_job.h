// Merges tables, or writes a memtable out: inputs to outputs to the edit that exchanges them, in
// bounded steps. Keys and handles are rewritten; values of the log are not touched.
//
// Thread-safety: none; one job, one thread at a time.
#pragma once

#include "engine/base/status.h"
#include "engine/lsm/level_iterator.h"
#include "engine/lsm/version_edit.h"
#include "engine/lsm/version_filter.h"
#include "engine/table/table_builder.h"
#include "engine/vfs/file_system.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace nokv::lsm {

std::string TableFileName(uint64_t number);  // "000042.sst"

struct OutputOptions {
  vfs::FileSystem* files = nullptr;
  std::string directory;
  std::function<uint64_t()> next_number;
  table::BuilderOptions builder;
  uint64_t table_bytes_target = UINT64_MAX;
  uint64_t value_bytes_target = UINT64_MAX;  // Bounds what one table keeps alive.
  uint16_t column_family = 0;
  uint32_t level = 0;
};

// Takes the versions that a filter keeps, in order, and cuts them into tables at changes of key.
// Range tombstones are cut along with them.
class TableOutputs {
 public:
  // `tombstones`: what goes into the outputs, ascending, not overlapping, each with the sequences
  // to keep.
  TableOutputs(const OutputOptions& options, std::vector<RangeTombstones::Fragment> tombstones)
      : options_(options), tombstones_(std::move(tombstones)) {}

  absl::Status Add(const table::Entry& entry);
  absl::Status Finish();

  // Removes what was written. For a job that failed or was given up.
  void Discard();

  const std::vector<NewTable>& tables() const { return tables_; }

  uint64_t bytes_written() const;

 private:
  absl::Status Open();
  // Completes the open table, whose keys end before `end` (empty: the last table).
  absl::Status Cut(std::string_view end);
  void AddTombstonesBefore(std::string_view end);

  const OutputOptions options_;
  std::vector<RangeTombstones::Fragment> tombstones_;
  size_t next_tombstone_ = 0;
  std::unique_ptr<vfs::WritableFile> file_;
  std::unique_ptr<table::TableBuilder> builder_;
  std::string last_key_;
  uint64_t open_number_ = 0;
  std::vector<NewTable> tables_;
};

// One run over a source of versions.
class CompactionJob {
 public:
  // Entries come from `inputs`; `filter_options.range_tombstones` is set by the job from
  // `tombstones`.
  CompactionJob(const OutputOptions& output,
                std::vector<std::unique_ptr<table::TableIterator>> inputs,
                std::vector<table::RangeTombstone> tombstones, VersionFilterOptions filter_options,
                const std::function<bool(std::string_view, std::string_view)>& is_bottom_for_range);

  // Handles about `entries` versions; true when the outputs are complete and synced.
  absl::StatusOr<bool> Step(size_t entries);

  TableOutputs& outputs() { return outputs_; }

  uint64_t entries_read() const { return entries_read_; }

  uint64_t entries_dropped() const { return entries_dropped_; }

 private:
  const std::unique_ptr<const RangeTombstones> tombstones_;
  VersionFilter filter_;
  TableOutputs outputs_;
  MergingIterator inputs_;
  bool started_ = false;
  uint64_t entries_read_ = 0;
  uint64_t entries_dropped_ = 0;
};

}  // namespace nokv::lsm
