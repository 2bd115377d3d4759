// The state of a background job between two of its steps.
//
// Thread-safety: none; a task belongs to the step that runs.
#pragma once

#include "engine/db/db_impl.h"
#include "engine/log/value_file.h"

#include <memory>
#include <vector>

namespace nokv {

struct DBImpl::FlushTask {
  bool started = false;
  std::shared_ptr<Generation> generation;
  uint32_t boundary = 0;  // First segment that is not flushed with it.
  std::vector<Sequence> snapshots;
  std::vector<uint16_t> families;
  size_t next_family = 0;
  std::unique_ptr<lsm::CompactionJob> job;  // Of families[next_family].
  std::vector<std::unique_ptr<lsm::CompactionJob>> finished_jobs;
  std::vector<lsm::NewTable> tables;
  lsm::VersionEdit held;      // What groups hold of its segments.
  double replaced_share = 0;  // Of the memtable of `job`.
  size_t keys = 0;            // Of the memtables so far.
  double replaced_keys = 0;   // Of them, by their shares.

  // Removes the outputs.
  void Discard() {
    if (job != nullptr) job->outputs().Discard();
    for (const auto& finished : finished_jobs) finished->outputs().Discard();
  }
};

struct DBImpl::CompactionTask {
  bool started = false;
  lsm::Compaction compaction;
  std::unique_ptr<lsm::CompactionJob> job;  // Null for a move or a drop.

  // Of the inputs, by their values' bytes: what the outputs are taken to have if there is a level
  // below them.
  double ReplacedShare() const;
};

// Moves the live values of a few files into a new value file.
struct DBImpl::CollectionTask {
  struct Victim {
    uint32_t segment = 0;
    std::vector<uint32_t> ordinals;  // Live ones, ascending. Filled when its turn comes.
  };

  bool groups_done = false;  // With what groups need not hold any more.
  bool started = false;
  double dead_ratio_min = -1;  // Set by RunValueLogGC: collect everything above it.
  std::shared_ptr<const lsm::Version> version;  // Keeps the victims' files open.
  std::vector<Victim> victims;                  // Ascending by segment.
  std::vector<uint32_t> value_files;            // Emptied by this collection.
  size_t next_victim = 0;
  size_t next_ordinal = 0;
  bool victim_loaded = false;
  uint32_t number = 0;
  std::unique_ptr<vfs::WritableFile> file;
  std::unique_ptr<log::ValueFileBuilder> builder;
  uint64_t bytes_before = 0;
};

}  // namespace nokv
