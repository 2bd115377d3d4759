#include "gateway/cluster/command_keyspace.h"

#include "engine/base/check.h"
#include "gateway/cluster/stored_object.h"

#include <algorithm>
#include <utility>

namespace nokv::cluster {

using backend::AddOutcome;
using backend::Object;
using client::WriteRequest;

void CommandKeyspace::Begin() {
  for (auto& [key, entry] : entries_) entry.is_changed = false;
  written_key_ = nullptr;
  write_.reset();
  has_asked_time_ = false;
}

CommandKeyspace::Entries::value_type& CommandKeyspace::Enter(int database, std::string_view key) {
  return *entries_.try_emplace(StoredKey(database, key)).first;
}

void CommandKeyspace::Want(int database, std::string_view key) {
  const size_t before = entries_.size();
  Entries::value_type& item = Enter(database, key);
  if (entries_.size() > before) wanted_.push_back(&item);
}

void CommandKeyspace::SetSnapshot(mvcc::Timestamp snapshot) {
  snapshot_ = snapshot;
  now_ms_ = snapshot.millis();
  wants_snapshot_ = false;
  wanted_.clear();
  for (Entries::value_type& item : entries_) {
    item.second.is_read = false;
    wanted_.push_back(&item);
  }
}

std::vector<std::string> CommandKeyspace::KeysToRead() const {
  std::vector<std::string> keys;
  keys.reserve(wanted_.size());
  for (const Entries::value_type* item : wanted_) keys.push_back(item->first);
  return keys;
}

void CommandKeyspace::TakeReads(std::vector<std::optional<client::Value>> values) {
  NOKV_CHECK(values.size() == wanted_.size());
  for (size_t i = 0; i < values.size(); ++i) {
    wanted_[i]->second.is_read = true;
    wanted_[i]->second.value = std::move(values[i]);
  }
  wanted_.clear();
}

void CommandKeyspace::TakeSum(const AddOutcome& outcome) {
  sum_ = outcome;
  wanted_add_.reset();
}

// Makes the entry's object what is there now.
absl::Status CommandKeyspace::Read(Entries::value_type& item) {
  Entry& entry = item.second;
  if (entry.is_changed) return absl::OkStatus();
  if (!entry.is_read) {
    wanted_.push_back(&item);
    return Suspended();
  }
  entry.object.reset();
  if (!entry.value) return absl::OkStatus();
  ASSIGN_OR_RETURN(Object object, ToObject(*entry.value));
  if (object.expiry_ms != 0 && !snapshot_) {
    // Its store saw it at the newest a moment ago: it is in its last one.
    object.expiry_ms = std::max(object.expiry_ms, now_ms_.value_or(0));
  }
  entry.object = object;
  return absl::OkStatus();
}

absl::Status CommandKeyspace::AwaitTime() {
  if (!has_asked_time_ || now_ms_) return absl::OkStatus();
  WantSnapshot();
  return Suspended();
}

absl::StatusOr<const Object*> CommandKeyspace::Find(int database, std::string_view key) {
  RETURN_IF_ERROR(AwaitTime());
  Entries::value_type& item = Enter(database, key);
  RETURN_IF_ERROR(Read(item));
  const std::optional<Object>& object = item.second.object;
  return object ? &*object : nullptr;
}

absl::Status CommandKeyspace::Put(int database, std::string_view key, const Object& object) {
  const bool is_past = object.expiry_ms != 0 && object.expiry_ms < now_ms();
  RETURN_IF_ERROR(AwaitTime());
  Entries::value_type& item = Enter(database, key);
  RETURN_IF_ERROR(ClaimWrite(item));
  item.second.is_changed = true;
  if (is_past) {
    item.second.object.reset();
    return SetWrite(item, {.kind = WriteRequest::Kind::kDelete, .key = item.first});
  }
  item.second.object = object;
  return SetWrite(item, PutRequest(item.first, object));
}

absl::StatusOr<bool> CommandKeyspace::Remove(int database, std::string_view key) {
  Entries::value_type& item = Enter(database, key);
  RETURN_IF_ERROR(ClaimWrite(item));
  RETURN_IF_ERROR(Read(item));
  if (!item.second.object) return false;
  item.second.is_changed = true;
  item.second.object.reset();
  RETURN_IF_ERROR(SetWrite(item, {.kind = WriteRequest::Kind::kDelete, .key = item.first}));
  return true;
}

absl::Status CommandKeyspace::ClaimWrite(const Entries::value_type& item) {
  if (written_key_ == nullptr) written_key_ = &item.first;
  if (written_key_ == &item.first) return absl::OkStatus();
  return UnimplementedError("a command that changes several keys is not served on a cluster yet");
}

absl::Status CommandKeyspace::SetWrite(Entries::value_type& item, WriteRequest request) {
  if (item.second.is_read) {
    if (!snapshot_) {
      // Who changes what he read has to know that nobody else did.
      wants_snapshot_ = true;
      return Suspended();
    }
    request.snapshot = snapshot_;
  }
  write_ = std::move(request);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<AddOutcome>> CommandKeyspace::Add(int database, std::string_view key,
                                                               int64_t delta) {
  if (sum_) return sum_;
  Entries::value_type& item = Enter(database, key);
  RETURN_IF_ERROR(ClaimWrite(item));
  wanted_add_ = WantedAdd{.key = item.first, .delta = delta};
  return Suspended();
}

absl::Status CommandKeyspace::Clear(std::optional<int> /*database*/) {
  return UnimplementedError("removing all keys is not served on a cluster yet");
}

absl::StatusOr<backend::KeyCounts> CommandKeyspace::Count(int /*database*/) {
  return UnimplementedError("counting keys is not served on a cluster yet");
}

}  // namespace nokv::cluster
