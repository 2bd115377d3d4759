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
  index_.Clear();
  if (entries_.size() > kEntriesKeptMax) {
    entries_.clear();
    lookups_ = {};
    numbers_ = {};
  }
  uses_ = {};
  pinned_.clear();
  arena_.Clear();
  is_cleared_.fill(false);
  orphans_.clear();
  counts_ = counts;
  counts_before_ = counts;
  earliest_expiry_ms_.fill(UINT64_MAX);
  has_changes_ = false;
}

absl::Status PendingChanges::Fetch(std::span<const KeyUse> uses) {
  const uint32_t first = index_.size();
  lookups_.clear();
  numbers_.clear();
  expected_ = 0;
  for (const KeyUse& use : uses) {
    const uint32_t known = index_.size();
    const std::string_view encoded = Encode(use.database, use.key);
    const uint32_t number = Enter(use.database, encoded);
    numbers_.push_back(number);
    if (number == known) {
      lookups_.push_back({.key = encoded, .wants_value = use.wants_value});
    } else if (number >= first) {
      lookups_[number - first].wants_value |= use.wants_value;
    }
  }
  uses_ = uses;
  RETURN_IF_ERROR(Read(lookups_));
  for (size_t i = 0; i < lookups_.size(); ++i) {
    RETURN_IF_ERROR(TakeAnswer(lookups_[i], &entries_[first + i]));
  }
  return absl::OkStatus();
}

absl::StatusOr<const Object*> PendingChanges::Find(int database, std::string_view key) {
  ASSIGN_OR_RETURN(Entry * entry, Load(database, key));
  if (!IsVisible(*entry)) return nullptr;
  if (!entry->is_complete) RETURN_IF_ERROR(Complete(entry));
  // The engine may have forgotten it meanwhile, if the clock has stepped far ahead.
  return entry->is_complete ? &entry->object : nullptr;
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
  entry->is_complete = true;
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

std::string_view PendingChanges::Encode(int database, std::string_view key) {
  NOKV_DCHECK(KeyFits(key));
  const size_t size = EncodeObjectKey(database, key, arena_.Reserve(ObjectKeyBytesMax(key)));
  return arena_.Take(size);
}

uint32_t PendingChanges::Enter(int database, std::string_view encoded) {
  const uint32_t known = index_.size();
  const uint32_t number = index_.NumberOf(encoded);
  if (number != known) return number;
  if (number == entries_.size()) entries_.emplace_back();
  entries_[number] = {.key = encoded, .database = database};
  return number;
}

// A command hands in the very words that it named, so two views of the same place are the same key.
PendingChanges::Entry* PendingChanges::FindExpected(int database, std::string_view key) {
  const size_t end = std::min(expected_ + 2, uses_.size());
  for (size_t i = expected_; i < end; ++i) {
    const KeyUse& use = uses_[i];
    if (use.key.data() != key.data() || use.key.size() != key.size()) continue;
    if (use.database != database || key.empty()) continue;
    expected_ = i;
    return &entries_[numbers_[i]];
  }
  return nullptr;
}

absl::StatusOr<PendingChanges::Entry*> PendingChanges::Load(int database, std::string_view key) {
  if (Entry* const entry = FindExpected(database, key); entry != nullptr) return entry;
  return LoadEncoded(database, Encode(database, key));
}

absl::StatusOr<PendingChanges::Entry*> PendingChanges::LoadEncoded(int database,
                                                                   std::string_view encoded) {
  const uint32_t known = index_.size();
  const uint32_t number = Enter(database, encoded);
  Entry& entry = entries_[number];
  if (number != known || is_cleared_[static_cast<size_t>(database)]) return &entry;
  Lookup lookup{.key = encoded};
  RETURN_IF_ERROR(Read({&lookup, 1}));
  RETURN_IF_ERROR(TakeAnswer(lookup, &entry));
  return &entry;
}

absl::Status PendingChanges::Read(std::span<Lookup> lookups) {
  if (lookups.empty()) return absl::OkStatus();
  return db_.MultiGet(ReadOptions{}, lookups, &pinned_.emplace_back());
}

absl::Status PendingChanges::TakeAnswer(const Lookup& lookup, Entry* entry) {
  if (!lookup.is_found) return absl::OkStatus();
  if (lookup.wants_value) {
    RETURN_IF_ERROR(DecodeObject(lookup.value, &entry->object));
  } else if (lookup.expiry_ms != 0) {
    entry->object.expiry_ms = lookup.expiry_ms - kEngineExpiryDelayMs;
  }
  entry->is_complete = lookup.wants_value;
  entry->is_stored = entry->is_present = true;
  entry->stored_expiry_ms = entry->object.expiry_ms;
  return absl::OkStatus();
}

absl::Status PendingChanges::Complete(Entry* entry) {
  Lookup lookup{.key = entry->key};
  RETURN_IF_ERROR(Read({&lookup, 1}));
  return TakeAnswer(lookup, entry);
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
  for (size_t i = 0; i < index_.size(); ++i) {
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
  for (size_t i = 0; i < index_.size(); ++i) {
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
