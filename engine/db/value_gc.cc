// Garbage collection of values: frees files without a live value, and moves the live values of the
// files with the most dead bytes together into a new one.
//
// What is live is told exactly by the tables: each lists the ordinals it refers to. No key is
// looked up and none is changed; the manifest records where each segment's values live now, and a
// reader of an older version keeps the old file until it is done. Victims lie below the log
// boundary and are not held, so no memtable refers to them, and nothing can begin to.
#include "engine/base/check.h"
#include "engine/base/planted.h"
#include "engine/db/background_tasks.h"
#include "engine/db/db_impl.h"

#include <algorithm>
#include <map>
#include <utility>

namespace nokv {
namespace {

constexpr uint64_t kBytesPerStep = 1 << 20;
constexpr uint64_t kOutputBytesMax = 64 << 20;
constexpr uint64_t kOutputBytesMin = 256 << 10;
constexpr uint64_t kDeadBytesMin = 64 << 10;  // Less is not worth a file.
constexpr double kDeadRatioMin = 0.10;        // Rewriting fuller files costs more than it frees.

// A file that holds values: a segment of the log, or a value file with several segments in it.
struct Candidate {
  uint32_t value_file = 0;
  std::vector<uint32_t> segments;
  uint64_t size_bytes = 0;
  uint64_t live_bytes = 0;

  double dead_ratio() const {
    return size_bytes == 0
               ? 0
               : 1.0 - static_cast<double>(live_bytes) / static_cast<double>(size_bytes);
  }
};

std::vector<Candidate> ListCandidates(const lsm::Version& version) {
  std::map<uint32_t, Candidate> files;
  std::vector<Candidate> candidates;
  for (const auto& [number, space] : version.segments()) {
    if (space.value_file == 0) {
      if (version.held_segments().contains(number)) continue;  // Its file stays.
      const uint64_t live = std::min(space.live_bytes, space.size_bytes);
      candidates.push_back({0, {number}, space.size_bytes, live});
      continue;
    }
    Candidate& file = files[space.value_file];
    const lsm::ValueFileSpace& whole = version.value_files().at(space.value_file);
    file.value_file = space.value_file;
    file.segments.push_back(number);
    file.size_bytes = whole.size_bytes;
    file.live_bytes = std::min(whole.live_bytes, whole.size_bytes);
  }
  for (auto& [number, file] : files) candidates.push_back(std::move(file));
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.dead_ratio() > b.dead_ratio(); });
  return candidates;
}

// The ordinals of `segment` that any table refers to.
absl::StatusOr<std::vector<uint32_t>> LiveOrdinals(const lsm::Version& version, uint32_t segment) {
  std::vector<uint32_t> all;
  for (const auto& [id, family] : version.families()) {
    for (const lsm::TableList& level : family.levels) {
      for (const lsm::TableRef& file : level) {
        const auto& references = file->summary.segments;
        const bool refers = std::any_of(
            references.begin(), references.end(),
            [segment](const table::SegmentReference& r) { return r.segment == segment; });
        if (!refers) continue;
        ASSIGN_OR_RETURN(const std::vector<uint32_t> own, file->table->LiveOrdinals(segment));
        all.insert(all.end(), own.begin(), own.end());
      }
    }
  }
  std::sort(all.begin(), all.end());
  // Several may need the same entry.
  all.erase(std::unique(all.begin(), all.end()), all.end());
  if (Planted(Bug::kCollectFreesLiveSegment) && all.size() > 1) all.pop_back();
  return all;
}

}  // namespace

absl::StatusOr<bool> DBImpl::FreeDeadSegments() {
  std::shared_ptr<const lsm::Version> version;
  {
    MutexLock lock(mutex_);
    version = version_;
  }
  lsm::VersionEdit edit;
  std::map<uint32_t, uint32_t> left;  // Segments that stay, by value file.
  for (const auto& [number, file] : version->value_files()) left[number] = file.segments;
  for (const auto& [number, space] : version->segments()) {
    // A memtable may refer to what no table refers to.
    if (version->held_segments().contains(number)) continue;
    const bool is_dead = space.live_values == 0 || (Planted(Bug::kLivenessCountsTwice) &&
                                                    space.live_bytes < space.size_bytes / 2);
    if (!is_dead) continue;
    edit.freed_segments.push_back(number);
    if (space.value_file != 0) --left[space.value_file];
  }
  for (const auto& [number, segments] : left) {
    if (segments == 0) edit.deleted_value_files.push_back(number);
  }
  if (edit.freed_segments.empty() && edit.deleted_value_files.empty()) return false;
  RETURN_IF_ERROR(Install(edit, nullptr));
  version.reset();
  MutexLock lock(mutex_);
  SubmitPurge();
  return true;
}

void DBImpl::PickVictims() {
  CollectionTask& task = *collection_;
  {
    MutexLock lock(mutex_);
    task.version = version_;
  }
  const lsm::Version& version = *task.version;
  const uint64_t live = version.live_value_bytes();
  const uint64_t total = version.segment_bytes();
  const bool is_forced = task.dead_ratio_min >= 0;
  const double dead_share =
      static_cast<double>(total - std::min(total, live)) / static_cast<double>(live + 1);
  if (!is_forced && (dead_share <= budget_.dead_share_known || total < live + kDeadBytesMin)) {
    return;
  }

  // Until the edit, the moved values are there twice: a small part of all at a time.
  const uint64_t output_max = std::clamp(live / 24, kOutputBytesMin, kOutputBytesMax);
  uint64_t live_taken = 0;
  for (const Candidate& candidate : ListCandidates(version)) {
    const double ratio = candidate.dead_ratio();
    // Headers and footers are no garbage that a rewrite would win back.
    if (ratio < kDeadRatioMin || (is_forced && ratio <= task.dead_ratio_min)) break;
    if (live_taken > 0 && live_taken + candidate.live_bytes > output_max) break;
    for (const uint32_t segment : candidate.segments) task.victims.push_back({segment, {}});
    if (candidate.value_file != 0) task.value_files.push_back(candidate.value_file);
    live_taken += candidate.live_bytes;
    task.bytes_before += candidate.size_bytes;
    if (live_taken >= output_max) break;
  }
  std::sort(task.victims.begin(), task.victims.end(),
            [](const auto& a, const auto& b) { return a.segment < b.segment; });
}

absl::Status DBImpl::CopyLiveValues() {
  CollectionTask& task = *collection_;
  uint64_t copied = 0;
  std::string scratch;
  while (task.next_victim < task.victims.size() && copied < kBytesPerStep) {
    CollectionTask::Victim& victim = task.victims[task.next_victim];
    const log::ValueHost* host = task.version->host(victim.segment);
    if (!task.victim_loaded) {
      ASSIGN_OR_RETURN(victim.ordinals, LiveOrdinals(*task.version, victim.segment));
      task.victim_loaded = true;
      task.next_ordinal = 0;
    }
    for (; task.next_ordinal < victim.ordinals.size() && copied < kBytesPerStep;
         ++task.next_ordinal) {
      const uint32_t ordinal = victim.ordinals[task.next_ordinal];
      log::Position position = 0;
      ASSIGN_OR_RETURN(std::string_view bytes,
                       host->ReadRaw(ordinal, log::kRecordHeaderBytes, &position, &scratch));
      const uint32_t length = log::RecordLength(bytes);
      ASSIGN_OR_RETURN(bytes, host->ReadRaw(ordinal, length, &position, &scratch));
      // Damage is not copied: the checksum still belongs to the original position.
      log::Record record;
      RETURN_IF_ERROR(
          log::CheckRecord(bytes, position, host->file_name(), log::OffsetOf(position), &record));
      RETURN_IF_ERROR(task.builder->Add(victim.segment, ordinal, position, bytes));
      copied += bytes.size();
    }
    if (task.next_ordinal < victim.ordinals.size()) break;
    ++task.next_victim;
    task.victim_loaded = false;
  }
  counters_.Add(Counter::kCollectedBytes, copied);
  return absl::OkStatus();
}

absl::Status DBImpl::BeginCollection() {
  CollectionTask& task = *collection_;
  task.number = static_cast<uint32_t>(live_files_->NextNumber());
  const std::string path = vfs::JoinPath(options_.directory, log::ValueFileName(task.number));
  ASSIGN_OR_RETURN(task.file, files_.Create(path));
  ASSIGN_OR_RETURN(task.builder,
                   log::ValueFileBuilder::Start(*task.file, {.magic = log::kValuesMagic,
                                                             .number = task.number,
                                                             .boot_id = files_.BootId(),
                                                             .database_id = database_id_,
                                                             .durable = 0,
                                                             .version = LogVersion()}));
  return absl::OkStatus();
}

absl::Status DBImpl::InstallCollection() {
  CollectionTask& task = *collection_;
  lsm::VersionEdit edit;
  // A merge may have let go of a victim's last value between the look for dead segments and ours.
  for (const CollectionTask::Victim& victim : task.victims) {
    if (victim.ordinals.empty()) {
      edit.freed_segments.push_back(victim.segment);
      continue;
    }
    const uint64_t size = task.version->segments().at(victim.segment).size_bytes;
    edit.segments.push_back({victim.segment, size, task.number});
  }
  if (!edit.segments.empty()) {
    RETURN_IF_ERROR(task.builder->Finish());
    edit.new_value_files.push_back({task.number, task.builder->size_bytes()});
  }
  edit.deleted_value_files = task.value_files;
  RETURN_IF_ERROR(Install(edit, nullptr));
  if (edit.segments.empty()) DiscardCollection();
  return absl::OkStatus();
}

absl::Status DBImpl::RunCollection(bool* done) {
  CollectionTask& task = *collection_;
  if (IsClosing()) {
    DiscardCollection();
    return absl::CancelledError("closing");
  }
  if (!task.groups_done) {
    ASSIGN_OR_RETURN(const bool more, ReleaseGroupSegments());
    task.groups_done = !more;
    if (more) return absl::OkStatus();
  }
  if (!task.started) {
    task.started = true;
    // Segments that died as a whole cost only an edit.
    ASSIGN_OR_RETURN(const bool freed, FreeDeadSegments());
    (void)freed;
    PickVictims();
    if (task.victims.empty()) {
      MutexLock lock(mutex_);
      // An edit since the look may have left something to do.
      collection_idle_ = task.version == version_;
      *done = true;
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(BeginCollection());
    return absl::OkStatus();
  }
  absl::Status status = CopyLiveValues();
  if (status.ok() && task.next_victim < task.victims.size()) return status;
  if (!status.ok()) {
    DiscardCollection();
    return status;
  }
  if (status = InstallCollection(); !status.ok()) {
    // After any other failure the edit may be in the manifest, and then needs its file.
    if (absl::IsResourceExhausted(status)) DiscardCollection();
    return status;
  }
  counters_.Add(Counter::kCollections);
  task.version.reset();
  *done = true;
  MutexLock lock(mutex_);
  SubmitPurge();
  return absl::OkStatus();
}

void DBImpl::DiscardCollection() {
  CollectionTask& task = *collection_;
  task.version.reset();
  if (task.file == nullptr) return;
  task.builder.reset();
  task.file.reset();
  files_.Remove(vfs::JoinPath(options_.directory, log::ValueFileName(task.number))).IgnoreError();
}

}  // namespace nokv
