#include "percolator/mvcc/reader.h"

#include <utility>

namespace nokv::mvcc {
namespace {

absl::StatusOr<bool> IsGone(const WriteHead& write, const ReadView& view) {
  if (write.kind == WriteKind::kDelete) return true;
  if (write.expiry_ms == 0) return false;
  if (!view.now_ms.has_value()) {
    return UnavailableError("a value expires at {}, and what time it is is not known",
                            write.expiry_ms);
  }
  return write.expiry_ms <= *view.now_ms;
}

absl::StatusOr<LockRecord> DecodeLockOf(std::string_view user_key, std::string_view bytes) {
  absl::StatusOr<LockRecord> lock = DecodeLock(bytes);
  if (lock.ok()) return lock;
  return AboutRecord(lock.status(), Family::kLock, user_key, Timestamp::Max());
}

// One scan. The lock family and the write family are walked side by side, so that a lock on a key
// that was never written is seen like any other.
class Scanner {
 public:
  Scanner(const Snapshot& snapshot, const ScanRequest& request, const ReadView& view,
          uint64_t& records)
      : snapshot_(snapshot),
        request_(request),
        view_(view),
        is_forward_(request.direction == Direction::kForward),
        start_(KeyPrefix(request.start)),
        end_(request.end.empty() ? std::string() : KeyPrefix(request.end)),
        locks_(snapshot.NewCursor(Family::kLock, {.start = start_, .end = end_})),
        writes_(snapshot.NewCursor(Family::kWrite, {.start = start_, .end = end_})),
        records_(records) {}

  absl::StatusOr<Page> Run();

 private:
  void SeekToBegin(Cursor& cursor) const;

  bool IsInRange(std::string_view prefix) const {
    return prefix >= start_ && (end_.empty() || prefix < end_);
  }

  // The prefix of the key under the cursor; empty at the end of the range.
  absl::StatusOr<std::string_view> LockPrefix() const;
  absl::StatusOr<std::string_view> WritePrefix() const;

  // Sets prefix_ to the next key of both families; false at the end of the range.
  absl::StatusOr<bool> FindKey();

  bool IsPageFull(const Page& page, uint64_t records_before) const {
    return page.rows.size() >= request_.rows_max || page_bytes_ >= request_.bytes_max ||
           (keys_seen_ > 0 && records_ - records_before >= request_.records_max);
  }

  // Looks at the key of prefix_ and leaves it behind.
  absl::Status Visit(const std::string& user_key, Page& page);
  absl::Status VisitVersions(const std::string& user_key, Page& page);

  const Snapshot& snapshot_;
  const ScanRequest& request_;
  const ReadView view_;
  const bool is_forward_;
  const std::string start_;  // Encoded.
  const std::string end_;    // Encoded; empty: none.
  const std::unique_ptr<Cursor> locks_;
  const std::unique_ptr<Cursor> writes_;

  std::string prefix_;       // Of the key that is looked at.
  bool has_lock_ = false;    // locks_ stands on that key.
  bool has_writes_ = false;  // writes_ does.
  size_t page_bytes_ = 0;
  uint64_t keys_seen_ = 0;
  uint64_t& records_;
};

void Scanner::SeekToBegin(Cursor& cursor) const {
  if (is_forward_) {
    cursor.Seek(start_);
  } else if (end_.empty()) {
    cursor.SeekToLast();
  } else {
    cursor.SeekForPrev(end_);
    if (cursor.Valid() && cursor.key() >= end_) cursor.Prev();
  }
}

absl::StatusOr<std::string_view> Scanner::LockPrefix() const {
  if (locks_->Valid()) return IsInRange(locks_->key()) ? locks_->key() : std::string_view();
  RETURN_IF_ERROR(locks_->status());
  return std::string_view();
}

absl::StatusOr<std::string_view> Scanner::WritePrefix() const {
  if (!writes_->Valid()) {
    RETURN_IF_ERROR(writes_->status());
    return std::string_view();
  }
  // Beyond the range may lie what is not ours to read.
  if (!IsInRange(writes_->key())) return std::string_view();
  ASSIGN_OR_RETURN(const VersionKeyParts parts, SplitVersionKey(writes_->key()));
  return parts.prefix;
}

absl::StatusOr<bool> Scanner::FindKey() {
  ASSIGN_OR_RETURN(const std::string_view lock, LockPrefix());
  ASSIGN_OR_RETURN(const std::string_view write, WritePrefix());
  if (lock.empty() && write.empty()) return false;
  const bool lock_is_next =
      write.empty() || (!lock.empty() && (is_forward_ ? lock < write : lock > write));
  prefix_ = lock_is_next ? lock : write;
  has_lock_ = lock == prefix_;
  has_writes_ = write == prefix_;
  return true;
}

absl::Status Scanner::VisitVersions(const std::string& user_key, Page& page) {
  VersionWalk walk(*writes_, prefix_, records_);
  // Backward the cursor stands on the oldest record: the way to the visible one is a seek.
  ASSIGN_OR_RETURN(
      const std::optional<Version> version,
      walk.SkipToVersion(is_forward_ ? walk.SeekFromNewest(view_.at) : walk.Seek(view_.at)));
  bool is_there = version.has_value();
  if (is_there) {
    ASSIGN_OR_RETURN(const bool is_gone, IsGone(version->write, view_));
    is_there = !is_gone;
  }
  if (is_there) {
    Row row{.key = user_key,
            .value = {},
            .expiry_ms = version->write.expiry_ms,
            .commit = version->commit};
    if (!request_.is_keys_only) {
      ASSIGN_OR_RETURN(row.value, LoadValue(snapshot_, user_key, walk, version->write));
    }
    page_bytes_ += row.key.size() + row.value.size();
    page.rows.push_back(std::move(row));
  }
  if (is_forward_) {
    walk.Leave();
  } else {
    writes_->SeekForPrev(prefix_);  // No record of the family has a prefix for its key.
  }
  return absl::OkStatus();
}

absl::Status Scanner::Visit(const std::string& user_key, Page& page) {
  ++keys_seen_;
  if (has_lock_) {
    absl::StatusOr<LockRecord> lock = DecodeLockOf(user_key, locks_->value());
    RETURN_IF_ERROR(locks_->status());
    RETURN_IF_ERROR(lock.status());
    if (lock->Blocks(view_.at)) {
      page.blocked = Blocked{.key = user_key, .lock = *std::move(lock)};
      return absl::OkStatus();
    }
    if (is_forward_) {
      locks_->Next();
    } else {
      locks_->Prev();
    }
  }
  return has_writes_ ? VisitVersions(user_key, page) : absl::OkStatus();
}

absl::StatusOr<Page> Scanner::Run() {
  SeekToBegin(*locks_);
  SeekToBegin(*writes_);
  const uint64_t records_before = records_;
  Page page;
  while (true) {
    ASSIGN_OR_RETURN(const bool has_key, FindKey());
    if (!has_key) return page;
    ASSIGN_OR_RETURN(const std::string user_key, DecodeUserKey(prefix_));
    const bool is_full = IsPageFull(page, records_before);
    if (!is_full) RETURN_IF_ERROR(Visit(user_key, page));
    if (is_full || page.blocked.has_value()) {
      page.resume = is_forward_ ? user_key : NextUserKey(user_key);
      return page;
    }
  }
}

}  // namespace

absl::StatusOr<std::optional<LockRecord>> GetLock(const Snapshot& snapshot,
                                                  std::string_view user_key) {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   snapshot.Get(Family::kLock, KeyPrefix(user_key)));
  if (!bytes.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(LockRecord lock, DecodeLockOf(user_key, *bytes));
  return lock;
}

absl::StatusOr<std::string> LoadValue(const Snapshot& snapshot, std::string_view user_key,
                                      const VersionWalk& walk, const WriteHead& put) {
  if (put.has_value) {
    ASSIGN_OR_RETURN(const WriteRecord record, walk.Whole());
    return std::string(*record.value);
  }
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   snapshot.Get(Family::kDefault, VersionKey(user_key, put.start)));
  const absl::StatusOr<std::string_view> value =
      bytes.has_value() ? DecodeValue(*bytes)
                        : absl::StatusOr<std::string_view>(DataLossError("the value is missing"));
  if (!value.ok()) return AboutRecord(value.status(), Family::kDefault, user_key, put.start);
  return std::string(*value);
}

absl::StatusOr<GetAnswer> MvccReader::Get(std::string_view key, const ReadView& view) {
  ASSIGN_OR_RETURN(std::optional<LockRecord> lock, GetLock(snapshot_, key));
  if (lock.has_value() && lock->Blocks(view.at)) {
    return Blocked{.key = std::string(key), .lock = *std::move(lock)};
  }
  if (writes_ == nullptr) writes_ = snapshot_.NewCursor(Family::kWrite, {});
  const std::string prefix = KeyPrefix(key);
  VersionWalk walk(*writes_, prefix, records_);
  ASSIGN_OR_RETURN(const std::optional<Version> version, walk.SkipToVersion(walk.Seek(view.at)));
  if (!version.has_value()) return Absent{};
  ASSIGN_OR_RETURN(const bool is_gone, IsGone(version->write, view));
  if (is_gone) return Absent{};
  ASSIGN_OR_RETURN(std::string value, LoadValue(snapshot_, key, walk, version->write));
  return Found{
      .value = std::move(value), .expiry_ms = version->write.expiry_ms, .commit = version->commit};
}

absl::StatusOr<Page> MvccReader::Scan(const ScanRequest& request, const ReadView& view) {
  if (request.rows_max == 0 || request.bytes_max == 0 || request.records_max == 0) {
    return InvalidArgumentError("a scan's limits must be above zero: rows {}, bytes {}, records {}",
                                request.rows_max, request.bytes_max, request.records_max);
  }
  return Scanner(snapshot_, request, view, records_).Run();
}

}  // namespace nokv::mvcc
