#include "percolator/mvcc/one_phase.h"

#include "engine/base/check.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

namespace nokv::mvcc {
namespace {

// What one key tells about the transaction of a start timestamp, and what came after it.
struct KeyPast {
  std::optional<Timestamp> own_commit;
  bool is_rolled_back = false;
  Timestamp newest_commit;         // Above the start, by any other transaction.
  std::vector<Timestamp> marks;    // Above the start.
  std::optional<Change> at_start;  // The commit of another transaction that fell on the start, with
                                   // the flag that says that ours was rolled back.
};

absl::StatusOr<Change> SetWrite(std::string_view key, Timestamp at, const WriteRecord& record) {
  ASSIGN_OR_RETURN(std::string bytes, EncodeWrite(record));
  return Change{.kind = Change::Kind::kSet,
                .family = Family::kWrite,
                .key = VersionKey(key, at),
                .value = std::move(bytes)};
}

absl::StatusOr<KeyPast> LookBack(Cursor& writes, std::string_view key, Timestamp start) {
  KeyPast past;
  uint64_t records = 0;
  const std::string prefix = KeyPrefix(key);
  VersionWalk walk(writes, prefix, records);
  VersionWalk::Answer version = walk.Seek(Timestamp::Max());
  for (; version.ok() && version->has_value(); version = walk.Next()) {
    const Timestamp at = (*version)->commit;
    WriteRecord& write = (*version)->write;
    if (at < start) break;
    if (at == start) {
      past.is_rolled_back = write.kind == WriteKind::kRollback || write.overlaps_rollback;
      if (!past.is_rolled_back) {
        write.overlaps_rollback = true;
        ASSIGN_OR_RETURN(past.at_start, SetWrite(key, at, write));
      }
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

absl::Status AppendMutation(const Mutation& mutation, Timestamp start, Timestamp commit,
                            bool overlaps_rollback, std::vector<Change>& changes) {
  WriteRecord record{
      .kind = WriteKind::kDelete, .start = start, .overlaps_rollback = overlaps_rollback};
  if (mutation.kind == MutationKind::kPut) {
    record.kind = WriteKind::kPut;
    record.expiry_ms = mutation.expiry_ms;
    if (mutation.value.size() <= kShortValueBytesMax) {
      record.short_value = mutation.value;
    } else {
      ASSIGN_OR_RETURN(std::string bytes, EncodeValue(mutation.value));
      changes.push_back({.kind = Change::Kind::kSet,
                         .family = Family::kDefault,
                         .key = VersionKey(mutation.key, start),
                         .value = std::move(bytes)});
    }
  }
  ASSIGN_OR_RETURN(Change change, SetWrite(mutation.key, commit, record));
  changes.push_back(std::move(change));
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
    RETURN_IF_ERROR(CheckKey(mutation.key, owner));
    if (mutation.value.size() > kValueBytesMax) {
      return InvalidArgumentError("value of {} bytes for key {} is longer than {}",
                                  mutation.value.size(), ShowKey(mutation.key), kValueBytesMax);
    }
    if (mutation.kind == MutationKind::kDelete &&
        (!mutation.value.empty() || mutation.expiry_ms != 0)) {
      return InvalidArgumentError("deletion of key {} has a value or an expiry",
                                  ShowKey(mutation.key));
    }
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
  for (size_t i = 0; i < write.mutations.size(); ++i) {
    const std::string_view key = write.mutations[i].key;
    // The transaction's own past comes first: a retry learns what it was, whoever has locked since.
    ASSIGN_OR_RETURN(const KeyPast past, LookBack(*writes, key, write.start));
    if (past.own_commit.has_value()) return Committed{*past.own_commit};
    if (past.is_rolled_back) return RolledBack{};
    ASSIGN_OR_RETURN(std::optional<LockRecord> lock, GetLock(snapshot, key));
    if (lock.has_value()) return Blocked{.key = std::string(key), .lock = *std::move(lock)};
    if (!write.is_blind && past.newest_commit > write.start) {
      return Conflict{.key = std::string(key), .start = write.start, .commit = past.newest_commit};
    }
    clear.newest_commit = std::max(clear.newest_commit, past.newest_commit);
    for (const Timestamp at : past.marks) clear.marks.push_back({.mutation = i, .at = at});
  }
  return clear;
}

absl::StatusOr<std::vector<Change>> WriteOnePhase(const OnePhase& write, const Clear& clear,
                                                  Timestamp commit) {
  if (!commit.is_drawn() || commit <= write.start || commit <= clear.newest_commit) {
    return FailedPreconditionError(
        "commit timestamp {} is not above the transaction's start {} and the newest commit {} of "
        "its keys: timestamps went back",
        commit.bits(), write.start.bits(), clear.newest_commit.bits());
  }
  std::vector<Change> changes;
  changes.reserve(write.mutations.size());
  for (size_t i = 0; i < write.mutations.size(); ++i) {
    const bool overlaps =
        std::any_of(clear.marks.begin(), clear.marks.end(),
                    [&](const MarkAbove& mark) { return mark.mutation == i && mark.at == commit; });
    RETURN_IF_ERROR(AppendMutation(write.mutations[i], write.start, commit, overlaps, changes));
  }
  return changes;
}

absl::StatusOr<RollBackAnswer> RollBackMissing(const Snapshot& snapshot, std::string_view key,
                                               Timestamp start) {
  NOKV_CHECK(start.is_drawn());
  const std::unique_ptr<Cursor> writes = snapshot.NewCursor(Family::kWrite, {});
  ASSIGN_OR_RETURN(KeyPast past, LookBack(*writes, key, start));
  if (past.own_commit.has_value()) return Committed{*past.own_commit};
  if (past.is_rolled_back) return Marked{};
  ASSIGN_OR_RETURN(std::optional<LockRecord> lock, GetLock(snapshot, key));
  if (lock.has_value() && lock->start == start) {
    return Blocked{.key = std::string(key), .lock = *std::move(lock)};
  }
  Marked marked;
  if (past.at_start.has_value()) {
    marked.changes.push_back(*std::move(past.at_start));
    return marked;
  }
  ASSIGN_OR_RETURN(Change mark,
                   SetWrite(key, start, {.kind = WriteKind::kRollback, .start = start}));
  marked.changes.push_back(std::move(mark));
  return marked;
}

}  // namespace nokv::mvcc
