// Background work: what runs when. Results are installed by install.cc.
//
// Each job is a chain of bounded steps on the executor; at most one flush, one compaction and one
// collection run at a time. A job changes nothing that readers see until Install().
#include "engine/base/check.h"
#include "engine/base/planted.h"
#include "engine/db/background_tasks.h"
#include "engine/db/db_impl.h"
#include "engine/db/groups_impl.h"
#include "engine/lsm/memtable_source.h"

#include <algorithm>
#include <utility>

namespace nokv {
namespace {

constexpr size_t kEntriesPerStep = 4096;

}  // namespace

void DBImpl::PublishState() {
  const ReadState* const old = state_.exchange(new ReadState(generations_, version_, *this));
  if (old != nullptr) EpochRetire([old] { old->Unref(); });
  UpdateThrottle();
}

void DBImpl::Submit(Priority priority, void (DBImpl::*step)()) {
  ++steps_submitted_;
  executor_.Submit(priority, [this, step] { (this->*step)(); });
}

void DBImpl::FinishStep() {
  --steps_submitted_;
  changed_.SignalAll();
}

void DBImpl::ScheduleLocked() {
  if (closing_ || options_.read_only || !poison_.ok() || log_ == nullptr) return;
  if (generations_.size() > 1 && flush_ == nullptr && !flush_blocked_) {
    flush_ = std::make_unique<FlushTask>();
    Submit(Priority::kHigh, &DBImpl::StepFlush);
  }
  if (!disk_full_.load() && log_->WantsSpare()) Submit(Priority::kHigh, &DBImpl::SpareStep);
  if (!options_.background_work || pauses_ > 0) return;
  if (compaction_ == nullptr && !compaction_idle_) {
    compaction_ = std::make_unique<CompactionTask>();
    Submit(Priority::kLow, &DBImpl::StepCompaction);
  }
  if (collection_ == nullptr && !collection_idle_) {
    collection_ = std::make_unique<CollectionTask>();
    Submit(Priority::kLow, &DBImpl::StepCollection);
  }
}

// What is left to do after a failure: nothing for now if the disk is full, nothing ever if data is
// damaged or a sync failed.
void DBImpl::NoteBackgroundFailure(const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) {
    NoteDiskFull();
  } else if (!absl::IsCancelled(status)) {
    Poison(status);
  }
}

void DBImpl::StepFlush() {
  bool done = false;
  const absl::Status status = RunFlush(&done);
  if (!status.ok()) {
    // Before the failure is dealt with: whoever ends the state of a full disk unblocks the flush.
    MutexLock lock(mutex_);
    flush_blocked_ = true;
    may_rotate_.SignalAll();
  }
  if (!status.ok()) NoteBackgroundFailure(status);
  MutexLock lock(mutex_);
  if (!status.ok() || done) {
    flush_.reset();
    ScheduleLocked();
  } else {
    Submit(Priority::kHigh, &DBImpl::StepFlush);
  }
  FinishStep();
}

void DBImpl::StepCompaction() {
  bool done = false;
  const absl::Status status = RunCompaction(&done);
  if (!status.ok()) NoteBackgroundFailure(status);
  MutexLock lock(mutex_);
  if (!status.ok() || done) {
    if (!status.ok()) compaction_idle_ = true;
    compaction_.reset();
    ScheduleLocked();
  } else {
    Submit(Priority::kLow, &DBImpl::StepCompaction);
  }
  FinishStep();
}

void DBImpl::StepCollection() {
  bool done = false;
  const absl::Status status = RunCollection(&done);
  if (!status.ok()) NoteBackgroundFailure(status);
  MutexLock lock(mutex_);
  if (!status.ok() || done) {
    if (!status.ok()) collection_idle_ = true;
    collection_.reset();
    ScheduleLocked();
  } else {
    Submit(Priority::kLow, &DBImpl::StepCollection);
  }
  FinishStep();
}

void DBImpl::SpareStep() {
  log_->PrepareSpare(NextSegmentBytes());
  // The disk may have filled up since this was asked for: others need the space more.
  if (disk_full_.load()) log_->DropSpare();
  MutexLock lock(mutex_);
  FinishStep();
}

void DBImpl::PurgeStep() {
  {
    MutexLock lock(mutex_);
    purge_submitted_ = false;
  }
  live_files_->Purge(log_.get(), disk_full_.load() ? 0 : NextSegmentBytes());
  MutexLock lock(mutex_);
  FinishStep();
}

lsm::PickerOptions DBImpl::PickerOptionsLocked() const {
  lsm::PickerOptions picker;
  picker.level_base_bytes = options_.level_base_bytes;
  // Where few entries replace others, there is little to win by merging them early, and least under
  // a store, whose entries are all versions.
  const double replaced_share_min = has_groups_ ? 0.1 : 0.4;
  picker.upper_share_max = budget_.upper_share_max / std::max(replaced_share_min, replaced_share_);
  picker.snapshots = SnapshotSequencesLocked();
  picker.now_ms = clock_.WallMillis();
  return picker;
}

std::vector<Sequence> DBImpl::SnapshotSequencesLocked() const {
  std::vector<Sequence> sequences(snapshots_.begin(), snapshots_.end());
  sequences.erase(std::unique(sequences.begin(), sequences.end()), sequences.end());
  return sequences;
}

lsm::OutputOptions DBImpl::OutputFor(uint16_t family, uint32_t level) {
  lsm::OutputOptions output;
  output.files = &files_;
  output.directory = options_.directory;
  output.next_number = [this] { return live_files_->NextNumber(); };
  output.builder.block_bytes_target = options_.block_bytes_target;
  output.table_bytes_target = options_.table_bytes_target;
  output.column_family = family;
  output.level = level;
  return output;
}

// --- Flush: the oldest memtables to tables of level 0, one edit for all column families.

absl::Status DBImpl::BeginFlush() {
  FlushTask& task = *flush_;
  {
    MutexLock lock(mutex_);
    NOKV_CHECK(generations_.size() > 1);
    task.generation = generations_.back();
    task.boundary = generations_[generations_.size() - 2]->first_segment();
    task.snapshots = SnapshotSequencesLocked();
  }
  // Rule 1: what the tables will refer to is durable before they are.
  if (!Planted(Bug::kInstallBeforeSegmentSync)) {
    RETURN_IF_ERROR(log_->SyncTo(log::MakePosition(task.boundary, 0)));
  }
  RETURN_IF_ERROR(HoldForGroups(task.generation->first_segment(), task.boundary, &task.held));
  for (const auto& [id, memtable] : task.generation->tables()) {
    if (!memtable->empty()) task.families.push_back(id);
  }
  task.started = true;
  return absl::OkStatus();
}

absl::Status DBImpl::RunFlush(bool* done) {
  FlushTask& task = *flush_;
  if (!task.started) RETURN_IF_ERROR(BeginFlush());
  if (task.job == nullptr) {
    if (task.next_family == task.families.size()) {
      *done = true;
      return InstallFlush();
    }
    const uint16_t id = task.families[task.next_family];
    const lsm::MemTable& memtable = *task.generation->table(id);
    std::shared_ptr<const lsm::Version> before;
    {
      MutexLock lock(mutex_);
      before = version_;
    }
    const lsm::Family* family = before->family(id);
    task.replaced_share = family == nullptr ? 0 : lsm::ReplacedShare(memtable, *family);
    task.keys += memtable.keys();
    task.replaced_keys += task.replaced_share * static_cast<double>(memtable.keys());
    std::vector<std::unique_ptr<table::TableIterator>> inputs;
    inputs.push_back(lsm::NewMemTableSource(
        memtable, task.snapshots,
        [&generation = *task.generation](const lsm::MemVersion& version, std::string* scratch) {
          // A small value leaves the log here, and with it the checksum that it was written with.
          return version.ordinal == lsm::kNoOrdinal ? generation.ReadCheckedRecord(version, scratch)
                                                    : generation.ReadRecord(version, scratch);
        },
        [&generation = *task.generation](const log::PartReference& reference) {
          return generation.FindReferred(reference);
        }));
    lsm::OutputOptions output = OutputFor(id, 0);
    output.table_bytes_target = UINT64_MAX;  // Level 0 counts its tables.
    task.job = std::make_unique<lsm::CompactionJob>(
        output, std::move(inputs), memtable.range_tombstone_list(),
        lsm::VersionFilterOptions{.snapshots = task.snapshots,
                                  .now_ms = clock_.WallMillis(),
                                  .is_bottom = nullptr,
                                  .range_tombstones = nullptr},
        nullptr);
  }
  absl::StatusOr<bool> finished = task.job->Step(kEntriesPerStep);
  if (!finished.ok()) {
    task.Discard();
    return std::move(finished).status();
  }
  if (*finished) {
    for (const lsm::NewTable& table : task.job->outputs().tables()) {
      task.tables.push_back(table);
      task.tables.back().replaced_share = task.replaced_share;
    }
    counters_.Add(Counter::kTableBytes, task.job->outputs().bytes_written());
    task.finished_jobs.push_back(std::move(task.job));
    ++task.next_family;
  }
  return absl::OkStatus();
}

// Entries that values are parts of may stand in older segments, which are held so far.
void DBImpl::AddOlderSegments(uint32_t first, const std::set<uint32_t>& referenced,
                              lsm::VersionEdit* edit) {
  MutexLock lock(mutex_);
  for (const uint32_t number : referenced) {
    if (number >= first || version_->segments().contains(number)) continue;
    const auto held = version_->held_segments().find(number);
    if (held != version_->held_segments().end())
      edit->segments.push_back({number, held->second, 0});
  }
}

absl::Status DBImpl::InstallFlush() {
  FlushTask& task = *flush_;
  lsm::VersionEdit edit = task.held;
  edit.log_boundary = task.boundary;
  for (const auto& [group, index] : task.generation->marks()) {
    edit.marks.push_back({group, Planted(Bug::kMarkAheadOfData) ? groups_->MarkOf(group) : index});
  }
  edit.new_tables = task.tables;
  std::set<uint32_t> referenced;
  for (const lsm::NewTable& table : task.tables) {
    for (const table::SegmentReference& reference : table.summary.segments) {
      referenced.insert(reference.segment);
    }
  }
  std::set<uint32_t> held;
  for (const lsm::HeldSegment& segment : edit.held_segments) held.insert(segment.number);
  std::vector<uint32_t> unreferenced;
  for (const std::shared_ptr<const log::Segment>& segment : task.generation->segments()) {
    if (segment->number() >= task.boundary) continue;
    if (referenced.contains(segment->number())) {
      edit.segments.push_back({segment->number(), segment->size_bytes(), 0});
    } else if (!held.contains(segment->number())) {
      unreferenced.push_back(segment->number());
    }
  }
  AddOlderSegments(task.generation->first_segment(), referenced, &edit);
  if (Planted(Bug::kRecycleBeforeEditDurable)) {
    for (const uint32_t number : unreferenced) {
      files_.Remove(vfs::JoinPath(options_.directory, log::SegmentFileName(number))).IgnoreError();
    }
  }
  if (absl::Status status = Install(edit, task.generation.get()); !status.ok()) {
    // After any other failure the edit may be in the manifest, and then needs its tables.
    if (absl::IsResourceExhausted(status)) task.Discard();
    return status;
  }
  task.generation.reset();
  counters_.Add(Counter::kFlushes);
  if (has_groups_) groups_->ForgetBelow(*edit.held_begin);
  // Everything that was worth keeping of these is in the tables.
  for (const uint32_t number : unreferenced) live_files_->RetireSegment(number);
  MutexLock lock(mutex_);
  if (task.keys > 0) replaced_share_ = task.replaced_keys / static_cast<double>(task.keys);
  SubmitPurge();
  return absl::OkStatus();
}

// --- Compaction.

absl::Status DBImpl::BeginCompaction(const lsm::Compaction& compaction) {
  CompactionTask& task = *compaction_;
  task.compaction = compaction;
  task.started = true;
  if (compaction.IsMove() || compaction.IsDrop()) return absl::OkStatus();

  std::shared_ptr<const lsm::Version> version;
  std::vector<Sequence> snapshots;
  {
    MutexLock lock(mutex_);
    version = version_;
    snapshots = SnapshotSequencesLocked();
  }
  std::vector<std::unique_ptr<table::TableIterator>> inputs;
  std::vector<table::RangeTombstone> tombstones;
  for (const lsm::TableList* list : {&compaction.inputs, &compaction.overlapping}) {
    for (const lsm::TableRef& file : *list) {
      const auto& own = file->table->range_tombstones();
      tombstones.insert(tombstones.end(), own.begin(), own.end());
    }
  }
  if (compaction.level == 0) {
    for (const lsm::TableRef& file : compaction.inputs) {
      inputs.push_back(file->table->NewIterator(/*fill_cache=*/false));
    }
  } else {
    inputs.push_back(lsm::NewLevelIterator(compaction.inputs, false));
  }
  if (!compaction.overlapping.empty()) {
    inputs.push_back(lsm::NewLevelIterator(compaction.overlapping, false));
  }
  const lsm::Family* found = version->family(compaction.column_family);
  if (found == nullptr) return absl::CancelledError("the column family was dropped");
  // Not the version: it would keep every file of values that is collected meanwhile.
  const auto family = std::make_shared<const lsm::Family>(*found);
  const uint32_t output_level = compaction.output_level;
  const auto is_bottom = [family, output_level](std::string_view start, std::string_view end) {
    return lsm::IsBottomFor(*family, output_level, start, end);
  };
  task.job = std::make_unique<lsm::CompactionJob>(
      OutputFor(compaction.column_family, output_level), std::move(inputs), std::move(tombstones),
      lsm::VersionFilterOptions{
          .snapshots = std::move(snapshots),
          .now_ms = clock_.WallMillis(),
          .is_bottom = [is_bottom](std::string_view key) { return is_bottom(key, key); },
          .range_tombstones = nullptr},
      is_bottom);
  return absl::OkStatus();
}

absl::Status DBImpl::RunCompaction(bool* done) {
  CompactionTask& task = *compaction_;
  if (!task.started) {
    std::optional<lsm::Compaction> picked;
    {
      MutexLock lock(mutex_);
      if (closing_) return absl::CancelledError("closing");
      picked = lsm::PickCompaction(*version_, PickerOptionsLocked());
      if (!picked.has_value()) {
        compaction_idle_ = true;
        *done = true;
        return absl::OkStatus();
      }
    }
    RETURN_IF_ERROR(BeginCompaction(*picked));
  }
  if (task.job != nullptr) {
    absl::StatusOr<bool> finished =
        IsClosing() ? absl::CancelledError("closing") : task.job->Step(kEntriesPerStep);
    if (!finished.ok()) {
      task.job->outputs().Discard();
      return std::move(finished).status();
    }
    if (!*finished) return absl::OkStatus();
  }
  *done = true;
  return InstallCompaction();
}

double DBImpl::CompactionTask::ReplacedShare() const {
  double replaced = 0;
  uint64_t all = 0;
  for (const lsm::TableRef& table : compaction.inputs) {
    replaced += table->replaced_share * static_cast<double>(table->value_bytes());
    all += table->value_bytes();
  }
  return all == 0 ? 0 : replaced / static_cast<double>(all);
}

absl::Status DBImpl::InstallCompaction() {
  CompactionTask& task = *compaction_;
  const lsm::Compaction& compaction = task.compaction;
  lsm::VersionEdit edit;
  edit.deleted_tables = compaction.dropped;
  for (const lsm::TableRef& table : compaction.inputs) {
    edit.deleted_tables.push_back({compaction.column_family, compaction.level, table->number});
    if (compaction.IsMove()) {
      edit.new_tables.push_back({.column_family = compaction.column_family,
                                 .level = compaction.output_level,
                                 .number = table->number,
                                 .summary = table->summary,
                                 .replaced_share = table->replaced_share});
    }
  }
  for (const lsm::TableRef& table : compaction.overlapping) {
    edit.deleted_tables.push_back(
        {compaction.column_family, compaction.output_level, table->number});
  }
  if (task.job != nullptr) {
    edit.new_tables = task.job->outputs().tables();
    if (compaction.output_level < lsm::kBottomLevel) {
      const double replaced_share = task.ReplacedShare();
      for (lsm::NewTable& table : edit.new_tables) table.replaced_share = replaced_share;
    }
    counters_.Add(Counter::kTableBytes, task.job->outputs().bytes_written());
  }
  if (absl::Status status = Install(edit, nullptr); !status.ok()) {
    if (task.job != nullptr && absl::IsResourceExhausted(status)) task.job->outputs().Discard();
    return status;
  }
  counters_.Add(Counter::kCompactions);
  MutexLock lock(mutex_);
  // The inputs' files go once the job's own iterators are gone too.
  task.job.reset();
  task.compaction = {};
  SubmitPurge();
  return absl::OkStatus();
}

}  // namespace nokv
