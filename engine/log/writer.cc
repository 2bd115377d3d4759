#include "engine/log/writer.h"

#include "engine/base/check.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace nokv::log {

absl::Status Writer::OpenFirst(uint32_t number, uint64_t capacity_bytes,
                               std::vector<std::shared_ptr<Segment>> unsynced) {
  durable_.store(unsynced.empty() ? MakePosition(number, 0)
                                  : MakePosition(unsynced.front()->number(), 0));
  ASSIGN_OR_RETURN(active_, StartSegment(number, capacity_bytes, 0));
  appended_.store(active_->NextPosition());
  MutexLock lock(sync_mutex_);
  unsynced_ = std::move(unsynced);
  unsynced_.push_back(active_);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<Segment>> Writer::StartSegment(uint32_t number,
                                                              uint64_t capacity_bytes,
                                                              uint64_t room_bytes) {
  Spare spare;
  {
    MutexLock lock(spare_mutex_);
    if (spare_.file != nullptr && spare_.file->capacity_bytes() >= room_bytes) {
      spare = std::move(spare_);
      spare_ = {};
    }
  }
  const std::string path = PathOf(number);
  const bool was_prepared = spare.file != nullptr;
  if (was_prepared) {
    RETURN_IF_ERROR(options_.files->Rename(spare.path, path));
  } else {
    ASSIGN_OR_RETURN(spare.file, options_.files->CreateSegment(
                                     path, FileOptions(std::max(capacity_bytes, room_bytes))));
  }
  const SegmentIdentity identity{number, options_.files->BootId(), options_.database_id, durable(),
                                 options_.format_version};
  return Segment::Start(std::move(spare.file), path, identity, was_prepared);
}

absl::Status Writer::Append(RecordDraft& draft, std::string_view key, std::string_view value) {
  draft.Finish(active_->NextPosition(), durable());
  return active_->Append(draft, key, value);
}

absl::Status Writer::Roll(uint64_t capacity_bytes, uint64_t room_bytes) {
  ASSIGN_OR_RETURN(std::shared_ptr<Segment> next,
                   StartSegment(active_->number() + 1, capacity_bytes, room_bytes));
  if (absl::Status sealed = active_->WriteFooter(durable()); !sealed.ok()) {
    // Half a seal ends the log for recovery: nothing may be appended behind it.
    return InternalError("seal of {}: {}", active_->file_name(), StdView(sealed.message()));
  }
  {
    MutexLock lock(sync_mutex_);
    unsynced_.push_back(next);
  }
  active_ = std::move(next);
  PublishAppended();
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> Writer::Close() {
  const uint32_t number = active_->number();
  if (active_->size_bytes() == kFileHeaderBytes) {
    RETURN_IF_ERROR(SyncTo(MakePosition(number, 0)));
    // Should a crash bring it back, there is still no record in it.
    RETURN_IF_ERROR(options_.files->Remove(active_->file_name()));
    return number;
  }
  RETURN_IF_ERROR(active_->WriteFooter(durable()));
  PublishAppended();
  RETURN_IF_ERROR(SyncTo(appended()));
  return number + 1;
}

absl::Status Writer::SyncSegments(const std::vector<std::shared_ptr<Segment>>& segments) {
  for (const std::shared_ptr<Segment>& segment : segments) {
    if (segment->sealed()) {
      RETURN_IF_ERROR(segment->FinishSeal());
    } else {
      RETURN_IF_ERROR(segment->Sync());
    }
  }
  bool all_named = true;
  for (const std::shared_ptr<Segment>& segment : segments) all_named &= segment->name_durable();
  if (!all_named) {
    RETURN_IF_ERROR(options_.files->SyncDirectory(options_.directory));
    for (const std::shared_ptr<Segment>& segment : segments) segment->set_name_durable();
  }
  return absl::OkStatus();
}

// Those whom the last sync released are likely to be back within microseconds, while a sync takes a
// hundred: without a wait for them the writers split into two halves that sync in turns.
//
// Where the processors have other work, a yield is not the microsecond that it is elsewhere but a
// time slice. Then waiting costs more than it saves, and is not tried again for a while.
void Writer::Gather() {
  if (waiting_ >= expected_) return;
  if (syncs_without_gathering_ > 0) {
    --syncs_without_gathering_;
    return;
  }
  const uint64_t start = options_.clock->MonotonicNanos();
  int waiting = waiting_;
  for (int idle = 0; idle < kGatherYields && waiting_ < expected_; ++idle) {
    sync_mutex_.Unlock();
    std::this_thread::yield();
    const uint64_t waited = options_.clock->MonotonicNanos() - start;
    sync_mutex_.Lock();
    if (waited > last_sync_nanos_) {
      syncs_without_gathering_ = kSyncsWithoutGathering;
      return;
    }
    if (waiting_ > waiting) idle = 0;
    waiting = waiting_;
  }
}

absl::Status Writer::SyncTo(Position position) {
  sync_mutex_.Lock();
  if (durable() < position && sync_failure_.ok()) {
    ++(position <= covered_ ? covered_waiters_ : waiting_);
  }
  while (durable() < position && sync_failure_.ok()) {
    if (is_syncing_) {
      sync_done_.Wait(sync_mutex_);
      continue;
    }
    is_syncing_ = true;
    Gather();
    covered_waiters_ = std::exchange(waiting_, 0);
    // Segments rolled in after this look are not covered, so the position is read before it.
    const Position covered = covered_ = appended();
    std::vector<std::shared_ptr<Segment>> segments;
    for (const std::shared_ptr<Segment>& segment : unsynced_) {
      if (segment->number() <= SegmentOf(covered)) segments.push_back(segment);
    }
    sync_mutex_.Unlock();

    const uint64_t start = options_.clock->MonotonicNanos();
    const absl::Status status = SyncSegments(segments);
    const uint64_t end = options_.clock->MonotonicNanos();
    syncs_.fetch_add(1, std::memory_order_relaxed);

    sync_mutex_.Lock();
    is_syncing_ = false;
    last_sync_nanos_ = end - start;
    expected_ = waiting_ + covered_waiters_;
    if (status.ok()) {
      durable_.store(covered, std::memory_order_release);
      std::erase_if(unsynced_, [&](const std::shared_ptr<Segment>& segment) {
        return segment->number() < SegmentOf(covered);
      });
    } else {
      sync_failure_ = vfs::SyncFailure("the log", status);
    }
    sync_done_.SignalAll();
  }
  const absl::Status failure = sync_failure_;
  sync_mutex_.Unlock();
  return failure;
}

void Writer::SyncTo(Position position, std::function<void(absl::Status)> done) {
  MutexLock lock(sync_mutex_);
  requests_.push_back({position, std::move(done)});
  if (is_serving_) return;
  is_serving_ = true;
  options_.executor->Submit(Priority::kHigh, [this] { ServeRequests(); });
}

void Writer::ServeRequests() {
  std::vector<SyncRequest> requests;
  {
    MutexLock lock(sync_mutex_);
    requests.swap(requests_);
  }
  Position position = 0;
  for (const SyncRequest& request : requests) position = std::max(position, request.position);
  const absl::Status status = SyncTo(position);
  for (const SyncRequest& request : requests) request.done(status);
  MutexLock lock(sync_mutex_);
  is_serving_ = !requests_.empty();
  if (is_serving_) options_.executor->Submit(Priority::kHigh, [this] { ServeRequests(); });
  sync_done_.SignalAll();
}

void Writer::WaitForSyncs() {
  MutexLock lock(sync_mutex_);
  while (is_serving_) {
    sync_mutex_.Unlock();
    const bool helped = options_.executor->HelpOnce();
    sync_mutex_.Lock();
    if (!helped && is_serving_) sync_done_.Wait(sync_mutex_);
  }
}

bool Writer::WantsSpare() {
  MutexLock lock(spare_mutex_);
  if (is_preparing_ || spare_.file != nullptr) return false;
  is_preparing_ = true;
  return true;
}

void Writer::PrepareSpare(uint64_t capacity_bytes) {
  std::string path;
  {
    MutexLock lock(spare_mutex_);
    path = vfs::JoinPath(options_.directory, fmt::format("{:06}.spare", ++spares_made_));
  }
  absl::StatusOr<std::unique_ptr<vfs::SegmentFile>> file =
      options_.files->CreateSegment(path, FileOptions(capacity_bytes));
  if (file.ok()) {
    (*file)->Prepare(0, capacity_bytes);
    // A failure shows again when the segment is used.
    if (IsSyncedAhead()) (*file)->Sync().IgnoreError();
  }
  MutexLock lock(spare_mutex_);
  is_preparing_ = false;
  if (file.ok()) spare_ = {*std::move(file), path};
}

absl::Status Writer::RecycleOrRemove(uint32_t number, uint64_t capacity_bytes) {
  const std::string old_path = PathOf(number);
  // One that was made for a huge value would stay huge.
  const absl::StatusOr<uint64_t> size = options_.files->FileSize(old_path);
  const bool is_usual = size.ok() && *size <= 2 * capacity_bytes;
  if (!is_usual || !WantsSpare()) return options_.files->Remove(old_path);
  std::string path;
  {
    MutexLock lock(spare_mutex_);
    path = vfs::JoinPath(options_.directory, fmt::format("{:06}.spare", ++spares_made_));
  }
  absl::Status status = options_.files->Rename(old_path, path);
  std::unique_ptr<vfs::SegmentFile> file;
  if (status.ok()) {
    auto opened = options_.files->OpenSegment(path, FileOptions(capacity_bytes));
    if (opened.ok()) {
      file = *std::move(opened);
      file->Prepare(0, capacity_bytes);
      if (IsSyncedAhead()) file->Sync().IgnoreError();
    } else {
      status = options_.files->Remove(path);
    }
  }
  MutexLock lock(spare_mutex_);
  is_preparing_ = false;
  if (file != nullptr) spare_ = {std::move(file), path};
  return status;
}

void Writer::DropSpare() {
  Spare spare;
  {
    MutexLock lock(spare_mutex_);
    spare = std::move(spare_);
    spare_ = {};
  }
  if (spare.file == nullptr) return;
  spare.file.reset();
  options_.files->Remove(spare.path).IgnoreError();
}

}  // namespace nokv::log
