// Writing: admission, room, append, publish, and the wait for durability. Batches: batch_write.cc.
#include "engine/base/check.h"
#include "engine/base/planted.h"
#include "engine/db/db_impl.h"
#include "engine/db/groups_impl.h"
#include "engine/db/wait.h"
#include "engine/table/table.h"

#include <algorithm>

namespace nokv {
namespace {

constexpr uint64_t kImmutableGenerationsMax = 3;
// Full sets of memtables, counted by what they hold, from which on who never waits is refused: as
// many as there may be, and one more.
constexpr uint64_t kFarBehind = kImmutableGenerationsMax + 2;
constexpr uint64_t kRangeTombstonesMax = 128;
constexpr uint64_t kOwedNanosMin = 100'000;  // Shorter sleeps are not worth their system call.
// What a flush takes at least.
constexpr absl::Duration kFarBehindDelay = absl::Milliseconds(10);

}  // namespace

absl::Status DBImpl::SetWithTTL(std::string_view key, std::string_view value, absl::Duration ttl,
                                const WriteOptions& options) {
  const int64_t ttl_ms = absl::ToInt64Milliseconds(ttl);
  if (ttl_ms <= 0) return InvalidArgumentError("a time to live of {} ms is not positive", ttl_ms);
  const uint64_t now_ms = clock_.WallMillis();
  const uint64_t expiry_ms = static_cast<uint64_t>(ttl_ms) > UINT64_MAX - now_ms
                                 ? UINT64_MAX
                                 : now_ms + static_cast<uint64_t>(ttl_ms);
  return Apply({ChangeKind::kSet, kDefaultColumnFamily, expiry_ms, key, value}, options);
}

absl::Status DBImpl::CheckKey(std::string_view key) const {
  const size_t bytes_max = has_groups_ ? kEncodedKeyBytesMax : kKeyBytesMax;
  if (key.empty() || key.size() > bytes_max) {
    return InvalidArgumentError("a key of {} bytes; 1 to {} are allowed", key.size(), bytes_max);
  }
  return absl::OkStatus();
}

absl::Status DBImpl::CheckChange(const Change& change) const {
  RETURN_IF_ERROR(CheckKey(change.key));
  switch (change.kind) {
    case ChangeKind::kSet:
      if (change.value.size() > kValueBytesMax) {
        return InvalidArgumentError("a value of {} bytes; at most {} are allowed",
                                    change.value.size(), kValueBytesMax);
      }
      if (change.part.head_bytes > kValueHeadBytesMax) {
        return InvalidArgumentError(
            "{} bytes of a value are to be kept with its key; at most {} are",
            change.part.head_bytes, kValueHeadBytesMax);
      }
      return absl::OkStatus();
    case ChangeKind::kDelete:
      return absl::OkStatus();
    case ChangeKind::kDeleteRange:
      RETURN_IF_ERROR(CheckKey(change.value));
      if (change.key >= change.value) {
        return InvalidArgumentError("a range whose start is not below its end");
      }
      return absl::OkStatus();
  }
  return InvalidArgumentError("an unknown kind of change, {}", static_cast<int>(change.kind));
}

absl::Status DBImpl::CheckAdmission(bool only_deletes) {
  if (options_.read_only) {
    return FailedPreconditionError("{}: opened read-only", options_.directory);
  }
  if (poisoned_.load(std::memory_order_relaxed)) return PoisonedStatus();
  if (disk_full_.load(std::memory_order_relaxed)) {
    const absl::Status status = TryLeaveDiskFull();
    if (!status.ok() && !only_deletes) return status;
  }
  return absl::OkStatus();
}

absl::Duration DBImpl::WriteDelay(uint64_t bytes) const {
  const uint64_t nanos_per_kib = throttle_nanos_per_kib_.load(std::memory_order_relaxed);
  return absl::Nanoseconds(nanos_per_kib * (bytes + 256) / 1024);
}

bool DBImpl::WaitsForSync(const WriteOptions& options) const {
  return options_.durability == Durability::kPower || options.durability == Durability::kPower;
}

absl::Status DBImpl::Admit(uint64_t bytes, bool only_deletes, const WriteOptions& options) {
  RETURN_IF_ERROR(CheckAdmission(only_deletes));
  if (options.never_wait) {
    if (!WaitsForSync(options)) return absl::OkStatus();
    return InvalidArgumentError("{}: a write that never waits can't wait for a sync",
                                options_.directory);
  }
  const auto delay = static_cast<uint64_t>(absl::ToInt64Nanoseconds(WriteDelay(bytes)));
  if (delay == 0) return absl::OkStatus();
  if (throttle_owed_nanos_.fetch_add(delay) + delay < kOwedNanosMin) return absl::OkStatus();
  const uint64_t owed = throttle_owed_nanos_.exchange(0);
  counters_.Add(Counter::kThrottledWrites);
  counters_.Add(Counter::kThrottleNanos, owed);
  clock_.SleepFor(absl::Nanoseconds(owed));
  return absl::OkStatus();
}

log::RecordDraft DBImpl::MakeDraft(const Change& change, bool in_batch) const {
  uint8_t flags = in_batch ? log::kInBatch : 0;
  if (change.expiry_ms != 0) flags |= log::kHasExpiry;
  if (change.kind == ChangeKind::kSet && change.value.size() >= options_.value_threshold_bytes) {
    flags |= log::kHasOrdinal;
  }
  return log::RecordDraft({.kind = static_cast<log::RecordKind>(change.kind),
                           .flags = flags,
                           .column_family = change.column_family.id,
                           .expiry_ms = change.expiry_ms,
                           .count = 0,
                           .key = change.key,
                           .value = change.value});
}

absl::Status DBImpl::Apply(const Change& change, const WriteOptions& options) {
  if (!options.marks.empty() || change.part.index != 0) {
    WriteBatch batch;
    batch.Add(change);
    return Write(batch, options);
  }
  RETURN_IF_ERROR(CheckChange(change));
  const uint64_t bytes = change.key.size() + change.value.size();
  const bool only_deletes = change.kind != ChangeKind::kSet;
  RETURN_IF_ERROR(Admit(bytes, only_deletes, options));
  log::RecordDraft draft = MakeDraft(change, false);
  const uint64_t hash = table::Table::HashKey(change.key);
  log::Position end = 0;
  {
    MutexLock lock(write_mutex_);
    RETURN_IF_ERROR(MakeRoom(draft.aligned_bytes(), 1, only_deletes, options.never_wait));
    if (!TakesWrites(change.column_family.id)) {
      return InvalidArgumentError("no column family {}", change.column_family.id);
    }
    const Sequence sequence = log_->active()->NextPosition();
    RETURN_IF_ERROR(AppendRecord(draft, change.key, change.value));
    IndexRecord(draft, change.key, change.value, hash, sequence);
    visible_.store(sequence);
    log_->PublishAppended();
    end = log_->active()->NextPosition();
  }
  counters_.Add(Counter::kWrites);
  counters_.Add(Counter::kWriteBytes, bytes);
  return FinishWrite(options, end);
}

absl::Status DBImpl::AppendRecord(log::RecordDraft& draft, std::string_view key,
                                  std::string_view value) {
  const absl::Status status = log_->Append(draft, key, value);
  // A record that may be half there must stay the last one.
  if (!status.ok()) Poison(status);
  counters_.Add(Counter::kLogBytes, draft.aligned_bytes());
  return status;
}

void DBImpl::IndexRecord(const log::RecordDraft& draft, std::string_view key,
                         std::string_view value, uint64_t hash, Sequence sequence) {
  lsm::MemTable& memtable = *active_->table(draft.column_family());
  if (draft.kind() == log::RecordKind::kDeleteRange) {
    memtable.AddRangeTombstone({std::string(key), std::string(value), sequence});
    ++range_tombstones_in_active_;
    return;
  }
  lsm::MemVersion version{};
  version.sequence = sequence;
  version.record_bytes = draft.length();
  version.ordinal = (draft.flags() & log::kHasOrdinal) != 0
                        ? log_->active()->AddOrdinal(log::OffsetOf(sequence))
                        : lsm::kNoOrdinal;
  version.is_delete = draft.kind() == log::RecordKind::kDelete;
  version.is_part = draft.kind() == log::RecordKind::kSetPart;
  version.has_expiry = (draft.flags() & log::kHasExpiry) != 0;
  memtable.Add(key, hash, version);
}

uint64_t DBImpl::GenerationBytesMax() const {
  return options_.memory_bytes / 4 / (kImmutableGenerationsMax + 1);
}

bool DBImpl::GenerationIsFull() const {
  return active_->used_bytes() >= GenerationBytesMax() ||
         active_->log_bytes() + log_->active()->size_bytes() >= LogDistanceMax() ||
         range_tombstones_in_active_ >= kRangeTombstonesMax;
}

bool DBImpl::MayRotateLocked() const {
  return generations_.size() <= kImmutableGenerationsMax || !MayFlushLocked();
}

bool DBImpl::MayFlushLocked() const {
  return poison_.ok() && !flush_blocked_ && !disk_full_.load();
}

bool DBImpl::MayRotate() {
  MutexLock lock(mutex_);
  return MayRotateLocked();
}

absl::Status DBImpl::CheckNotFarBehind() {
  MutexLock lock(mutex_);
  // Where nothing waits to be flushed, others may follow these however much they hold.
  if (generations_.size() == 1 || !MayFlushLocked()) return absl::OkStatus();
  uint64_t bytes = 0;
  uint64_t log_bytes = log_->active()->size_bytes();
  for (const std::shared_ptr<Generation>& generation : generations_) {
    bytes += generation->used_bytes();
    log_bytes += generation->log_bytes();
  }
  const bool is_far_behind = bytes >= kFarBehind * GenerationBytesMax() ||
                             log_bytes >= kFarBehind * LogDistanceMax() ||
                             (range_tombstones_in_active_ >= 2 * kRangeTombstonesMax &&
                              generations_.size() > kImmutableGenerationsMax);
  if (!is_far_behind) return absl::OkStatus();
  return UnavailableError(
      "{}: {} sets of memtables wait to be flushed, {} bytes of memory and {} of log with those "
      "that are being filled; try again in {} ms",
      options_.directory, generations_.size() - 1, bytes, log_bytes,
      absl::ToInt64Milliseconds(kFarBehindDelay));
}

absl::Status DBImpl::MakeRoom(uint64_t bytes, uint64_t members, bool only_deletes,
                              bool never_wait) {
  // Asked once in the usual case: it looks at the memtables of all column families.
  bool is_full = GenerationIsFull();
  if (is_full && never_wait) RETURN_IF_ERROR(CheckNotFarBehind());
  while (is_full && !never_wait && !MayRotate()) {
    // Not under the lock: who waits for nothing must get through, and so must work that appends.
    write_mutex_.Unlock();
    {
      MutexLock lock(mutex_);
      WaitUntil(may_rotate_, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return MayRotateLocked(); });
    }
    write_mutex_.Lock();
    is_full = GenerationIsFull();
  }
  if (is_full) RETURN_IF_ERROR(RotateIfAllowed());
  return RollUntilRoom(bytes, members, only_deletes);
}

absl::Status DBImpl::MakeRoomNow(uint64_t bytes, uint64_t members, bool only_deletes) {
  if (GenerationIsFull()) RETURN_IF_ERROR(RotateIfAllowed());
  return RollUntilRoom(bytes, members, only_deletes);
}

absl::Status DBImpl::RotateIfAllowed() {
  if (poisoned_.load(std::memory_order_relaxed)) return PoisonedStatus();
  if (!MayRotate()) return absl::OkStatus();
  const absl::Status rotated = RotateGeneration();
  // With a full disk the memtables grow on, within the segment that is there.
  return absl::IsResourceExhausted(rotated) ? absl::OkStatus() : rotated;
}

absl::Status DBImpl::RollUntilRoom(uint64_t bytes, uint64_t members, bool only_deletes) {
  if (poisoned_.load(std::memory_order_relaxed)) return PoisonedStatus();
  const uint64_t room_bytes = bytes + log::Segment::FooterBytes(members) + log::kFileHeaderBytes;
  while (!log_->active()->HasRoom(bytes, members)) {
    absl::Status rolled = RollSegment(room_bytes);
    // NoteDiskFull() has given up the reserve, which is there for this.
    if (absl::IsResourceExhausted(rolled) && only_deletes) rolled = RollSegment(room_bytes);
    RETURN_IF_ERROR(rolled);
  }
  log_->active()->PrepareAhead();
  return absl::OkStatus();
}

absl::Status DBImpl::StartSegment(uint64_t room_bytes) {
  const uint64_t sealed_bytes = log_->active()->size_bytes();
  const absl::Status status = log_->Roll(NextSegmentBytes(), room_bytes);
  if (absl::IsResourceExhausted(status)) {
    NoteDiskFull();
  } else if (!status.ok()) {
    Poison(status);
  }
  RETURN_IF_ERROR(status);
  live_files_->AddSegment(log_->active());
  active_->add_log_bytes(sealed_bytes);
  MutexLock lock(mutex_);
  UpdateThrottle();
  ScheduleLocked();
  return absl::OkStatus();
}

absl::Status DBImpl::RollSegment(uint64_t room_bytes) {
  if (!active_->TakesSegments()) return RotateGeneration();
  RETURN_IF_ERROR(StartSegment(room_bytes));
  active_->AddSegment(log_->active());
  return absl::OkStatus();
}

absl::Status DBImpl::RotateGeneration() {
  if (log_->active()->size_bytes() > log::kFileHeaderBytes) RETURN_IF_ERROR(StartSegment(0));
  size_t keys_expected = 0;
  for (const auto& [id, memtable] : active_->tables()) {
    keys_expected = std::max(keys_expected, memtable->keys());
  }
  auto generation = std::make_shared<Generation>(log_->active()->number(), FamilyIds(),
                                                 std::min<size_t>(keys_expected, 1 << 20));
  generation->AddSegment(log_->active());
  std::erase_if(closed_families_, [&](uint16_t id) { return generation->table(id) == nullptr; });
  range_tombstones_in_active_ = 0;
  active_ = generation;
  MutexLock lock(mutex_);
  generations_.insert(generations_.begin(), std::move(generation));
  PublishState();
  ScheduleLocked();
  return absl::OkStatus();
}

absl::Status DBImpl::FinishWrite(const WriteOptions& options, log::Position end) {
  if (!WaitsForSync(options)) return absl::OkStatus();
  if (Planted(Bug::kPowerWriteNotSynced)) return absl::OkStatus();
  absl::Status status = log_->SyncTo(end);
  if (!status.ok()) {
    Poison(status);
    return PoisonedStatus();
  }
  return status;
}

void DBImpl::SyncLog(std::function<void(absl::Status)> done) {
  if (log_ == nullptr) {
    executor_.Submit(Priority::kHigh, [done = std::move(done)] { done(absl::OkStatus()); });
    return;
  }
  log_->SyncTo(log_->appended(), [this, done = std::move(done)](const absl::Status& status) {
    if (!status.ok()) Poison(status);
    done(status);
  });
}

}  // namespace nokv
