// A keyspace in a map, for tests of commands.
//
// Thread-safety: none.
#pragma once

#include "engine/base/clock.h"
#include "gateway/backend/keyspace.h"

#include <deque>
#include <map>
#include <string>
#include <utility>

namespace nokv::command {

class FakeKeyspace final : public backend::Keyspace {
 public:
  explicit FakeKeyspace(Clock& clock) : clock_(clock) {}

  uint64_t now_ms() const override { return clock_.WallMillis(); }

  absl::StatusOr<const backend::Object*> Find(int database, std::string_view key) override {
    const auto found = objects_.find({database, std::string(key)});
    if (found == objects_.end()) return nullptr;
    const backend::Object& object = found->second;
    return object.expiry_ms != 0 && now_ms() > object.expiry_ms ? nullptr : &object;
  }

  absl::Status Put(int database, std::string_view key, const backend::Object& object) override {
    backend::Object kept = object;
    kept.payload = Keep(object.payload);  // Calls of a test share no round.
    objects_[{database, std::string(key)}] = kept;
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Remove(int database, std::string_view key) override {
    absl::StatusOr<const backend::Object*> object = Find(database, key);
    const bool was_there = *object != nullptr;
    objects_.erase({database, std::string(key)});
    return was_there;
  }

  absl::Status Clear(std::optional<int> database) override {
    std::erase_if(objects_,
                  [&](const auto& item) { return !database || item.first.first == *database; });
    return absl::OkStatus();
  }

  absl::StatusOr<backend::KeyCounts> Count(int database) override {
    backend::KeyCounts counts;
    for (const auto& [place, object] : objects_) {
      if (place.first != database) continue;
      ++counts.keys;
      if (object.expiry_ms != 0) ++counts.expiring;
    }
    return counts;
  }

  std::string_view Keep(std::string_view bytes) override { return kept_.emplace_back(bytes); }

 private:
  Clock& clock_;
  std::map<std::pair<int, std::string>, backend::Object> objects_;
  std::deque<std::string> kept_;
};

}  // namespace nokv::command
