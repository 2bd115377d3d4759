#include "gateway/backend/pending_changes.h"

#include "engine/base/check.h"
#include "engine/base/codec.h"
#include "gateway/backend/key_encoding.h"
#include "gateway/backend/object_encoding.h"

#include <algorithm>

namespace nokv::backend {
namespace {

constexpr size_t kEntriesKeptMax = 8192;

// The engine may forget an expired object by itself, but only well after the gateway would have
// removed it: a clock that steps back a little must not make the two disagree.
constexpr uint64_t kEngineExpiryDelayMs = 60'000;

}  // namespace

void PendingChanges::Begin(uint64_t now_ms, const AllCounts& counts) {
  now_ms_ = now_ms;
  by_key_.clear();
  if (entries_.size() > kEntriesKeptMax) {
    entries_.clear();
  } else {
    for (size_t i = 0; i < used_; ++i) entries_[i] = Entry{};
  }
  used_ = 0;
  arena_.Clear();
  is_cleared_.fill(false);
  orphans_.clear();
  counts_ = counts;
  counts_before_ = counts;
  earliest_expiry_ms_.fill(UINT64_MAX);
  has_changes_ = false;
}

absl::StatusOr<const Object*> PendingChanges::Find(int database, std::string_view key) {
  ASSIGN_OR_RETURN(const Entry* entry, Load(database, key));
  return IsVisible(*entry) ? &entry->object : nullptr;
}

absl::Status PendingChanges::Put(int database, std::string_view key, const Object& object) {
  ASSIGN_OR_RETURN(Entry * entry, Load(database, key));
  if (object.expiry_ms != 0 && now_ms_ > object.expiry_ms) {
    RemoveEntry(*entry);
    return absl::OkStatus();
  }
  KeyCounts& counts = CountsOf(database);
  if (!entry->is_present) ++counts.keys;
  if (entry->is_present && entry->object.expiry_ms != 0) --counts.expiring;
  if (object.expiry_ms != 0) {
    ++counts.expiring;
    uint64_t& earliest = earliest_expiry_ms_[static_cast<size_t>(database)];
    earliest = std::min(earliest, object.expiry_ms);
  }
  entry->object = object;
  entry->is_present = true;
  entry->is_changed = true;
  has_changes_ = true;
  return absl::OkStatus();
}

absl::StatusOr<bool> PendingChanges::Remove(int database, std::string_view key) {
  ASSIGN_OR_RETURN(Entry * entry, Load(database, key));
  const bool was_visible = IsVisible(*entry);
  RemoveEntry(*entry);
  return was_visible;
}

absl::Status PendingChanges::Clear(std::optional<int> database) {
  for (int i = 0; i < kDatabases; ++i) {
    if (!database || *database == i) ClearDatabase(i);
  }
  return absl::OkStatus();
}

absl::StatusOr<KeyCounts> PendingChanges::Count(int database) { return CountsOf(database); }

absl::Status PendingChanges::Expire(int database, uint64_t expiry_ms, std::string_view object_key) {
  ASSIGN_OR_RETURN(Entry * entry, LoadEncoded(database, arena_.Copy(object_key)));
  if (entry->is_present && entry->object.expiry_ms == expiry_ms) {
    RemoveEntry(*entry);
    return absl::OkStatus();
  }
  // The engine forgot the object before we removed it. What may be there now counts by itself.
  KeyCounts& counts = CountsOf(database);
  if (counts.keys > 0) --counts.keys;
  if (counts.expiring > 0) --counts.expiring;
  orphans_.push_back(ExpiryKey(expiry_ms, object_key));
  has_changes_ = true;
  return absl::OkStatus();
}

absl::StatusOr<PendingChanges::Entry*> PendingChanges::Load(int database, std::string_view key) {
  NOKV_DCHECK(KeyFits(key));
  const size_t size = EncodeObjectKey(database, key, arena_.Reserve(ObjectKeyBytesMax(key)));
  return LoadEncoded(database, arena_.Take(size));
}

absl::StatusOr<PendingChanges::Entry*> PendingChanges::LoadEncoded(int database,
                                                                   std::string_view encoded) {
  const auto [place, is_new] = by_key_.try_emplace(encoded, nullptr);
  if (!is_new) return place->second;

  Entry& entry = NewEntry();
  place->second = &entry;
  entry.key = encoded;
  entry.database = database;
  if (is_cleared_[static_cast<size_t>(database)]) return &entry;

  absl::StatusOr<bool> found = db_.Get(ReadOptions{}, encoded, &entry.stored);
  absl::Status status = found.status();
  if (found.ok() && *found) status = DecodeObject(entry.stored.value(), &entry.object);
  if (!status.ok()) {
    by_key_.erase(place);
    return status;
  }
  entry.is_stored = entry.is_present = *found;
  entry.stored_expiry_ms = entry.object.expiry_ms;
  return &entry;
}

PendingChanges::Entry& PendingChanges::NewEntry() {
  if (used_ == entries_.size()) entries_.emplace_back();
  return entries_[used_++];
}

void PendingChanges::RemoveEntry(Entry& entry) {
  if (!entry.is_present) return;
  KeyCounts& counts = CountsOf(entry.database);
  --counts.keys;
  if (entry.object.expiry_ms != 0) --counts.expiring;
  entry.object = {};
  entry.is_present = false;
  entry.is_changed = true;
  has_changes_ = true;
}

void PendingChanges::ClearDatabase(int database) {
  for (size_t i = 0; i < used_; ++i) {
    Entry& entry = entries_[i];
    if (entry.database != database) continue;
    entry.is_stored = entry.is_present = entry.is_changed = false;
    entry.stored_expiry_ms = 0;
    entry.object = {};
  }
  is_cleared_[static_cast<size_t>(database)] = true;
  std::erase_if(orphans_, [&](const std::string& key) {
    return key.starts_with(SpaceStart(kExpirySpace, database));
  });
  CountsOf(database) = {};
  has_changes_ = true;
}

void PendingChanges::Build(WriteBatch* batch) {
  batch->Clear();
  for (int i = 0; i < kDatabases; ++i) {
    const bool has_stored_keys = counts_before_[static_cast<size_t>(i)].keys > 0;
    if (!is_cleared_[static_cast<size_t>(i)] || !has_stored_keys) continue;
    batch->DeleteRange(SpaceStart(kObjectSpace, i), SpaceEnd(kObjectSpace, i));
    batch->DeleteRange(SpaceStart(kExpirySpace, i), SpaceEnd(kExpirySpace, i));
  }
  for (const std::string& orphan : orphans_) batch->Delete(orphan);
  for (size_t i = 0; i < used_; ++i) {
    if (entries_[i].is_changed) Add(entries_[i], batch);
  }
  for (int i = 0; i < kDatabases; ++i) {
    const KeyCounts& counts = CountsOf(i);
    if (counts != counts_before_[static_cast<size_t>(i)]) {
      batch->Set(CountKey(i), EncodeCounts(counts));
    }
  }
}

void PendingChanges::Add(const Entry& entry, WriteBatch* batch) {
  const uint64_t expiry_ms = entry.is_present ? entry.object.expiry_ms : 0;
  if (entry.is_present) {
    EncodeObject(entry.object, &scratch_);
    batch->SetWithExpiry(entry.key, scratch_,
                         expiry_ms == 0 ? 0 : expiry_ms + kEngineExpiryDelayMs);
  } else if (entry.is_stored) {
    batch->Delete(entry.key);
  }
  if (expiry_ms == entry.stored_expiry_ms) return;
  if (entry.stored_expiry_ms != 0) batch->Delete(ExpiryKey(entry.stored_expiry_ms, entry.key));
  if (expiry_ms != 0) batch->Set(ExpiryKey(expiry_ms, entry.key), {});
}

std::string EncodeCounts(const KeyCounts& counts) {
  std::string encoded;
  PutFixed<uint64_t>(encoded, counts.keys);
  PutFixed<uint64_t>(encoded, counts.expiring);
  return encoded;
}

absl::Status DecodeCounts(std::string_view encoded, KeyCounts* counts) {
  Decoder decoder(encoded);
  if (decoder.Fixed(&counts->keys) && decoder.Fixed(&counts->expiring) && decoder.done()) {
    return absl::OkStatus();
  }
  return DataLossError("the key counts of a database have {} bytes instead of 16", encoded.size());
}

}  // namespace nokv::backend
