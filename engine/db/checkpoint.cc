// Checkpoints and verification: the two that walk every file.
//
// A checkpoint seals the active segment first, so that every file it needs is immutable; then it
// links them, copies the manifest's state, and syncs. Crash points: until CURRENT is in place the
// target is no database and Open() refuses it; CURRENT comes last.
#include "engine/base/planted.h"
#include "engine/base/value_part.h"
#include "engine/db/db_impl.h"
#include "engine/db/file_names.h"
#include "engine/log/value_file.h"

#include <algorithm>
#include <utility>

namespace nokv {
namespace {

constexpr size_t kCopyBytes = 1 << 20;

// A hard link, or a copy where the file system has none.
absl::Status LinkOrCopy(vfs::FileSystem& files, const std::string& from, const std::string& to) {
  const absl::Status linked = files.Link(from, to);
  if (linked.ok() || absl::IsAlreadyExists(linked) || absl::IsNotFound(linked)) return linked;
  ASSIGN_OR_RETURN(const std::unique_ptr<vfs::ReadableFile> source, files.OpenRead(from));
  ASSIGN_OR_RETURN(const std::unique_ptr<vfs::WritableFile> target, files.Create(to));
  std::string buffer;
  for (uint64_t offset = 0; offset < source->size_bytes(); offset += buffer.size()) {
    buffer.resize(std::min<uint64_t>(kCopyBytes, source->size_bytes() - offset));
    RETURN_IF_ERROR(source->Read(offset, buffer.size(), buffer.data()));
    RETURN_IF_ERROR(target->Append(buffer));
  }
  return target->Sync();
}

// What a version and the log behind it, up to `segments_end`, consist of.
std::vector<std::string> FileNamesOf(const lsm::Version& version, uint32_t segments_end) {
  std::vector<std::string> names;
  for (const lsm::NewTable& table : version.ToEdit().new_tables) {
    names.push_back(lsm::TableFileName(table.number));
  }
  for (const auto& [number, size] : version.held_segments()) {
    names.push_back(log::SegmentFileName(number));
  }
  for (const auto& [number, space] : version.segments()) {
    if (space.value_file == 0) names.push_back(log::SegmentFileName(number));
  }
  for (const auto& [number, space] : version.value_files()) {
    names.push_back(log::ValueFileName(number));
  }
  // The log has no gaps. The memtables know its segments too, but a writer adds to them meanwhile.
  for (uint32_t number = version.log_boundary(); number < segments_end; ++number) {
    names.push_back(log::SegmentFileName(number));
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace

absl::Status DBImpl::Checkpoint(const std::string& directory) {
  RETURN_IF_ERROR(CheckWritable());
  if (files_.Exists(directory)) return AlreadyExistsError("{}: it is there already", directory);

  // Everything that this holds on to stays in its place while it is linked.
  live_files_->HoldRemovals();
  const absl::Status status = LinkState(directory);
  live_files_->ReleaseRemovals();
  MutexLock lock(mutex_);
  SubmitPurge();  // Of what became obsolete meanwhile.
  return status;
}

absl::Status DBImpl::LinkState(const std::string& directory) {
  std::shared_ptr<const lsm::Version> version;
  uint32_t segments_end = 0;
  {
    MutexLock write_lock(write_mutex_);
    const bool has_records = log_->active()->size_bytes() > log::kFileHeaderBytes;
    if (has_records && !Planted(Bug::kCheckpointSharesActiveSegment)) {
      RETURN_IF_ERROR(RollSegment(0));
    }
    segments_end = log_->active()->number();
    MutexLock lock(mutex_);
    version = version_;
  }
  if (!Planted(Bug::kCheckpointNotSynced)) {
    const absl::Status synced = log_->SyncTo(log::MakePosition(segments_end, 0));
    if (!synced.ok()) Poison(synced);
    RETURN_IF_ERROR(synced);
    if (Planted(Bug::kCheckpointSharesActiveSegment)) ++segments_end;
  }
  RETURN_IF_ERROR(files_.CreateDirectory(directory));
  for (const std::string& name : FileNamesOf(*version, segments_end)) {
    RETURN_IF_ERROR(LinkOrCopy(files_, vfs::JoinPath(options_.directory, name),
                               vfs::JoinPath(directory, name)));
  }
  lsm::VersionEdit state = version->ToEdit();
  state.boot_id = files_.BootId();
  const uint64_t number = live_files_->next_number();
  state.next_file_number = number + 1;
  state.closed_log_end = segments_end;
  if (!Planted(Bug::kCheckpointNotSynced)) {
    RETURN_IF_ERROR(files_.SyncDirectory(directory));
    RETURN_IF_ERROR(files_.SyncDirectory(std::string(vfs::DirectoryOf(directory))));
  }
  return lsm::ManifestWriter::Start(files_, directory, ManifestIdentityOf(number), state).status();
}

// A version keeps the files of its tables and values, but knows what is held for groups by numbers
// only: those segments may go as soon as somebody compacts, and are kept by themselves.
absl::Status DBImpl::OpenToVerify(std::shared_ptr<const lsm::Version>* version,
                                  std::vector<std::shared_ptr<const log::Segment>>* held) {
  {
    MutexLock lock(mutex_);
    *version = version_;
  }
  for (const auto& [number, size] : (*version)->held_segments()) {
    ASSIGN_OR_RETURN(auto segment, live_files_->OpenLogSegment(number));
    held->push_back(std::move(segment));
  }
  return absl::OkStatus();
}

absl::Status DBImpl::Verify(const std::function<void(uint64_t, uint64_t)>& progress) {
  std::shared_ptr<const lsm::Version> version;
  std::vector<std::shared_ptr<const log::Segment>> held;
  live_files_->HoldRemovals();
  const absl::Status opened = OpenToVerify(&version, &held);
  live_files_->ReleaseRemovals();
  OnStateReleased();  // For what became obsolete meanwhile.
  RETURN_IF_ERROR(opened);
  uint64_t read = 0;
  const uint64_t total = version->table_bytes() + version->live_value_bytes();
  const auto report = [&](uint64_t bytes) {
    read += bytes;
    if (progress) progress(read, total);
  };
  for (const auto& [id, family] : version->families()) {
    for (const lsm::TableList& level : family.levels) {
      for (const lsm::TableRef& file : level) {
        RETURN_IF_ERROR(file->table->Verify(report));
        const std::unique_ptr<table::TableIterator> entries = file->table->NewIterator(false);
        for (entries->SeekToFirst(); entries->Valid(); entries->Next()) {
          const table::Entry& entry = entries->entry();
          if (!entry.has_handle()) continue;
          RETURN_IF_ERROR(VerifyValue(*version, entry));
          report(entry.handle.record_bytes);
        }
        RETURN_IF_ERROR(entries->status());
      }
    }
  }
  for (const std::shared_ptr<const log::Segment>& segment : held) {
    RETURN_IF_ERROR(log::WalkSealed(
        *segment, [](const log::Record&, log::Position) { return absl::OkStatus(); }));
  }
  return absl::OkStatus();
}

absl::Status DBImpl::VerifyValue(const lsm::Version& version, const table::Entry& entry) const {
  const log::ValueHost* host = version.host(entry.handle.segment);
  if (host == nullptr) {
    return DataLossError("{}: a key refers to segment {}, which is not there", options_.directory,
                         entry.handle.segment);
  }
  std::string scratch;
  ASSIGN_OR_RETURN(
      const log::Record record,
      host->ReadValue(entry.handle.ordinal, entry.handle.record_bytes, {.verify = true}, &scratch));
  if (entry.kind == table::EntryKind::kPart) {
    const auto part = log::IsGroupRecord(record.kind)
                          ? CutPart(record.value, entry.part, /*verify=*/true)
                          : std::nullopt;
    if (part.has_value() && part->starts_with(entry.value)) return absl::OkStatus();
    return DataLossError(
        "{}: value {} of segment {} has not the part that its key's entry describes",
        host->file_name(), entry.handle.ordinal, entry.handle.segment);
  }
  if (record.key != entry.key || record.expiry_ms != entry.expiry_ms) {
    return DataLossError("{}: value {} of segment {} is not the one its key's entry describes",
                         host->file_name(), entry.handle.ordinal, entry.handle.segment);
  }
  return absl::OkStatus();
}

}  // namespace nokv
