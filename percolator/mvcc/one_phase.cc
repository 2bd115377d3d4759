#include "percolator/mvcc/one_phase.h"

#include "engine/base/check.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

namespace nokv::mvcc {
namespace {

// A start that is long past costs a walk over all that was committed since. Past this many records,
// of all keys together, nothing is told: a resent write is looked for among far fewer.
constexpr uint64_t kLookBackRecordsMax = 64 << 10;

// What one key tells about the transaction of a start timestamp, and what came after it.
struct KeyPast {
  std::optional<Timestamp> own_commit;
  bool is_rolled_back = false;
  Timestamp newest_commit;       // Above the start, by any other transaction.
  std::vector<Timestamp> marks;  // Above the start.
  bool is_at_start = false;      // The commit of another transaction fell on the start.
};

absl::StatusOr<Change> SetWrite(std::string_view key, Timestamp at, const WriteRecord& record) {
  ASSIGN_OR_RETURN(std::string bytes, EncodeWrite(record));
  return Change{.kind = Change::Kind::kSet,
                .family = Family::kWrite,
                .key = VersionKey(key, at),
                .value = std::move(bytes)};
}

// `records` counts what is looked at for the transaction.
absl::StatusOr<KeyPast> LookBack(Cursor& writes, std::string_view key, Timestamp start,
                                 uint64_t& records) {
  KeyPast past;
  const std::string prefix = KeyPrefix(key);
  VersionWalk walk(writes, prefix, records);
  VersionWalk::Answer version = walk.Seek(Timestamp::Max());
  for (; version.ok() && version->has_value(); version = walk.Next()) {
    const Timestamp at = (*version)->commit;
    const WriteHead& write = (*version)->write;
    if (at < start) break;
    if (records > kLookBackRecordsMax) {
      return FailedPreconditionError(
          "more than {} records (large ones count as several), up to those of key {}, came after "
          "the start timestamp {}",
          kLookBackRecordsMax, ShowKey(key), start.bits());
    }
    if (at == start) {
      past.is_rolled_back = write.kind == WriteKind::kRollback || write.overlaps_rollback;
      past.is_at_start = !past.is_rolled_back;
      break;
    }
    if (write.kind == WriteKind::kRollback) {
      past.marks.push_back(at);
    } else if (write.start == start) {
      past.own_commit = at;
      break;
    } else {
      past.newest_commit = std::max(past.newest_commit, at);
    }
  }
  RETURN_IF_ERROR(version.status());
  return past;
}

// The newest version of the key, wherever the transaction stands.
absl::StatusOr<AddBase> FindBase(const Snapshot& snapshot, Cursor& writes, std::string_view key) {
  uint64_t records = 0;
  const std::string prefix = KeyPrefix(key);
  VersionWalk walk(writes, prefix, records);
  ASSIGN_OR_RETURN(const std::optional<Version> version,
                   walk.SkipToVersion(walk.Seek(Timestamp::Max())));
  if (!version.has_value() || version->write.kind == WriteKind::kDelete) return AddBase{};
  ASSIGN_OR_RETURN(std::string value, LoadValue(snapshot, key, walk, version->write));
  return AddBase{.value = std::move(value), .expiry_ms = version->write.expiry_ms};
}

// What the adds of a transaction that is committed came to.
absl::StatusOr<std::vector<int64_t>> FindSums(Cursor& writes, const OnePhase& write,
                                              Timestamp commit) {
  std::vector<int64_t> sums;
  for (const Mutation& mutation : write.mutations) {
    if (mutation.kind != MutationKind::kAdd) continue;
    uint64_t records = 0;
    const std::string prefix = KeyPrefix(mutation.key);
    VersionWalk walk(writes, prefix, records);
    ASSIGN_OR_RETURN(const std::optional<Version> version, walk.Seek(commit));
    Integer sum = CannotAddReason::kNotAnInteger;
    if (version.has_value() && version->commit == commit && version->write.start == write.start &&
        version->write.has_value) {
      ASSIGN_OR_RETURN(const WriteRecord record, walk.Whole());
      sum = DecodeInteger(mutation.header, *record.value);
    }
    if (!std::holds_alternative<int64_t>(sum)) {
      return InvalidArgumentError(
          "the transaction of start {}, committed at {}, was another one: it did not add to key {}",
          write.start.bits(), commit.bits(), ShowKey(mutation.key));
    }
    sums.push_back(std::get<int64_t>(sum));
  }
  return sums;
}

// The mark of a start where the commit of another transaction stands: its record, with the flag.
absl::StatusOr<Change> MarkCommit(Cursor& writes, std::string_view key, Timestamp start) {
  uint64_t records = 0;
  const std::string prefix = KeyPrefix(key);
  VersionWalk walk(writes, prefix, records);
  ASSIGN_OR_RETURN(const std::optional<Version> version, walk.Seek(start));
  NOKV_CHECK(version.has_value() && version->commit == start);
  ASSIGN_OR_RETURN(WriteRecord record, walk.Whole());
  record.overlaps_rollback = true;
  return SetWrite(key, start, record);
}

absl::Status AppendPut(const Mutation& put, WriteRecord record, Timestamp commit,
                       std::vector<Change>& changes) {
  record.kind = WriteKind::kPut;
  record.expiry_ms = put.expiry_ms;
  if (put.value.size() <= kInlineValueBytesMax) {
    record.value = put.value;
  } else {
    ASSIGN_OR_RETURN(std::string bytes, EncodeValue(put.value));
    changes.push_back({.kind = Change::Kind::kSet,
                       .family = Family::kDefault,
                       .key = VersionKey(put.key, record.start),
                       .value = std::move(bytes)});
  }
  ASSIGN_OR_RETURN(Change change, SetWrite(put.key, commit, record));
  changes.push_back(std::move(change));
  return absl::OkStatus();
}

// The put that the add comes to, and the sum; or why there is none.
absl::StatusOr<std::optional<CannotAddReason>> AppendAdd(const Mutation& add, const AddBase& base,
                                                         const WriteRecord& record,
                                                         Timestamp commit, Written& written) {
  const bool is_there =
      base.value.has_value() && (base.expiry_ms == 0 || base.expiry_ms > commit.millis());
  Integer sum = add.delta;
  if (is_there) {
    sum = DecodeInteger(add.header, *base.value);
    if (const auto* number = std::get_if<int64_t>(&sum)) sum = Add(*number, add.delta);
  }
  if (const auto* reason = std::get_if<CannotAddReason>(&sum)) return *reason;
  written.sums.push_back(std::get<int64_t>(sum));
  const std::string value = EncodeInteger(add.header, written.sums.back());
  const Mutation put{
      .key = add.key, .value = value, .expiry_ms = is_there ? base.expiry_ms : uint64_t{0}};
  RETURN_IF_ERROR(AppendPut(put, record, commit, written.changes));
  return std::nullopt;
}

absl::Status CheckMutation(const Mutation& mutation, KeyOwner owner) {
  RETURN_IF_ERROR(CheckKey(mutation.key, owner));
  if (mutation.value.size() > kValueBytesMax) {
    return InvalidArgumentError("value of {} bytes for key {} is longer than {}",
                                mutation.value.size(), ShowKey(mutation.key), kValueBytesMax);
  }
  if (mutation.header.size() > kAddHeaderBytesMax) {
    return InvalidArgumentError("header of {} bytes to add to key {} is longer than {}",
                                mutation.header.size(), ShowKey(mutation.key), kAddHeaderBytesMax);
  }
  if (mutation.kind != MutationKind::kPut && (!mutation.value.empty() || mutation.expiry_ms != 0)) {
    return InvalidArgumentError("key {} has a value or an expiry and is not put",
                                ShowKey(mutation.key));
  }
  if (mutation.kind != MutationKind::kAdd && (!mutation.header.empty() || mutation.delta != 0)) {
    return InvalidArgumentError("key {} has a header or a delta and is not added to",
                                ShowKey(mutation.key));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckRequest(const OnePhase& write, KeyOwner owner) {
  if (!write.start.is_drawn()) {
    return InvalidArgumentError("start timestamp {} was never drawn", write.start.bits());
  }
  if (write.mutations.empty()) return InvalidArgumentError("a write without mutations");
  std::vector<std::string_view> keys;
  keys.reserve(write.mutations.size());
  for (const Mutation& mutation : write.mutations) {
    RETURN_IF_ERROR(CheckMutation(mutation, owner));
    keys.push_back(mutation.key);
  }
  std::sort(keys.begin(), keys.end());
  const auto twice = std::adjacent_find(keys.begin(), keys.end());
  if (twice == keys.end()) return absl::OkStatus();
  return InvalidArgumentError("key {} is written twice by one transaction", ShowKey(*twice));
}

absl::StatusOr<OnePhaseAnswer> CheckOnePhase(const Snapshot& snapshot, const OnePhase& write) {
  NOKV_CHECK(write.start.is_drawn() && !write.mutations.empty());
  const std::unique_ptr<Cursor> writes = snapshot.NewCursor(Family::kWrite, {});
  Clear clear;
  uint64_t records = 0;
  for (size_t i = 0; i < write.mutations.size(); ++i) {
    const std::string_view key = write.mutations[i].key;
    // The transaction's own past comes first: a retry learns what it was, whoever has locked since.
    ASSIGN_OR_RETURN(const KeyPast past, LookBack(*writes, key, write.start, records));
    if (past.own_commit.has_value()) {
      ASSIGN_OR_RETURN(std::vector<int64_t> sums, FindSums(*writes, write, *past.own_commit));
      return Committed{.commit = *past.own_commit, .sums = std::move(sums)};
    }
    if (past.is_rolled_back) return RolledBack{};
    ASSIGN_OR_RETURN(std::optional<LockRecord> lock, GetLock(snapshot, key));
    if (lock.has_value()) return Blocked{.key = std::string(key), .lock = *std::move(lock)};
    if (!write.is_blind && past.newest_commit > write.start) {
      return Conflict{.key = std::string(key), .start = write.start, .commit = past.newest_commit};
    }
    clear.newest_commit = std::max(clear.newest_commit, past.newest_commit);
    for (const Timestamp at : past.marks) clear.marks.push_back({.mutation = i, .at = at});
    if (write.mutations[i].kind != MutationKind::kAdd) continue;
    ASSIGN_OR_RETURN(AddBase base, FindBase(snapshot, *writes, key));
    clear.bases.push_back(std::move(base));
  }
  return clear;
}

absl::StatusOr<WriteAnswer> WriteOnePhase(const OnePhase& write, const Clear& clear,
                                          Timestamp commit) {
  if (!commit.is_drawn() || commit <= write.start || commit <= clear.newest_commit) {
    return FailedPreconditionError(
        "commit timestamp {} is not above the transaction's start {} and the newest commit {} of "
        "its keys: timestamps went back",
        commit.bits(), write.start.bits(), clear.newest_commit.bits());
  }
  Written written;
  written.changes.reserve(write.mutations.size());
  auto base = clear.bases.begin();
  for (size_t i = 0; i < write.mutations.size(); ++i) {
    const Mutation& mutation = write.mutations[i];
    const bool overlaps =
        std::any_of(clear.marks.begin(), clear.marks.end(),
                    [&](const MarkAbove& mark) { return mark.mutation == i && mark.at == commit; });
    const WriteRecord record{
        .kind = WriteKind::kDelete, .start = write.start, .overlaps_rollback = overlaps};
    if (mutation.kind == MutationKind::kAdd) {
      NOKV_CHECK(base != clear.bases.end());
      ASSIGN_OR_RETURN(const std::optional<CannotAddReason> reason,
                       AppendAdd(mutation, *base++, record, commit, written));
      if (reason.has_value()) return CannotAdd{std::string(mutation.key), *reason};
    } else if (mutation.kind == MutationKind::kPut) {
      RETURN_IF_ERROR(AppendPut(mutation, record, commit, written.changes));
    } else {
      ASSIGN_OR_RETURN(Change change, SetWrite(mutation.key, commit, record));
      written.changes.push_back(std::move(change));
    }
  }
  return written;
}

absl::StatusOr<RollBackAnswer> RollBackMissing(const Snapshot& snapshot, std::string_view key,
                                               Timestamp start) {
  NOKV_CHECK(start.is_drawn());
  const std::unique_ptr<Cursor> writes = snapshot.NewCursor(Family::kWrite, {});
  uint64_t records = 0;
  ASSIGN_OR_RETURN(const KeyPast past, LookBack(*writes, key, start, records));
  if (past.own_commit.has_value()) return Committed{.commit = *past.own_commit};
  if (past.is_rolled_back) return Marked{};
  ASSIGN_OR_RETURN(std::optional<LockRecord> lock, GetLock(snapshot, key));
  if (lock.has_value() && lock->start == start) {
    return Blocked{.key = std::string(key), .lock = *std::move(lock)};
  }
  Marked marked;
  ASSIGN_OR_RETURN(Change mark,
                   past.is_at_start
                       ? MarkCommit(*writes, key, start)
                       : SetWrite(key, start, {.kind = WriteKind::kRollback, .start = start}));
  marked.changes.push_back(std::move(mark));
  return marked;
}

}  // namespace nokv::mvcc
