#include "gateway/backend/embedded.h"

#include "gateway/backend/key_encoding.h"

#include <algorithm>

namespace nokv::backend {
namespace {

constexpr uint64_t kExpiredKeysPerRound = 200;
constexpr uint64_t kPauseAfterFailureMs = 1000;
constexpr size_t kBatchBytesKept = 4 << 20;
constexpr size_t kUsesKept = 32 << 10;

}  // namespace

absl::StatusOr<std::unique_ptr<EmbeddedBackend>> EmbeddedBackend::Create(DB& db, Clock& clock) {
  std::unique_ptr<EmbeddedBackend> backend(new EmbeddedBackend(db, clock));
  RETURN_IF_ERROR(backend->Load());
  return backend;
}

absl::Status EmbeddedBackend::Load() {
  std::string value;
  ASSIGN_OR_RETURN(const bool has_format, db_.Get(ReadOptions{}, FormatKey(), &value));
  if (!has_format) {
    RETURN_IF_ERROR(db_.Set(FormatKey(), {reinterpret_cast<const char*>(&kFormatVersion), 1}));
  } else if (value.size() != 1 || static_cast<uint8_t>(value[0]) != kFormatVersion) {
    return UnimplementedError("the Redis keyspace has format {}, this program reads {}",
                              value.empty() ? 0 : static_cast<uint8_t>(value[0]), kFormatVersion);
  }
  for (int i = 0; i < kDatabases; ++i) {
    ASSIGN_OR_RETURN(const bool found, db_.Get(ReadOptions{}, CountKey(i), &value));
    if (found) RETURN_IF_ERROR(DecodeCounts(value, &counts_[static_cast<size_t>(i)]));
  }
  PublishCounts();
  return absl::OkStatus();
}

void EmbeddedBackend::Execute(Round& round, std::function<void()> done) {
  if (absl::Status status = RunTogether(round); !status.ok()) {
    no_expiry_before_ms_ = clock_.WallMillis() + kPauseAfterFailureMs;
    RunOneByOne(round);
  }
  done();
}

absl::Status EmbeddedBackend::RunTogether(Round& round) {
  changes_.Begin(clock_.WallMillis(), counts_);
  const std::array<uint64_t, kDatabases> next_expiry_before = next_expiry_ms_;
  absl::StatusOr<uint64_t> expired = RemoveExpired();
  absl::Status status = expired.status();
  if (status.ok()) status = Fetch(round);
  for (size_t i = 0; i < round.size() && status.ok(); ++i) {
    changes_.Expect(first_uses_[i]);
    status = round.Run(i, changes_);
  }
  if (status.ok()) status = Commit();
  if (!status.ok()) {
    next_expiry_ms_ = next_expiry_before;
    return status;
  }
  if (*expired > 0) expired_keys_.fetch_add(*expired, std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::Status EmbeddedBackend::Fetch(const Round& round) {
  uses_.clear();
  first_uses_.clear();
  if (uses_.capacity() > kUsesKept) uses_.shrink_to_fit();
  for (size_t i = 0; i < round.size(); ++i) {
    first_uses_.push_back(uses_.size());
    round.NameKeys(i, &uses_);
  }
  return changes_.Fetch(uses_);
}

void EmbeddedBackend::RunOneByOne(Round& round) {
  for (size_t i = 0; i < round.size(); ++i) {
    changes_.Begin(clock_.WallMillis(), counts_);
    absl::Status status = round.Run(i, changes_);
    if (status.ok()) status = Commit();
    if (!status.ok()) round.Fail(i, status);
  }
}

absl::Status EmbeddedBackend::Commit() {
  if (!changes_.has_changes()) return absl::OkStatus();
  changes_.Build(&batch_);
  if (!batch_.empty()) RETURN_IF_ERROR(db_.Write(batch_));
  if (batch_.size_bytes() > kBatchBytesKept) batch_ = WriteBatch();

  for (int i = 0; i < kDatabases; ++i) {
    uint64_t& next = next_expiry_ms_[static_cast<size_t>(i)];
    next = std::min(next, changes_.earliest_expiry_ms(i));
  }
  if (counts_ != changes_.counts()) {
    counts_ = changes_.counts();
    PublishCounts();
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> EmbeddedBackend::RemoveExpired() {
  uint64_t removed = 0;
  if (changes_.now_ms() < no_expiry_before_ms_) return removed;
  for (int i = 0; i < kDatabases && removed < kExpiredKeysPerRound; ++i) {
    const auto index = static_cast<size_t>(i);
    if (counts_[index].expiring == 0 || next_expiry_ms_[index] >= changes_.now_ms()) continue;
    ASSIGN_OR_RETURN(const uint64_t count, RemoveExpired(i, kExpiredKeysPerRound - removed));
    removed += count;
  }
  return removed;
}

absl::StatusOr<uint64_t> EmbeddedBackend::RemoveExpired(int database, uint64_t keys_max) {
  uint64_t& next_expiry_ms = next_expiry_ms_[static_cast<size_t>(database)];
  const std::unique_ptr<Iterator> records =
      db_.NewIterator({.snapshot = nullptr,
                       .lower_bound = ExpiryKeyBound(database, next_expiry_ms),
                       .upper_bound = SpaceEnd(kExpirySpace, database),
                       .keys_only = true});
  uint64_t removed = 0;
  for (records->SeekToFirst(); records->Valid(); records->Next()) {
    const std::optional<DecodedExpiry> record = DecodeExpiryKey(records->key());
    if (!record) {
      return DataLossError("a record of the expiry index of database {} has {} bytes", database,
                           records->key().size());
    }
    next_expiry_ms = record->expiry_ms;
    if (record->expiry_ms >= changes_.now_ms() || removed == keys_max) return removed;
    RETURN_IF_ERROR(changes_.Expire(database, record->expiry_ms, record->object_key));
    ++removed;
  }
  RETURN_IF_ERROR(records->status());
  next_expiry_ms = UINT64_MAX;
  return removed;
}

KeyCounts EmbeddedBackend::Counts(int database) const {
  const SharedCounts& counts = published_[static_cast<size_t>(database)];
  return {.keys = counts.keys.load(std::memory_order_relaxed),
          .expiring = counts.expiring.load(std::memory_order_relaxed)};
}

void EmbeddedBackend::PublishCounts() {
  for (size_t i = 0; i < counts_.size(); ++i) {
    published_[i].keys.store(counts_[i].keys, std::memory_order_relaxed);
    published_[i].expiring.store(counts_[i].expiring, std::memory_order_relaxed);
  }
}

}  // namespace nokv::backend
