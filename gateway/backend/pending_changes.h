// The keyspace of one round over the engine: what the round has read and changed so far, in memory,
// and the one write batch that makes it so.
//
// The keys that a round names are read from the engine together, before it runs; any other at its
// first use. Later commands, of any client, find them here. Of a key that is only overwritten or
// removed just existence and expiry are read. Counts follow each change, so the batch carries the
// counts that are true after it. For every stored object that will expire there is one record in
// the expiry index, written and deleted in the same batch as the object.
//
// Thread-safety: none.
#pragma once

#include "engine/db.h"
#include "gateway/backend/arena.h"
#include "gateway/backend/key_index.h"
#include "gateway/backend/keyspace.h"

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

namespace nokv::backend {

using AllCounts = std::array<KeyCounts, kDatabases>;

class PendingChanges final : public Keyspace {
 public:
  explicit PendingChanges(DB& db) : db_(db) {}

  // Forgets everything, and starts from the engine's state and its counts.
  void Begin(uint64_t now_ms, const AllCounts& counts);

  // Reads what a round will need. `uses` stays in place until Begin(). After a failure, here or
  // below, nothing but Begin() makes sense.
  absl::Status Fetch(std::span<const KeyUse> uses);

  // The keys from uses[first] on will be looked at next, in about that order: a hint.
  void Expect(size_t first) { expected_ = first; }

  uint64_t now_ms() const override { return now_ms_; }

  absl::StatusOr<const Object*> Find(int database, std::string_view key) override;
  absl::Status Put(int database, std::string_view key, const Object& object) override;
  absl::StatusOr<bool> Remove(int database, std::string_view key) override;
  absl::Status Clear(std::optional<int> database) override;
  absl::StatusOr<KeyCounts> Count(int database) override;

  std::string_view Keep(std::string_view bytes) override { return arena_.Copy(bytes); }

  // Settles a record of the expiry index whose time has passed: removes the object if it is still
  // the one that was to expire then, and in any case the record, and counts the key down.
  absl::Status Expire(int database, uint64_t expiry_ms, std::string_view object_key);

  // True if there is something to write.
  bool has_changes() const { return has_changes_; }

  // Replaces `batch` by the changes since Begin().
  void Build(WriteBatch* batch);

  const AllCounts& counts() const { return counts_; }

  // The earliest expiry that was given to an object of the database since Begin().
  uint64_t earliest_expiry_ms(int database) const {
    return earliest_expiry_ms_[static_cast<size_t>(database)];
  }

 private:
  struct Entry {
    std::string_view key;  // Encoded; in the arena.
    int database = 0;

    // What the engine has, or will have before the rest of the batch.
    bool is_stored = false;
    uint64_t stored_expiry_ms = 0;

    // What it is now. An expired object is still present: it counts until it is removed.
    bool is_present = false;
    bool is_changed = false;
    bool is_complete = false;  // False: of the object only the expiry is known.
    Object object = {};
  };

  std::string_view Encode(int database, std::string_view key);
  absl::StatusOr<Entry*> Load(int database, std::string_view key);
  absl::StatusOr<Entry*> LoadEncoded(int database, std::string_view encoded);
  Entry* FindExpected(int database, std::string_view key);
  // The number of the key's entry, which is new if that is what index_.size() was before.
  uint32_t Enter(int database, std::string_view encoded);
  absl::Status Read(std::span<Lookup> lookups);
  static absl::Status TakeAnswer(const Lookup& lookup, Entry* entry);
  absl::Status Complete(Entry* entry);
  void RemoveEntry(Entry& entry);
  void ClearDatabase(int database);
  void Add(const Entry& entry, WriteBatch* batch);

  bool IsVisible(const Entry& entry) const {
    return entry.is_present && (entry.object.expiry_ms == 0 || now_ms_ <= entry.object.expiry_ms);
  }

  KeyCounts& CountsOf(int database) { return counts_[static_cast<size_t>(database)]; }

  DB& db_;
  uint64_t now_ms_ = 0;
  Arena arena_;
  KeyIndex index_;
  std::deque<Entry> entries_;  // By number; those of the index are of this round. Addresses stay.
  std::vector<Lookup> lookups_;
  std::span<const KeyUse> uses_;
  std::vector<uint32_t> numbers_;  // Of the entries of uses_.
  size_t expected_ = 0;
  std::vector<PinnedValues> pinned_;  // Where the objects' payloads are, if they were not changed.
  std::array<bool, kDatabases> is_cleared_{};
  std::vector<std::string> orphans_;  // Expiry records whose object is not there any more.
  AllCounts counts_;
  AllCounts counts_before_;
  std::array<uint64_t, kDatabases> earliest_expiry_ms_{};
  bool has_changes_ = false;
  std::string scratch_;
};

// Counts as they are stored under CountKey().
std::string EncodeCounts(const KeyCounts& counts);
absl::Status DecodeCounts(std::string_view encoded, KeyCounts* counts);

}  // namespace nokv::backend
