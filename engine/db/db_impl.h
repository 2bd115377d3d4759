// The embedded database behind DB. Routes calls to its parts; each .cc file here holds one of them:
// open.cc, close.cc, write_path.cc, read_path.cc, background.cc, install.cc, value_gc.cc,
// upkeep.cc, families.cc, checkpoint.cc, space.cc, stats.cc, group_space.cc. Groups have their own
// face, groups_impl.h.
//
// Locks, in the order they are taken: install_mutex_ (one manifest edit at a time, held over its
// I/O, never taken by a reader or a writer of data), write_mutex_ (the end of the log and the
// active memtables), mutex_ (everything else). Background work runs as bounded steps on the
// executor; at most one flush, one compaction and one collection at a time.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/epoch.h"
#include "engine/base/executor.h"
#include "engine/base/mutex.h"
#include "engine/db.h"
#include "engine/db/counters.h"
#include "engine/db/live_files.h"
#include "engine/db/read_state.h"
#include "engine/db/throttle.h"
#include "engine/log/replay.h"
#include "engine/log/writer.h"
#include "engine/lsm/compaction_job.h"
#include "engine/lsm/compaction_picker.h"
#include "engine/lsm/manifest.h"
#include "engine/vfs/file_system.h"

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace nokv {

class GroupsImpl;
class SnapshotImpl;

// What is left when a value was found: where to get its bytes.
struct FoundValue {
  bool exists = false;
  uint64_t expiry_ms = 0;
  std::string_view value;   // In place: valid inside the guard under which it was found.
  bool in_block = false;    // A table block, which no reference to the state keeps in place.
  bool wants_value = true;  // Set by who searches: false if existence and expiry are enough.
};

class DBImpl final : public DB, private ReadState::Owner {
 public:
  static absl::StatusOr<std::unique_ptr<DBImpl>> Open(const Options& options,
                                                      RecoveryReport* report);
  ~DBImpl() override;

  absl::Status Write(const WriteBatch& batch, const WriteOptions& options) override;
  absl::Status Apply(const Change& change, const WriteOptions& options) override;
  absl::Status SetWithTTL(std::string_view key, std::string_view value, absl::Duration ttl,
                          const WriteOptions& options) override;
  absl::Duration WriteDelay(uint64_t bytes) const override;
  void SyncLog(std::function<void(absl::Status)> done) override;

  using DB::Get;
  absl::StatusOr<bool> Get(const ReadOptions& options, std::string_view key,
                           std::string* value) override;
  absl::StatusOr<bool> Get(const ReadOptions& options, std::string_view key,
                           PinnedValue* value) override;
  absl::StatusOr<bool> GetExpiry(const ReadOptions& options, std::string_view key,
                                 uint64_t* expiry_ms) override;
  absl::StatusOr<std::vector<std::optional<std::string>>> MultiGet(
      const ReadOptions& options, std::span<const std::string_view> keys) override;
  absl::Status MultiGet(const ReadOptions& options, std::span<Lookup> lookups,
                        PinnedValues* values) override;
  std::unique_ptr<Iterator> NewIterator(const IteratorOptions& options) override;
  std::unique_ptr<Snapshot> NewSnapshot() override;

  absl::StatusOr<ColumnFamilyHandle> CreateColumnFamily(std::string_view name) override;
  absl::Status DropColumnFamily(ColumnFamilyHandle column_family) override;
  absl::StatusOr<ColumnFamilyHandle> FindColumnFamily(std::string_view name) override;
  std::vector<std::pair<std::string, ColumnFamilyHandle>> ListColumnFamilies() override;

  Groups& groups() override;

  absl::Status Flush() override;
  absl::Status CompactRange(ColumnFamilyHandle column_family, std::string_view start,
                            std::string_view end) override;
  absl::StatusOr<uint64_t> RunValueLogGC(double dead_ratio) override;
  absl::Status WaitForBackgroundWork() override;
  absl::Status Checkpoint(const std::string& directory) override;
  absl::Status Verify(const std::function<void(uint64_t, uint64_t)>& progress) override;

  Stats GetStats() override;
  std::vector<TableInfo> ListTables() override;
  std::vector<SegmentInfo> ListSegments() override;

 private:
  friend class GroupsImpl;
  friend class SnapshotImpl;
  friend class UserIterator;

  struct PlannedBatch;
  struct FlushTask;
  struct CompactionTask;
  struct CollectionTask;

  explicit DBImpl(const Options& options);

  // --- open.cc
  absl::Status Recover(RecoveryReport* report);
  absl::Status CheckIsOurs() const;
  absl::Status CreateNew();
  absl::Status LoadManifest(RecoveryReport* report);
  absl::Status SyncManifest();
  absl::Status ReplayLog(RecoveryReport* report);
  absl::Status ReplayHeldSegments();
  absl::Status AddReplayed(const log::ReplayedRecord& replayed,
                           const std::shared_ptr<log::Segment>& segment)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status AddReplayedReference(const log::Record& record, log::Position position,
                                    const log::Segment& segment)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  void AddReplayedSegment(const std::shared_ptr<log::Segment>& segment)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status SealRecovered(const log::ReplayResult& replay,
                             std::vector<std::shared_ptr<log::Segment>>* unsynced);
  absl::Status StartWriting(const log::ReplayResult& replay, RecoveryReport* report)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status RemoveOrphans(const log::ReplayResult& replay, RecoveryReport* report);

  // --- close.cc
  absl::Status CloseLog();

  // --- families.cc
  bool TakesWrites(uint16_t family) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // Those that memtables are made for.
  std::vector<uint16_t> FamilyIds() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);

  // --- write_path.cc
  absl::Status CheckChange(const Change& change) const;
  // An error if the database takes no such write now.
  absl::Status CheckAdmission(bool only_deletes);
  // The same, and makes the caller wait if the database is behind, unless it never waits.
  absl::Status Admit(uint64_t bytes, bool only_deletes, const WriteOptions& options);
  bool WaitsForSync(const WriteOptions& options) const;
  // May let go of the lock while it waits for a flush: what was looked at before may have changed.
  absl::Status MakeRoom(uint64_t bytes, uint64_t members, bool only_deletes, bool never_wait)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // The same for those who wait for nothing: full memtables go on where no others can be started.
  absl::Status MakeRoomNow(uint64_t bytes, uint64_t members, bool only_deletes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // Unavailable if all memtables together hold too much. Those being filled are full.
  absl::Status CheckNotFarBehind() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // Whether memtables may be started behind the full ones. With a full disk they go on all the
  // same.
  bool MayRotateLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MayRotate();
  bool MayFlushLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Starts other memtables behind the full ones where that may be done.
  absl::Status RotateIfAllowed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status RollUntilRoom(uint64_t bytes, uint64_t members, bool only_deletes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  uint64_t GenerationBytesMax() const;
  // Whether the memtables that are being filled hold what they should.
  bool GenerationIsFull() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status StartSegment(uint64_t room_bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status RollSegment(uint64_t room_bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // Seals the segment and starts new memtables, for the column families of now.
  absl::Status RotateGeneration() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status AppendRecord(log::RecordDraft& draft, std::string_view key, std::string_view value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // `value` is looked at for a range only, of which it is the end.
  void IndexRecord(const log::RecordDraft& draft, std::string_view key, std::string_view value,
                   uint64_t hash, Sequence sequence) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status FinishWrite(const WriteOptions& options, log::Position end);

  // --- batch_write.cc
  // Without parts, every value is written.
  absl::Status PlanBatch(const WriteBatch& batch, const WriteOptions& options, bool with_parts,
                         PlannedBatch* planned) const;
  bool MayBePart(const Change& change) const;
  absl::Status AppendMembers(PlannedBatch& planned) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // The end of the batch in the log, or none and nothing done if a part is not there any more.
  absl::StatusOr<std::optional<log::Position>> AppendBatch(PlannedBatch& planned,
                                                           const WriteOptions& options);

  // --- write_path.cc
  log::RecordDraft MakeDraft(const Change& change, bool in_batch) const;

  // --- read_path.cc
  log::ReadChecks value_checks() const {
    return {.verify = options_.verify_reads, .again = options_.paranoid_reads};
  }

  // Runs inside an EpochGuard. Views in `found` live as long as `state` is reachable, or point into
  // `scratch`.
  absl::Status Find(const ReadState& state, uint16_t family, std::string_view key, Sequence bound,
                    std::string* scratch, FoundValue* found);
  absl::Status ReadEntry(const ReadState& state, const table::Entry& entry, std::string* scratch,
                         FoundValue* found);
  absl::Status CheckKey(std::string_view key) const;
  void ReleaseSnapshot(Sequence sequence);
  Sequence BoundOf(const Snapshot* snapshot) const;

  const ReadState* CurrentState() const { return state_.load(); }

  // --- background.cc
  void PublishState() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ScheduleLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Submit(Priority priority, void (DBImpl::*step)()) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StepFlush();
  void StepCompaction();
  void StepCollection();
  void PurgeStep();
  void SpareStep();
  void FinishStep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status BeginFlush();
  absl::Status RunFlush(bool* done);
  void AddOlderSegments(uint32_t first, const std::set<uint32_t>& referenced,
                        lsm::VersionEdit* edit);
  absl::Status InstallFlush();
  absl::Status BeginCompaction(const lsm::Compaction& compaction);
  absl::Status RunCompaction(bool* done);
  absl::Status InstallCompaction();
  lsm::PickerOptions PickerOptionsLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<Sequence> SnapshotSequencesLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  lsm::OutputOptions OutputFor(uint16_t family, uint32_t level);
  // Makes `edit` durable and visible. `flushed`, if set, leaves the list of memtables with it.
  absl::Status Install(const lsm::VersionEdit& edit, const Generation* flushed);
  absl::Status AppendToManifest(const lsm::VersionEdit& edit, const lsm::Version& before,
                                const lsm::Version& after)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(install_mutex_);
  lsm::ManifestIdentity ManifestIdentityOf(uint64_t number) const;
  absl::Status StartManifest(const lsm::Version& state)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(install_mutex_);
  void RetireAfter(const lsm::VersionEdit& edit, const lsm::Version& before,
                   const lsm::Version& after);
  // Waits until `done` (looked at under mutex_) is true, helping where there is nobody else.
  // `signal` is given whenever it may have become true.
  template <typename Condition>
  void WaitUntil(CondVar& signal, Condition done) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteBackgroundFailure(const absl::Status& status);

  // --- value_gc.cc
  // Frees the segments without a live value; true if there were any.
  absl::StatusOr<bool> FreeDeadSegments();
  void PickVictims();
  absl::Status BeginCollection();
  absl::Status CopyLiveValues();
  absl::Status InstallCollection();
  absl::Status RunCollection(bool* done);
  void DiscardCollection();

  // --- group_space.cc
  // The first segment that must be held for groups or for what memtables refer to, or `boundary` if
  // that is lower.
  uint32_t HeldBegin(uint32_t boundary);

  uint32_t LogVersion() const {
    return has_groups_ ? log::kFormatVersion : log::kFormatWithoutGroups;
  }

  // What an edit that moves the log boundary from `first` to `boundary` holds for groups, and what
  // need not be held any more. The log is durable up to where that was decided.
  absl::Status HoldForGroups(uint32_t first, uint32_t boundary, lsm::VersionEdit* edit);
  // Frees what groups need not hold, or moves what still lives in the oldest segment. True if it is
  // worth another look.
  absl::StatusOr<bool> ReleaseGroupSegments();
  absl::Status MoveGroupTails(uint32_t segment);
  // After a change of groups that may have left something to free.
  void WakeCollection();

  // --- upkeep.cc, checkpoint.cc
  bool IsClosing();
  void SubmitPurge() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnStateReleased() override;
  absl::Status CheckWritable();
  void PauseBackground();
  void ResumeBackground();
  uint64_t SegmentBytes();
  absl::Status LinkState(const std::string& directory);
  // The version to verify, and the segments that it holds for groups. While removals are held.
  absl::Status OpenToVerify(std::shared_ptr<const lsm::Version>* version,
                            std::vector<std::shared_ptr<const log::Segment>>* held);
  absl::Status VerifyValue(const lsm::Version& version, const table::Entry& entry) const;

  // --- space.cc
  uint64_t NextSegmentBytes() const;
  uint64_t LogDistanceMax() const;
  void NoteDiskFull();
  absl::Status TryLeaveDiskFull();
  absl::Status MakeReserve();
  void PoisonLocked(const absl::Status& cause) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Poison(const absl::Status& cause);
  absl::Status PoisonedStatus();
  Debts CurrentDebts() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void UpdateThrottle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Constant after Open().
  const Options options_;
  vfs::FileSystem& files_;
  Clock& clock_;
  Executor& executor_;
  const SpaceBudget budget_;
  std::unique_ptr<vfs::DirectoryLock> lock_;
  std::unique_ptr<LiveFiles> live_files_;
  std::unique_ptr<log::Writer> log_;
  uint64_t database_id_ = 0;
  bool has_groups_ = false;

  // The state that readers see, and the last sequence that is visible in it.
  std::atomic<const ReadState*> state_{nullptr};
  std::atomic<Sequence> visible_{0};

  Mutex write_mutex_ ABSL_ACQUIRED_AFTER(install_mutex_);
  std::shared_ptr<Generation> active_ ABSL_GUARDED_BY(write_mutex_);
  uint64_t range_tombstones_in_active_ ABSL_GUARDED_BY(write_mutex_) = 0;
  std::optional<uint16_t> creating_family_ ABSL_GUARDED_BY(write_mutex_);
  // Those that have a memtable in active_ and take no writes: being created or dropped.
  std::set<uint16_t> closed_families_ ABSL_GUARDED_BY(write_mutex_);

  Mutex manual_mutex_;  // One CompactRange, RunValueLogGC or change of column families at a time.

  Mutex install_mutex_;
  std::unique_ptr<lsm::ManifestWriter> manifest_ ABSL_GUARDED_BY(install_mutex_);
  uint64_t manifest_number_ ABSL_GUARDED_BY(install_mutex_) = 0;

  mutable Mutex mutex_ ABSL_ACQUIRED_AFTER(write_mutex_);
  CondVar changed_;  // Something that a waiter may look for under mutex_: after each step.
  // MayRotateLocked() may have become true. Apart from changed_, because all writers wait for it
  // when they wait, and would take the processor from the flush at each of its steps.
  CondVar may_rotate_;
  std::shared_ptr<const lsm::Version> version_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Generation>> generations_ ABSL_GUARDED_BY(mutex_);  // Newest first.
  std::multiset<Sequence> snapshots_ ABSL_GUARDED_BY(mutex_);
  absl::Status poison_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  int steps_submitted_ ABSL_GUARDED_BY(mutex_) = 0;
  bool flush_blocked_ ABSL_GUARDED_BY(mutex_) = false;    // Failed; waits for disk space.
  bool compaction_idle_ ABSL_GUARDED_BY(mutex_) = false;  // Looked, and found nothing to do.
  bool has_superseded_ ABSL_GUARDED_BY(mutex_) = false;   // Older versions stand in tables.
  bool collection_idle_ ABSL_GUARDED_BY(mutex_) = false;
  bool purge_submitted_ ABSL_GUARDED_BY(mutex_) = false;
  int pauses_ ABSL_GUARDED_BY(mutex_) = 0;  // Who wants no compaction or collection to start.
  double replaced_share_ ABSL_GUARDED_BY(mutex_) = 0;  // Of the memtables flushed last.

  // Each belongs to its running task; null if none runs (looked at under mutex_).
  std::unique_ptr<FlushTask> flush_;
  std::unique_ptr<CompactionTask> compaction_;
  std::unique_ptr<CollectionTask> collection_;

  // Mirrors of state that writers look at without mutex_.
  std::atomic<uint64_t> throttle_nanos_per_kib_{0};
  std::atomic<uint64_t> throttle_owed_nanos_{0};
  std::atomic<bool> disk_full_{false};
  Mutex disk_full_mutex_;  // Entering and leaving that state; after every other lock but mutex_.
  std::atomic<bool> poisoned_{false};
  std::atomic<uint64_t> live_bytes_{0};  // Of values and tables, for sizing.
  std::atomic<uint64_t> disk_full_retry_at_{0};
  Counters counters_;
  std::unique_ptr<GroupsImpl> groups_;
};

}  // namespace nokv
