#include "engine/db/live_files.h"

#include "engine/base/epoch.h"
#include "engine/base/planted.h"
#include "engine/lsm/compaction_job.h"
#include "engine/lsm/manifest.h"

#include <utility>

namespace nokv {
namespace {

// Takes the retired numbers whose file nobody has open.
template <typename ShelfType>
auto TakeUnused(ShelfType& shelf) {
  decltype(shelf.retired) unused;
  decltype(shelf.retired) waiting;
  for (const auto number : shelf.retired) {
    const auto open = shelf.open.find(number);
    if (open != shelf.open.end() && !open->second.expired()) {
      waiting.push_back(number);
      continue;
    }
    if (open != shelf.open.end()) shelf.open.erase(open);
    unused.push_back(number);
  }
  shelf.retired = std::move(waiting);
  return unused;
}

}  // namespace

LiveFiles::LiveFiles(const LiveFilesOptions& options)
    : options_(options), cache_(options.cache_bytes) {}

absl::StatusOr<std::shared_ptr<const table::Table>> LiveFiles::OpenTable(uint64_t number) {
  {
    MutexLock lock(mutex_);
    const auto found = tables_.open.find(number);
    if (found != tables_.open.end()) {
      if (auto table = found->second.lock(); table != nullptr) return table;
    }
  }
  const std::string path = PathOf(lsm::TableFileName(number));
  ASSIGN_OR_RETURN(std::unique_ptr<vfs::ReadableFile> file, options_.files->OpenRead(path));
  ASSIGN_OR_RETURN(std::shared_ptr<const table::Table> table,
                   table::Table::Open(std::move(file), path, cache_));
  MutexLock lock(mutex_);
  tables_.open[number] = table;
  return table;
}

absl::StatusOr<std::shared_ptr<const log::ValueHost>> LiveFiles::OpenSegment(uint32_t number) {
  ASSIGN_OR_RETURN(std::shared_ptr<const log::Segment> segment, OpenLogSegment(number));
  return std::shared_ptr<const log::ValueHost>(std::move(segment));
}

absl::StatusOr<std::shared_ptr<const log::Segment>> LiveFiles::OpenLogSegment(uint32_t number) {
  {
    MutexLock lock(mutex_);
    const auto found = segments_.open.find(number);
    if (found != segments_.open.end()) {
      if (auto segment = found->second.lock(); segment != nullptr) return segment;
    }
  }
  ASSIGN_OR_RETURN(
      std::shared_ptr<log::Segment> segment,
      log::Segment::Open(
          *options_.files, options_.directory, number,
          {.database_id = options_.database_id, .read_only = true, .map = options_.map}));
  if (!segment->sealed()) {
    return DataLossError("{}: tables or groups need it, but it has no footer",
                         segment->file_name());
  }
  AddSegment(segment);
  return std::shared_ptr<const log::Segment>(std::move(segment));
}

void LiveFiles::AddSegment(const std::shared_ptr<const log::Segment>& segment) {
  MutexLock lock(mutex_);
  segments_.open[segment->number()] = segment;
}

absl::StatusOr<std::shared_ptr<const log::ValueHost>> LiveFiles::OpenInValueFile(
    uint32_t value_file, uint32_t segment) {
  std::shared_ptr<const log::ValueFile> file;
  {
    MutexLock lock(mutex_);
    const auto found = value_files_.open.find(value_file);
    if (found != value_files_.open.end()) file = found->second.lock();
  }
  if (file == nullptr) {
    ASSIGN_OR_RETURN(file, log::ValueFile::Open(*options_.files, options_.directory, value_file,
                                                options_.database_id, options_.map));
    MutexLock lock(mutex_);
    value_files_.open[value_file] = file;
  }
  std::shared_ptr<const log::ValueHost> host = log::ValueFile::HostOf(file, segment);
  if (host == nullptr) {
    return DataLossError("{}: holds no values of segment {}",
                         PathOf(log::ValueFileName(value_file)), segment);
  }
  return host;
}

void LiveFiles::ReserveNumbersBelow(uint64_t number) {
  if (next_number_.load() < number) next_number_.store(number);
}

void LiveFiles::RetireTable(uint64_t number) {
  MutexLock lock(mutex_);
  tables_.retired.push_back(number);
}

void LiveFiles::RetireSegment(uint32_t number) {
  MutexLock lock(mutex_);
  segments_.retired.push_back(number);
}

void LiveFiles::RetireValueFile(uint32_t number) {
  MutexLock lock(mutex_);
  value_files_.retired.push_back(number);
}

void LiveFiles::RetireManifest(uint64_t number) {
  MutexLock lock(mutex_);
  manifests_.push_back(number);
}

bool LiveFiles::HasRetired() {
  MutexLock lock(mutex_);
  return !tables_.retired.empty() || !segments_.retired.empty() || !value_files_.retired.empty();
}

bool LiveFiles::IsShared(const std::string& path) const {
  if (Planted(Bug::kCheckpointSharesRecycledSegment)) return false;
  const absl::StatusOr<uint64_t> links = options_.files->LinkCount(path);
  return !links.ok() || *links > 1;
}

void LiveFiles::Remove(const std::string& name) {
  // A file that can't be removed now is an orphan that the next open removes.
  options_.files->Remove(PathOf(name)).IgnoreError();
}

void LiveFiles::HoldRemovals() {
  MutexLock lock(mutex_);
  ++holds_;
}

void LiveFiles::ReleaseRemovals() {
  MutexLock lock(mutex_);
  --holds_;
}

size_t LiveFiles::Purge(log::Writer* writer, uint64_t spare_bytes) {
  EpochCollect();
  std::vector<uint64_t> tables;
  std::vector<uint32_t> segments;
  std::vector<uint32_t> value_files;
  std::vector<uint64_t> manifests;
  size_t waiting = 0;
  {
    MutexLock lock(mutex_);
    if (holds_ > 0) {
      return tables_.retired.size() + segments_.retired.size() + value_files_.retired.size();
    }
    tables = TakeUnused(tables_);
    segments = TakeUnused(segments_);
    value_files = TakeUnused(value_files_);
    manifests = std::move(manifests_);
    manifests_.clear();
    waiting = tables_.retired.size() + segments_.retired.size() + value_files_.retired.size();
  }
  for (const uint64_t number : tables) Remove(lsm::TableFileName(number));
  for (const uint32_t number : value_files) Remove(log::ValueFileName(number));
  for (const uint64_t number : manifests) Remove(lsm::ManifestFileName(number));
  for (const uint32_t number : segments) {
    const std::string name = log::SegmentFileName(number);
    if (writer != nullptr && spare_bytes > 0 && !IsShared(PathOf(name))) {
      writer->RecycleOrRemove(number, spare_bytes).IgnoreError();
    } else {
      Remove(name);
    }
  }
  return waiting;
}

}  // namespace nokv
