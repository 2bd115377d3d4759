// What one command sees of the cluster, and what it wants of it.
//
// A command is a plain function that runs from beginning to end. Where it needs what is not here
// yet, the keyspace notes the wish and answers Suspended(); whoever runs the command fulfils the
// wish and runs it again, and now it gets further. What a command changes is one write of one key,
// kept until the command is through.
//
// What has expired is for the stores to say, which do so by the placement driver's time. By the
// same time a command turns what it was given to live into an expiry; one that needs the time and
// has none is suspended until there is a snapshot, whose timestamp tells it.
//
// Invariant: everything that was read is of one snapshot, or is the newest of a single key that is
// only read.
//
// Thread-safety: none.
#pragma once

#include "gateway/backend/arena.h"
#include "gateway/backend/keyspace.h"
#include "percolator/client/client.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace nokv::cluster {

// An addition that a command asks for.
struct WantedAdd {
  std::string key;  // As stored.
  int64_t delta = 0;
};

class CommandKeyspace final : public backend::Keyspace {
 public:
  // `arena` keeps bytes until the round ends, and must outlive the keyspace. `now_ms` is the
  // driver's time, if it is known.
  CommandKeyspace(backend::Arena& arena, std::optional<uint64_t> now_ms)
      : arena_(arena), now_ms_(now_ms) {}

  // The status of a command that has to wait for a wish.
  static absl::Status Suspended() { return absl::CancelledError("the command waits"); }

  // Before each run: forgets what the run before has changed.
  void Begin();

  // Notes a key before the command asks for it.
  void Want(int database, std::string_view key);

  // Asks for another snapshot: what was read at this one was overtaken.
  void WantSnapshot() { wants_snapshot_ = true; }

  bool has_wishes() const { return wants_snapshot_ || wants_reads() || wanted_add_.has_value(); }

  // The wishes. What is read when there is no snapshot is the newest.
  bool wants_snapshot() const { return wants_snapshot_; }

  bool wants_reads() const { return !wanted_.empty(); }

  const std::optional<WantedAdd>& wanted_add() const { return wanted_add_; }

  // Keys that the command has asked for so far.
  size_t keys() const { return entries_.size(); }

  // All keys are to be read again, at `snapshot`.
  void SetSnapshot(mvcc::Timestamp snapshot);

  const std::optional<mvcc::Timestamp>& snapshot() const { return snapshot_; }

  // The keys that are wanted, and their values in the same order.
  std::vector<std::string> KeysToRead() const;
  void TakeReads(std::vector<std::optional<client::Value>> values);

  void TakeSum(const backend::AddOutcome& outcome);

  // What the command has changed, with the snapshot if it has read the key.
  const std::optional<client::WriteRequest>& write() const { return write_; }

  // If it is not known, whoever has asked is suspended before it has any effect.
  uint64_t now_ms() const override {
    has_asked_time_ = true;
    return now_ms_.value_or(0);
  }

  absl::StatusOr<const backend::Object*> Find(int database, std::string_view key) override;
  absl::Status Put(int database, std::string_view key, const backend::Object& object) override;
  absl::StatusOr<bool> Remove(int database, std::string_view key) override;
  absl::StatusOr<std::optional<backend::AddOutcome>> Add(int database, std::string_view key,
                                                         int64_t delta) override;
  absl::Status Clear(std::optional<int> database) override;
  absl::StatusOr<backend::KeyCounts> Count(int database) override;

  std::string_view Keep(std::string_view bytes) override { return arena_.Copy(bytes); }

 private:
  struct Entry {
    bool is_read = false;
    std::optional<client::Value> value = {};  // Nothing: it was absent.
    bool is_changed = false;                  // By this run.
    std::optional<backend::Object> object = {};
  };

  // By key as stored. Addresses stay.
  using Entries = std::unordered_map<std::string, Entry>;

  Entries::value_type& Enter(int database, std::string_view key);
  absl::Status Read(Entries::value_type& item);
  absl::Status ClaimWrite(const Entries::value_type& item);
  absl::Status SetWrite(Entries::value_type& item, client::WriteRequest request);

  absl::Status AwaitTime();

  backend::Arena& arena_;
  std::optional<uint64_t> now_ms_;
  mutable bool has_asked_time_ = false;  // In this run.
  Entries entries_;
  std::vector<Entries::value_type*> wanted_;
  bool wants_snapshot_ = false;
  std::optional<mvcc::Timestamp> snapshot_;
  std::optional<WantedAdd> wanted_add_;
  std::optional<backend::AddOutcome> sum_;
  const std::string* written_key_ = nullptr;  // The only one that this run may change.
  std::optional<client::WriteRequest> write_;
};

}  // namespace nokv::cluster
