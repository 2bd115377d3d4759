// Opening: lock, manifest, files, log, and a fresh manifest and segment to write to.
//
// 1. Refuse a directory that is not ours, without a trace in it; take the lock.
// 2. Fold the manifest into a version and open every file that it names.
// 3. Replay the log from the version's boundary into memtables.
// 4. Remove what a power cut left behind the end of the log (highest first, made durable), then
//    seal the recovered segments. Only now, so that a second crash can't bring it back.
// 5. Start a new segment, then a new manifest that holds the whole state; then remove orphans. The
//    new manifest takes back what a close said about the end of the log, before anything is
//    written to it.
#include "engine/base/check.h"
#include "engine/base/planted.h"
#include "engine/base/random.h"
#include "engine/db/background_tasks.h"
#include "engine/db/db_impl.h"
#include "engine/db/environment.h"
#include "engine/db/file_names.h"
#include "engine/db/groups_impl.h"

#include <algorithm>
#include <utility>

namespace nokv {
namespace {

absl::Status CheckOptions(const Options& options) {
  if (options.directory.empty()) return InvalidArgumentError("options.directory is empty");
  if (options.segment_bytes_max < (64 << 10) || options.segment_bytes_max > (1 << 30) ||
      (options.segment_bytes_max & (options.segment_bytes_max - 1)) != 0) {
    return InvalidArgumentError(
        "options.segment_bytes_max is {}; a power of two from 64 KiB to 1 GiB is wanted",
        options.segment_bytes_max);
  }
  if (options.value_threshold_bytes == 0) {
    return InvalidArgumentError("options.value_threshold_bytes is 0; at least 1 is wanted");
  }
  if (!(options.space_target >= 1.3 && options.space_target <= 4.0)) {
    return InvalidArgumentError("options.space_target is {}; 1.3 to 4 is wanted",
                                options.space_target);
  }
  if (options.memory_bytes < (64 << 10)) {
    return InvalidArgumentError("options.memory_bytes is {}; at least 64 KiB is wanted",
                                options.memory_bytes);
  }
  return absl::OkStatus();
}

// Rounds of groups are synced as often as writes at power durability, but a cluster writes all day:
// there a journal commit for each sync is better than twice the bytes.
vfs::SegmentPages SegmentPagesFor(Durability durability, bool has_groups) {
  if (has_groups) return vfs::SegmentPages::kClean;
  return durability == Durability::kPower ? vfs::SegmentPages::kWritten : vfs::SegmentPages::kLarge;
}

// Whether files of a database stand in the directory, without the CURRENT that leads to them.
absl::Status CheckIsNew(const std::vector<std::string>& names, const std::string& directory) {
  for (const std::string& name : names) {
    const std::optional<FileName> file = ParseFileName(name);
    if (!file.has_value()) {
      return FailedPreconditionError(
          "{}: holds '{}', which is no file of a NoKV database; name an empty directory", directory,
          name);
    }
    if (file->kind == FileKind::kTable || file->kind == FileKind::kValueFile ||
        file->kind == FileKind::kSegment) {
      return DataLossError("{}: holds '{}', but CURRENT is missing", directory, name);
    }
  }
  return absl::OkStatus();
}

absl::Status UselessRecordError(const log::Record& record, log::Position position,
                                const log::Segment& segment) {
  return DataLossError("{} at {}: a record of kind {}, which this database has no use for",
                       segment.file_name(), log::OffsetOf(position), static_cast<int>(record.kind));
}

// A file that the database's own files name must be there.
absl::Status MissingIsDamage(const absl::Status& status) {
  if (!absl::IsNotFound(status)) return status;
  return DataLossError("a file of the database is missing: {}", StdView(status.message()));
}

}  // namespace

DBImpl::DBImpl(const Options& options)
    : options_(options),
      files_(options.environment.files != nullptr ? *options.environment.files
                                                  : vfs::PosixFileSystem()),
      clock_(options.environment.clock != nullptr ? *options.environment.clock : SystemClock()),
      executor_(options.environment.executor != nullptr ? *options.environment.executor
                                                        : SharedExecutor()),
      budget_(DivideSpace(options.space_target)),
      groups_(std::make_unique<GroupsImpl>(*this)) {}

absl::StatusOr<std::unique_ptr<DBImpl>> DBImpl::Open(const Options& options,
                                                     RecoveryReport* report) {
  RETURN_IF_ERROR(CheckOptions(options));
  Options normal = options;
  while (normal.directory.size() > 1 && normal.directory.back() == '/') normal.directory.pop_back();
  std::unique_ptr<DBImpl> db(new DBImpl(normal));
  const uint64_t started = db->clock_.MonotonicNanos();
  *report = {};
  RETURN_IF_ERROR(db->Recover(report));
  report->seconds = static_cast<double>(db->clock_.MonotonicNanos() - started) / 1e9;
  return db;
}

// Looks and changes nothing, not even by taking the lock: a directory that is refused is left as it
// was found.
absl::Status DBImpl::CheckIsOurs() const {
  const std::string current = vfs::JoinPath(options_.directory, lsm::kCurrentFileName);
  if (files_.Exists(current)) {
    return MissingIsDamage(lsm::ReadCurrent(files_, options_.directory).status());
  }
  const absl::StatusOr<std::vector<std::string>> names = files_.List(options_.directory);
  if (!names.ok() && !absl::IsNotFound(names.status())) return names.status();
  if (options_.read_only || !options_.create_if_missing) {
    return NotFoundError("{}: no NoKV database there", options_.directory);
  }
  if (!names.ok()) return absl::OkStatus();
  const absl::Status is_new = CheckIsNew(*names, options_.directory);
  // Who creates one makes CURRENT before its other files: it may have come while we looked.
  return files_.Exists(current) ? absl::OkStatus() : is_new;
}

absl::Status DBImpl::Recover(RecoveryReport* report) {
  RETURN_IF_ERROR(CheckIsOurs());
  const std::string current = vfs::JoinPath(options_.directory, lsm::kCurrentFileName);
  const bool exists = files_.Exists(current);
  if (!exists) RETURN_IF_ERROR(files_.CreateDirectory(options_.directory));
  // A reader of the files takes the lock too: they must not change under it.
  if (!options_.read_only || files_.Exists(vfs::JoinPath(options_.directory, kLockFileName))) {
    ASSIGN_OR_RETURN(lock_, files_.Lock(vfs::JoinPath(options_.directory, kLockFileName)));
  }
  // Somebody may have created it before we had the lock.
  if (!exists && !files_.Exists(current)) RETURN_IF_ERROR(CreateNew());
  RETURN_IF_ERROR(MissingIsDamage(LoadManifest(report)));
  if (!options_.read_only) RETURN_IF_ERROR(SyncManifest());
  return MissingIsDamage(ReplayLog(report));
}

absl::Status DBImpl::CreateNew() {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, files_.List(options_.directory));
  RETURN_IF_ERROR(CheckIsNew(names, options_.directory));
  for (const std::string& name : names) {
    if (name == kLockFileName) continue;
    RETURN_IF_ERROR(files_.Remove(vfs::JoinPath(options_.directory, name)));
  }
  // The name of the directory itself.
  RETURN_IF_ERROR(files_.SyncDirectory(std::string(vfs::DirectoryOf(options_.directory))));
  lsm::VersionEdit state;
  state.database_id = EntropySeed() | 1;
  state.boot_id = files_.BootId();
  state.log_boundary = 1;
  state.next_file_number = 2;
  state.new_families.push_back({kDefaultColumnFamily.id, "default"});
  return lsm::ManifestWriter::Start(files_, options_.directory,
                                    {1, *state.database_id, *state.boot_id}, state)
      .status();
}

absl::Status DBImpl::LoadManifest(RecoveryReport* report) {
  ASSIGN_OR_RETURN(const uint64_t number, lsm::ReadCurrent(files_, options_.directory));
  auto version = std::make_shared<lsm::Version>();
  const std::string name = lsm::ManifestFileName(number);
  ASSIGN_OR_RETURN(
      const lsm::ManifestContents contents,
      lsm::ReadManifest(files_, options_.directory, number,
                        [&](const lsm::VersionEdit& edit) { return version->Fold(edit); }));
  if (version->database_id() != contents.identity.database_id) {
    return DataLossError("{}: its header says database {:016x}, its state {:016x}", name,
                         contents.identity.database_id, version->database_id());
  }
  report->bytes_cut += contents.bytes_cut;
  report->cut_position = contents.cut_position;
  database_id_ = version->database_id();
  has_groups_ = options_.groups || contents.identity.version > lsm::kManifestWithoutGroups;
  groups_->LoadMarks(version->marks());
  live_files_ = std::make_unique<LiveFiles>(
      LiveFilesOptions{.files = &files_,
                       .directory = options_.directory,
                       .database_id = database_id_,
                       .cache_bytes = options_.memory_bytes - options_.memory_bytes / 4,
                       .map = options_.prefer_mapping});
  live_files_->ReserveNumbersBelow(std::max(version->next_file_number(), number + 1));
  RETURN_IF_ERROR(version->FinishFold(*live_files_));
  MutexLock install(install_mutex_);
  manifest_number_ = number;
  MutexLock lock(mutex_);
  version_ = std::move(version);
  return absl::OkStatus();
}

// A process that died may have left the manifest, and the names of files, in the page cache only.
// Nothing is removed or built upon them before a power cut can't take them back.
absl::Status DBImpl::SyncManifest() {
  MutexLock install(install_mutex_);
  const std::string name = lsm::ManifestFileName(manifest_number_);
  ASSIGN_OR_RETURN(const std::unique_ptr<vfs::WritableFile> manifest,
                   files_.OpenAppend(vfs::JoinPath(options_.directory, name)));
  RETURN_IF_ERROR(manifest->Sync());
  return files_.SyncDirectory(options_.directory);
}

absl::Status DBImpl::ReplayLog(RecoveryReport* report) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, files_.List(options_.directory));
  std::vector<uint32_t> numbers;
  for (const std::string& name : names) {
    const std::optional<FileName> file = ParseFileName(name);
    if (!file.has_value()) continue;
    if (file->kind == FileKind::kSegment) {
      numbers.push_back(static_cast<uint32_t>(file->number));
    } else {
      live_files_->ReserveNumbersBelow(file->number + 1);
    }
  }
  std::sort(numbers.begin(), numbers.end());

  uint32_t boundary = 0;
  uint64_t last_boot_id = 0;
  std::optional<uint32_t> closed_end;
  {
    MutexLock lock(mutex_);
    closed_end = version_->closed_log_end();
    boundary = version_->log_boundary();
    last_boot_id = version_->boot_id();
  }
  const log::ReplayOptions replay_options{.directory = options_.directory,
                                          .first_segment = boundary,
                                          .database_id = database_id_,
                                          .current_boot_id = files_.BootId(),
                                          .last_boot_id = last_boot_id,
                                          .closed_end = closed_end,
                                          .read_only = options_.read_only,
                                          .map = options_.prefer_mapping};
  MutexLock write_lock(write_mutex_);
  active_ = std::make_shared<Generation>(boundary, FamilyIds(), 0);
  {
    MutexLock lock(mutex_);
    generations_ = {active_};
  }
  visible_.store(log::MakePosition(boundary, 0));
  RETURN_IF_ERROR(ReplayHeldSegments());
  ASSIGN_OR_RETURN(
      const log::ReplayResult replay,
      log::ReplaySegments(
          files_, numbers, replay_options,
          [this](const std::shared_ptr<log::Segment>& segment)
              ABSL_NO_THREAD_SAFETY_ANALYSIS { AddReplayedSegment(segment); },
          [this](const log::ReplayedRecord& record, const std::shared_ptr<log::Segment>& segment)
              ABSL_NO_THREAD_SAFETY_ANALYSIS { return AddReplayed(record, segment); }));
  RETURN_IF_ERROR(groups_->FinishReplay());
  report->records_replayed = replay.records;
  report->bytes_replayed = replay.bytes;
  report->records_cut = replay.records_cut;
  report->bytes_cut += replay.bytes_cut;
  if (!replay.cut_position.empty()) report->cut_position = replay.cut_position;
  if (options_.read_only) {
    MutexLock lock(mutex_);
    PublishState();
    return absl::OkStatus();
  }
  return StartWriting(replay, report);
}

// What groups have below the log boundary. The one pass over the log goes on with ReplaySegments().
absl::Status DBImpl::ReplayHeldSegments() {
  std::shared_ptr<const lsm::Version> version;
  {
    MutexLock lock(mutex_);
    version = version_;
  }
  for (const auto& [number, size] : version->held_segments()) {
    ASSIGN_OR_RETURN(const auto segment, live_files_->OpenLogSegment(number));
    RETURN_IF_ERROR(
        log::WalkSealed(*segment, [&](const log::Record& record, log::Position position) {
          if (!log::IsKnown(record.kind)) return UselessRecordError(record, position, *segment);
          return log::IsGroupRecord(record.kind) ? groups_->ReplayHeld(record, position, segment)
                                                 : absl::OkStatus();
        }));
  }
  return absl::OkStatus();
}

void DBImpl::AddReplayedSegment(const std::shared_ptr<log::Segment>& segment) {
  const uint32_t next =
      active_->first_segment() + static_cast<uint32_t>(active_->segments().size());
  if (segment->number() < next) return;
  const bool is_full =
      !active_->TakesSegments() || active_->used_bytes() >= options_.memory_bytes / 16;
  if (is_full && !active_->segments().empty()) {
    active_ = std::make_shared<Generation>(segment->number(), FamilyIds(), 0);
    range_tombstones_in_active_ = 0;
    MutexLock lock(mutex_);
    generations_.insert(generations_.begin(), active_);
  }
  active_->AddSegment(segment);
  live_files_->AddSegment(segment);
  active_->add_log_bytes(segment->size_bytes());
}

absl::Status DBImpl::AddReplayed(const log::ReplayedRecord& replayed,
                                 const std::shared_ptr<log::Segment>& segment) {
  const log::Record& record = replayed.record;
  if (log::IsGroupRecord(record.kind) && has_groups_) {
    return groups_->Replay(record, replayed.position, segment);
  }
  const bool is_part = record.kind == log::RecordKind::kSetPart;
  if (!log::IsChange(record.kind) || (is_part && !has_groups_)) {
    return UselessRecordError(record, replayed.position, *segment);
  }
  lsm::MemTable* const memtable = active_->table(record.column_family);
  if (memtable == nullptr) {
    return DataLossError("{} at {}: a record of column family {}, which does not exist",
                         segment->file_name(), log::OffsetOf(replayed.position),
                         record.column_family);
  }
  if (is_part) RETURN_IF_ERROR(AddReplayedReference(record, replayed.position, *segment));
  visible_.store(replayed.position);
  if (record.kind == log::RecordKind::kDeleteRange) {
    memtable->AddRangeTombstone(
        {std::string(record.key), std::string(record.value), replayed.position});
    ++range_tombstones_in_active_;
    return absl::OkStatus();
  }
  lsm::MemVersion version{};
  version.sequence = replayed.position;
  version.record_bytes = record.length;
  version.ordinal = replayed.ordinal;
  version.is_delete = record.kind == log::RecordKind::kDelete;
  version.is_part = is_part;
  version.has_expiry = record.expiry_ms != 0;
  memtable->Add(record.key, table::Table::HashKey(record.key), version);
  return absl::OkStatus();
}

// The entry stands in this segment or an earlier one, which is replayed or held.
absl::Status DBImpl::AddReplayedReference(const log::Record& record, log::Position position,
                                          const log::Segment& segment) {
  const auto reference = log::DecodePartReference(record.value, position);
  if (!reference.has_value()) {
    return DataLossError("{} at {}: a malformed reference to a value", segment.file_name(),
                         log::OffsetOf(position));
  }
  ASSIGN_OR_RETURN(auto referred, live_files_->OpenLogSegment(log::SegmentOf(reference->position)));
  active_->AddReferred(std::move(referred));
  return absl::OkStatus();
}

absl::Status DBImpl::SealRecovered(const log::ReplayResult& replay,
                                   std::vector<std::shared_ptr<log::Segment>>* unsynced) {
  if (!replay.segments_to_remove.empty()) {
    for (auto number = replay.segments_to_remove.rbegin();
         number != replay.segments_to_remove.rend(); ++number) {
      RETURN_IF_ERROR(
          files_.Remove(vfs::JoinPath(options_.directory, log::SegmentFileName(*number))));
      // One by one: a crash in between must not leave a later one without an earlier.
      RETURN_IF_ERROR(files_.SyncDirectory(options_.directory));
    }
  }
  for (const log::ReplayedSegment& replayed : replay.segments) {
    if (!replayed.segment->sealed()) {
      RETURN_IF_ERROR(
          replayed.segment->EndAt(replayed.end_offset, files_, options_.prefer_mapping));
      RETURN_IF_ERROR(replayed.segment->WriteFooter(0));
    }
    unsynced->push_back(replayed.segment);
  }
  if (Planted(Bug::kRecoveryDoesNotSyncWhatItRead)) unsynced->clear();
  return absl::OkStatus();
}

absl::Status DBImpl::StartWriting(const log::ReplayResult& replay, RecoveryReport* report) {
  std::vector<std::shared_ptr<log::Segment>> unsynced;
  RETURN_IF_ERROR(SealRecovered(replay, &unsynced));
  log_ = std::make_unique<log::Writer>(
      log::WriterOptions{.files = &files_,
                         .executor = &executor_,
                         .clock = &clock_,
                         .directory = options_.directory,
                         .database_id = database_id_,
                         .map = options_.prefer_mapping,
                         .pages = SegmentPagesFor(options_.durability, has_groups_),
                         .format_version = LogVersion()});
  RETURN_IF_ERROR(RemoveOrphans(replay, report));
  const uint32_t next = replay.segments.empty() ? active_->first_segment()
                                                : replay.segments.back().segment->number() + 1;
  absl::Status opened = log_->OpenFirst(next, NextSegmentBytes(), unsynced);
  if (absl::IsResourceExhausted(opened)) {
    // Reads and deletes are to go on: what the reserve gives up is enough for a small segment.
    NoteDiskFull();
    opened = log_->OpenFirst(next, NextSegmentBytes(), std::move(unsynced));
  }
  RETURN_IF_ERROR(opened);
  AddReplayedSegment(log_->active());
  // From here on the directory is this process's: the state as it is, in a manifest of its own, so
  // that nothing is appended behind a tail that a crash may have torn.
  MutexLock install(install_mutex_);
  std::shared_ptr<const lsm::Version> version;
  {
    MutexLock lock(mutex_);
    version = version_;
  }
  const uint64_t old_manifest = manifest_number_;
  absl::Status started = StartManifest(*version);
  if (absl::IsResourceExhausted(started)) {
    NoteDiskFull();
    started = StartManifest(*version);
  }
  RETURN_IF_ERROR(started);
  live_files_->RetireManifest(old_manifest);
  if (!disk_full_.load()) {
    const absl::Status made = MakeReserve();
    if (!made.ok() && !absl::IsResourceExhausted(made)) return made;
  }
  MutexLock lock(mutex_);
  PublishState();
  ScheduleLocked();
  return absl::OkStatus();
}

absl::Status DBImpl::RemoveOrphans(const log::ReplayResult& replay, RecoveryReport* report) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, files_.List(options_.directory));
  std::set<uint64_t> tables;
  std::shared_ptr<const lsm::Version> version;
  {
    MutexLock lock(mutex_);
    version = version_;
  }
  for (const lsm::NewTable& table : version->ToEdit().new_tables) tables.insert(table.number);
  const auto is_needed = [&](const FileName& file) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    switch (file.kind) {
      case FileKind::kManifest:
        return file.number == manifest_number_;
      case FileKind::kSegment: {
        const bool is_replayed = std::any_of(
            replay.segments.begin(), replay.segments.end(),
            [&](const auto& replayed) { return replayed.segment->number() == file.number; });
        return is_replayed || version->NeedsSegmentFile(static_cast<uint32_t>(file.number));
      }
      case FileKind::kTable:
        return tables.contains(file.number);
      case FileKind::kValueFile:
        return version->value_files().contains(static_cast<uint32_t>(file.number));
      case FileKind::kSpare:
      case FileKind::kTemporary:
        return false;
      case FileKind::kCurrent:
      case FileKind::kLock:
      case FileKind::kReserve:
        return true;
    }
    return true;
  };
  for (const std::string& name : names) {
    const std::optional<FileName> file = ParseFileName(name);
    if (!file.has_value() || is_needed(*file)) continue;
    RETURN_IF_ERROR(files_.Remove(vfs::JoinPath(options_.directory, name)));
    ++report->files_removed;
  }
  return absl::OkStatus();
}

}  // namespace nokv
