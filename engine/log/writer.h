// The end of the log: the active segment, the one prepared to follow it, and the syncs that
// writers share.
//
// Appending and rolling happen under the write path's lock, so they are serial. A sync runs beside
// them: whoever needs one and finds none running does it for everybody who waits (group commit,
// Gray and Reuter 1993, section 10.3), on its own thread, because waking another costs more.
//
// Thread-safety: active(), Append, Roll, OpenFirst, Close under the write path's lock; the rest is
// safe.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/mutex.h"
#include "engine/base/status.h"
#include "engine/log/segment.h"
#include "engine/vfs/file_system.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace nokv::log {

struct WriterOptions {
  vfs::FileSystem* files = nullptr;
  Executor* executor = nullptr;
  Clock* clock = nullptr;
  std::string directory;
  uint64_t database_id = 0;
  bool map = true;
  vfs::SegmentPages pages = vfs::SegmentPages::kLarge;  // kWritten: spares are synced once made.
  uint32_t format_version = kFormatWithoutGroups;       // Of the segments to be started.
};

class Writer {
 public:
  explicit Writer(const WriterOptions& options) : options_(options) {}

  // Starts the first segment of this process. `unsynced` are recovered segments, in order, whose
  // bytes may not be durable: the first sync covers them.
  absl::Status OpenFirst(uint32_t number, uint64_t capacity_bytes,
                         std::vector<std::shared_ptr<Segment>> unsynced);

  const std::shared_ptr<Segment>& active() const { return active_; }

  // Completes `draft` for the next position and appends it. The active segment has room. A failure
  // is final: the log takes no more.
  absl::Status Append(RecordDraft& draft, std::string_view key, std::string_view value);

  // Tells those who sync how far the log goes. After the last record of a batch.
  void PublishAppended() { appended_.store(active_->NextPosition(), std::memory_order_release); }

  // Seals the active segment and starts the next, of `capacity_bytes` or what the spare has if that
  // is at least `room_bytes`. On failure nothing has changed, but for a full disk's.
  absl::Status Roll(uint64_t capacity_bytes, uint64_t room_bytes);

  // Ends the log: seals the active segment, or removes it if nothing was written to it, and makes
  // all of it durable. Returns the first number that the log has no segment of. Nothing may be
  // appended any more, whatever the answer.
  absl::StatusOr<uint32_t> Close();

  // Blocks until everything before `position` is durable. A failure is final: every later call
  // returns it.
  absl::Status SyncTo(Position position);

  // The same through the executor; never calls `done` inside this call. One task at a time works
  // for all who ask, so that waiting for the disk takes no more than one of its threads.
  void SyncTo(Position position, std::function<void(absl::Status)> done);

  // Returns when no SyncTo(position, done) is on its way any more.
  void WaitForSyncs();

  Position durable() const { return durable_.load(std::memory_order_acquire); }

  Position appended() const { return appended_.load(std::memory_order_acquire); }

  uint64_t syncs() const { return syncs_.load(std::memory_order_relaxed); }

  // True once if a spare should be prepared, by PrepareSpare on an executor's thread.
  bool WantsSpare();

  // Makes a segment file of `capacity_bytes` with resident pages. A full disk is no failure: the
  // next Roll() will say so.
  void PrepareSpare(uint64_t capacity_bytes);

  // Takes a segment file that nobody refers to any more as the next spare, if there is none; else
  // removes it. `number` is its old number; its only link is in our directory.
  absl::Status RecycleOrRemove(uint32_t number, uint64_t capacity_bytes);

  // Removes the spare: it takes disk space that somebody else needs more.
  void DropSpare();

 private:
  // How often the one who syncs lets others run without any of them joining before it takes them
  // to be busy elsewhere.
  static constexpr int kGatherYields = 32;
  // For how long nobody gathers after it took longer than a sync.
  static constexpr int kSyncsWithoutGathering = 64;

  struct SyncRequest {
    Position position = 0;
    std::function<void(absl::Status)> done;
  };

  struct Spare {
    std::unique_ptr<vfs::SegmentFile> file;
    std::string path;
  };

  bool IsSyncedAhead() const { return options_.pages == vfs::SegmentPages::kWritten; }

  vfs::SegmentOptions FileOptions(uint64_t capacity_bytes) const {
    return {.capacity_bytes = capacity_bytes,
            .read_only = false,
            .map = options_.map,
            .pages = options_.pages};
  }

  std::string PathOf(uint32_t number) const {
    return vfs::JoinPath(options_.directory, SegmentFileName(number));
  }

  absl::StatusOr<std::shared_ptr<Segment>> StartSegment(uint32_t number, uint64_t capacity_bytes,
                                                        uint64_t room_bytes);
  // Called by the one who is about to sync. Returns when those whom the last sync released have
  // written again and wait too, do not come, or it has waited as long as that sync took.
  void Gather() ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_mutex_);
  absl::Status SyncSegments(const std::vector<std::shared_ptr<Segment>>& segments);
  // One sync for all requests that are there when it begins.
  void ServeRequests();

  const WriterOptions options_;

  std::shared_ptr<Segment> active_;  // Under the write path's lock.
  std::atomic<Position> appended_{0};

  std::atomic<Position> durable_{0};
  std::atomic<uint64_t> syncs_{0};
  Mutex sync_mutex_;
  CondVar sync_done_;
  Position covered_ ABSL_GUARDED_BY(sync_mutex_) = 0;  // By the sync on its way, or the last one.
  int covered_waiters_ ABSL_GUARDED_BY(sync_mutex_) = 0;
  int waiting_ ABSL_GUARDED_BY(sync_mutex_) = 0;  // For a sync that has not started.
  // Who waited when the last sync ended, and whom it released.
  int expected_ ABSL_GUARDED_BY(sync_mutex_) = 0;
  uint64_t last_sync_nanos_ ABSL_GUARDED_BY(sync_mutex_) = 0;
  int syncs_without_gathering_ ABSL_GUARDED_BY(sync_mutex_) = 0;
  bool is_syncing_ ABSL_GUARDED_BY(sync_mutex_) = false;
  std::vector<SyncRequest> requests_ ABSL_GUARDED_BY(sync_mutex_);
  bool is_serving_ ABSL_GUARDED_BY(sync_mutex_) = false;  // ServeRequests() runs or is to run.
  absl::Status sync_failure_ ABSL_GUARDED_BY(sync_mutex_);
  // In order, the active segment last.
  std::vector<std::shared_ptr<Segment>> unsynced_ ABSL_GUARDED_BY(sync_mutex_);

  Mutex spare_mutex_;
  Spare spare_ ABSL_GUARDED_BY(spare_mutex_);
  bool is_preparing_ ABSL_GUARDED_BY(spare_mutex_) = false;
  uint64_t spares_made_ ABSL_GUARDED_BY(spare_mutex_) = 0;
};

}  // namespace nokv::log
