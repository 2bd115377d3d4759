// The Redis keyspace in an embedded database of this process.
//
// A round becomes one write batch, so it happens as a whole or not at all, also across a crash, and
// costs one write (and at level L2 one sync) however many clients it came from. If that write
// fails, the commands run again one by one, each with a write of its own: whatever can still be
// done is done, and exactly the commands whose own write fails answer with the failure.
//
// Thread-safety: as Backend. The database is also used by nobody else for keys from FF on.
#pragma once

#include "engine/base/clock.h"
#include "engine/db.h"
#include "gateway/backend/backend.h"
#include "gateway/backend/pending_changes.h"

#include <array>
#include <atomic>
#include <memory>
#include <vector>

namespace nokv::backend {

class EmbeddedBackend final : public Backend {
 public:
  // Both must outlive the backend. Unimplemented if a newer version wrote the keyspace, DataLoss if
  // it is damaged.
  static absl::StatusOr<std::unique_ptr<EmbeddedBackend>> Create(DB& db, Clock& clock);

  void Execute(Round& round, std::function<void()> done) override;

  KeyCounts Counts(int database) const override;

  uint64_t expired_keys() const override { return expired_keys_.load(std::memory_order_relaxed); }

 private:
  EmbeddedBackend(DB& db, Clock& clock) : db_(db), clock_(clock), changes_(db) {}

  absl::Status Load();
  absl::Status RunTogether(Round& round);
  absl::Status Fetch(const Round& round);
  void RunOneByOne(Round& round);
  absl::Status Commit();
  void PublishCounts();

  // Removes a bounded number of keys whose time has come; returns how many.
  absl::StatusOr<uint64_t> RemoveExpired();
  absl::StatusOr<uint64_t> RemoveExpired(int database, uint64_t keys_max);

  DB& db_;
  Clock& clock_;
  PendingChanges changes_;
  std::vector<KeyUse> uses_;
  std::vector<size_t> first_uses_;  // By command.
  WriteBatch batch_;
  AllCounts counts_{};

  // No object of the database expires before this.
  std::array<uint64_t, kDatabases> next_expiry_ms_{};
  uint64_t no_expiry_before_ms_ = 0;  // After a failure, so as not to fail every round.

  struct SharedCounts {
    std::atomic<uint64_t> keys{0};
    std::atomic<uint64_t> expiring{0};
  };

  std::array<SharedCounts, kDatabases> published_;  // Copies of counts_ for other threads.
  std::atomic<uint64_t> expired_keys_{0};
};

}  // namespace nokv::backend
