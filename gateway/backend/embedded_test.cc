// The keyspace over the real engine on a file system in memory.
#include "gateway/backend/embedded.h"

#include "engine/base/executor.h"
#include "engine/vfs/fault_file_system.h"
#include "engine/vfs/mem_file_system.h"
#include "gateway/backend/key_encoding.h"

#include <catch2/catch.hpp>

#include <map>

namespace nokv::backend {
namespace {

using Body = std::function<absl::Status(Keyspace&)>;

// A round of functions instead of commands.
class TestRound final : public Round {
 public:
  explicit TestRound(std::vector<Body> bodies)
      : bodies_(std::move(bodies)), failures_(bodies_.size()) {}

  size_t size() const override { return bodies_.size(); }

  Traits TraitsOf(size_t) const override { return {.client = 1, .may_write = true}; }

  void NameKeys(size_t, std::vector<KeyUse>* keys) const override {
    keys->insert(keys->end(), named_.begin(), named_.end());
  }

  // From now on each command names these keys.
  void Name(std::vector<KeyUse> keys) { named_ = std::move(keys); }

  absl::Status Run(size_t index, Keyspace& keyspace) override { return bodies_[index](keyspace); }

  void Fail(size_t index, const absl::Status& cause) override { failures_[index] = cause; }

  const absl::Status& failure(size_t index) const { return failures_[index]; }

 private:
  std::vector<Body> bodies_;
  std::vector<KeyUse> named_;
  std::vector<absl::Status> failures_;
};

Body Put(int database, const std::string& key, const std::string& value, uint64_t expiry_ms = 0) {
  return [=](Keyspace& keyspace) {
    return keyspace.Put(database, key, {.expiry_ms = expiry_ms, .payload = keyspace.Keep(value)});
  };
}

Body Remove(int database, const std::string& key) {
  return [=](Keyspace& keyspace) { return keyspace.Remove(database, key).status(); };
}

Body Clear(std::optional<int> database) {
  return [=](Keyspace& keyspace) { return keyspace.Clear(database); };
}

class Fixture {
 public:
  Fixture() { Open(); }

  void Open() {
    Options options;
    options.directory = "/db";
    options.memory_bytes = 8 << 20;
    options.reserve_bytes = 0;
    options.segment_bytes_max = 1 << 20;
    options.environment = {.files = &faults, .clock = &clock, .executor = &executor};
    auto opened = DB::Open(options);
    REQUIRE(opened.ok());
    db = *std::move(opened);
    auto created = EmbeddedBackend::Create(*db, clock);
    REQUIRE(created.ok());
    backend = *std::move(created);
  }

  // As if the process had been killed and started again.
  void Reopen() {
    executor.Clear();
    backend.reset();
    db.reset();
    Open();
  }

  // The statuses with which commands failed; OK for the others.
  std::vector<absl::Status> Run(std::vector<Body> bodies, std::vector<KeyUse> named = {}) {
    TestRound round(std::move(bodies));
    round.Name(std::move(named));
    bool is_done = false;
    backend->Execute(round, [&] { is_done = true; });
    CHECK(is_done);
    executor.RunUntilIdle();
    std::vector<absl::Status> failures;
    for (size_t i = 0; i < round.size(); ++i) failures.push_back(round.failure(i));
    return failures;
  }

  std::optional<std::string> Get(int database, std::string_view key) {
    std::optional<std::string> value;
    Run({[&](Keyspace& keyspace) -> absl::Status {
      ASSIGN_OR_RETURN(const Object* object, keyspace.Find(database, key));
      if (object != nullptr) value = std::string(object->payload);
      return absl::OkStatus();
    }});
    return value;
  }

  // Objects in the engine, for comparing with the count.
  uint64_t StoredObjects(int database) {
    uint64_t count = 0;
    const auto iterator = db->NewIterator({.snapshot = nullptr,
                                           .lower_bound = SpaceStart(kObjectSpace, database),
                                           .upper_bound = SpaceEnd(kObjectSpace, database)});
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) ++count;
    return count;
  }

  uint64_t ExpiryRecords(int database) {
    uint64_t count = 0;
    const auto iterator = db->NewIterator({.snapshot = nullptr,
                                           .lower_bound = SpaceStart(kExpirySpace, database),
                                           .upper_bound = SpaceEnd(kExpirySpace, database)});
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) ++count;
    return count;
  }

  uint64_t now() { return clock.WallMillis(); }

  vfs::MemFileSystem memory;
  vfs::FaultFileSystem faults{memory};
  ManualClock clock;
  ManualExecutor executor;
  std::unique_ptr<DB> db;
  std::unique_ptr<EmbeddedBackend> backend;
};

TEST_CASE("commands of a round see the effects of earlier ones", "[backend]") {
  Fixture fixture;
  std::optional<std::string> seen;
  fixture.Run({Put(0, "k", "1"), Put(0, "k", "2"),
               [&](Keyspace& keyspace) -> absl::Status {
                 ASSIGN_OR_RETURN(const Object* object, keyspace.Find(0, "k"));
                 if (object != nullptr) seen = std::string(object->payload);
                 return absl::OkStatus();
               },
               Remove(0, "k"), Put(1, "k", "other")});
  CHECK(seen == "2");
  CHECK(fixture.Get(0, "k") == std::nullopt);
  CHECK(fixture.Get(1, "k") == "other");
}

TEST_CASE("a round is one write, whatever it does", "[backend]") {
  Fixture fixture;
  fixture.Run({Put(0, "k", "1")});
  const uint64_t before = fixture.db->GetStats().last_sequence;
  std::vector<Body> bodies;
  for (int i = 0; i < 100; ++i) bodies.push_back(Put(0, "k", std::to_string(i)));
  const uint64_t writes = fixture.db->GetStats().writes;
  fixture.Run(std::move(bodies));
  CHECK(fixture.db->GetStats().writes == writes + 1);  // One key, one change.
  CHECK(fixture.db->GetStats().last_sequence > before);
  CHECK(fixture.Get(0, "k") == "99");
}

TEST_CASE("what a round names makes no difference to what its commands see", "[backend]") {
  // Named rightly, with and without the value, or not at all, or of another database.
  const std::vector<std::vector<KeyUse>> namings = {
      {},
      {{0, "k", true}},
      {{0, "k", false}},
      {{0, "k", false}, {0, "k", true}},
      {{1, "k", false}, {0, "other", true}},
  };
  for (const std::vector<KeyUse>& named : namings) {
    for (const bool flushes : {false, true}) {
      Fixture fixture;
      const uint64_t expiry_ms = fixture.now() + 10'000;
      const std::string_view word = named.empty() ? "k" : named[0].key;  // The very word.
      fixture.Run({Put(0, "k", "old", expiry_ms), Put(0, "other", "1")});
      if (flushes) REQUIRE(fixture.db->Flush().ok());
      std::vector<std::string> seen;
      const Body look = [&](Keyspace& keyspace) -> absl::Status {
        ASSIGN_OR_RETURN(const Object* object, keyspace.Find(0, word));
        seen.push_back(object == nullptr
                           ? "none"
                           : fmt::format("{} {}", object->payload, object->expiry_ms == expiry_ms));
        return absl::OkStatus();
      };
      fixture.Run({look, Put(0, "k", "new"), look, Remove(0, "k"), look, Put(0, "k", "last")},
                  named);
      REQUIRE(seen == std::vector<std::string>{"old true", "new false", "none"});
      REQUIRE(fixture.Get(0, "k") == "last");
      REQUIRE(fixture.backend->Counts(0) == KeyCounts{2, 0});
      REQUIRE(fixture.backend->Counts(1) == KeyCounts{});
      REQUIRE(fixture.StoredObjects(0) == 2);
      REQUIRE(fixture.ExpiryRecords(0) == 0);
    }
  }
}

TEST_CASE("a key that was named before a FLUSHALL is gone after it", "[backend]") {
  Fixture fixture;
  fixture.Run({Put(0, "k", "old")});
  const auto look = [](Keyspace& keyspace) -> absl::Status {
    ASSIGN_OR_RETURN(const Object* object, keyspace.Find(0, "k"));
    REQUIRE(object == nullptr);
    return absl::OkStatus();
  };
  fixture.Run({Clear({}), look}, {{0, "k", false}});
  REQUIRE(fixture.backend->Counts(0) == KeyCounts{});
}

TEST_CASE("a round that only reads writes nothing", "[backend]") {
  Fixture fixture;
  fixture.Run({Put(0, "k", "1")});
  const uint64_t writes = fixture.db->GetStats().writes;
  CHECK(fixture.Get(0, "k") == "1");
  CHECK(fixture.Get(0, "absent") == std::nullopt);
  fixture.Run({Remove(0, "absent")});
  CHECK(fixture.db->GetStats().writes == writes);
}

TEST_CASE("counts and data come back after a restart", "[backend]") {
  Fixture fixture;
  fixture.Run({Put(0, "a", "1"), Put(0, "b", std::string(1000, 'x')), Put(5, "c", "3"),
               Put(0, "d", "4", fixture.now() + 1000)});
  fixture.Run({Remove(0, "a"), Put(0, "b", "again")});
  fixture.Reopen();
  CHECK(fixture.backend->Counts(0) == KeyCounts{.keys = 2, .expiring = 1});
  CHECK(fixture.backend->Counts(5) == KeyCounts{.keys = 1, .expiring = 0});
  CHECK(fixture.Get(0, "b") == "again");
  CHECK(fixture.Get(5, "c") == "3");
}

TEST_CASE("clearing removes what was, and keeps what comes after", "[backend]") {
  Fixture fixture;
  fixture.Run({Put(0, "a", "1"), Put(1, "b", "2"), Put(0, "e", "5", fixture.now() + 10)});
  fixture.Run({Put(0, "c", "3"), Clear(0), Put(0, "d", "4"), Remove(0, "a")});
  CHECK(fixture.Get(0, "a") == std::nullopt);
  CHECK(fixture.Get(0, "c") == std::nullopt);
  CHECK(fixture.Get(0, "d") == "4");
  CHECK(fixture.Get(1, "b") == "2");
  CHECK(fixture.backend->Counts(0) == KeyCounts{.keys = 1, .expiring = 0});
  CHECK(fixture.ExpiryRecords(0) == 0);
  fixture.Run({Clear(std::nullopt)});
  fixture.Reopen();
  CHECK(fixture.backend->Counts(0).keys == 0);
  CHECK(fixture.backend->Counts(1).keys == 0);
  CHECK(fixture.Get(1, "b") == std::nullopt);
  CHECK(fixture.StoredObjects(0) == 0);
}

TEST_CASE("clearing what is empty writes nothing", "[backend]") {
  Fixture fixture;
  fixture.Run({Put(3, "k", "v")});
  const uint64_t writes = fixture.db->GetStats().writes;
  fixture.Run({Clear(std::nullopt)});
  CHECK(fixture.db->GetStats().writes == writes + 3);  // Two ranges and a count.
  fixture.Run({Clear(std::nullopt)});
  CHECK(fixture.db->GetStats().writes == writes + 3);
}

TEST_CASE("an expired key is gone at once, and counted down in the next round", "[backend]") {
  Fixture fixture;
  fixture.Run({Put(0, "k", "v", fixture.now() + 100), Put(0, "stays", "v")});
  fixture.clock.Advance(absl::Milliseconds(101));
  CHECK(fixture.Get(0, "k") == std::nullopt);
  CHECK(fixture.backend->Counts(0) == KeyCounts{.keys = 1, .expiring = 0});
  CHECK(fixture.backend->expired_keys() == 1);
  CHECK(fixture.StoredObjects(0) == 1);
  CHECK(fixture.ExpiryRecords(0) == 0);
}

TEST_CASE("a clock that steps ahead within a round shows no empty value", "[backend]") {
  Fixture fixture;
  fixture.Run({Put(0, "key", "value", fixture.now() + 1000)});
  std::optional<std::string> seen;
  const Body look = [&](Keyspace& keyspace) -> absl::Status {
    fixture.clock.Advance(absl::Hours(1));
    ASSIGN_OR_RETURN(const Object* object, keyspace.Find(0, "key"));
    if (object != nullptr) seen = std::string(object->payload);
    return absl::OkStatus();
  };
  fixture.Run({look}, {{.database = 0, .key = "key", .wants_value = false}});
  REQUIRE(seen != "");
  REQUIRE(fixture.Get(0, "key") == std::nullopt);
  REQUIRE(fixture.backend->Counts(0) == KeyCounts{});
}

TEST_CASE("a key that was given another expiry, or none, does not expire at the old one",
          "[backend]") {
  Fixture fixture;
  const uint64_t soon = fixture.now() + 100;
  fixture.Run({Put(0, "later", "v", soon), Put(0, "never", "v", soon), Put(0, "gone", "v", soon)});
  fixture.Run({Put(0, "later", "v", soon + 1000), Put(0, "never", "v"), Remove(0, "gone")});
  CHECK(fixture.ExpiryRecords(0) == 1);
  fixture.clock.Advance(absl::Milliseconds(200));
  CHECK(fixture.Get(0, "later") == "v");
  CHECK(fixture.Get(0, "never") == "v");
  CHECK(fixture.backend->Counts(0) == KeyCounts{.keys = 2, .expiring = 1});
}

TEST_CASE("keys that expired while nobody served are counted down after the start", "[backend]") {
  Fixture fixture;
  std::vector<Body> bodies;
  for (int i = 0; i < 1000; ++i) {
    bodies.push_back(Put(2, std::to_string(i), "v", fixture.now() + 100));
  }
  fixture.Run(std::move(bodies));
  // Long enough for the engine to have forgotten the objects by itself.
  fixture.clock.Advance(absl::Hours(24));
  fixture.Reopen();
  CHECK(fixture.backend->Counts(2).keys == 1000);
  fixture.Run({Put(2, "5", "new"), Put(2, "6", "new", fixture.now() + 1000)});
  for (int i = 0; i < 10; ++i) fixture.Run({});
  CHECK(fixture.backend->Counts(2) == KeyCounts{.keys = 2, .expiring = 1});
  CHECK(fixture.Get(2, "5") == "new");
  CHECK(fixture.ExpiryRecords(2) == 1);
}

TEST_CASE("only the commands whose effect is lost fail, and reads go on", "[backend]") {
  Fixture fixture;
  fixture.Run({Put(0, "k", "old")});
  fixture.memory.SetCapacityBytes(fixture.memory.UsedBytes());
  std::string seen;
  std::vector<absl::Status> failures;
  // What still fits in the preallocated segment may be written: fill it up.
  for (int i = 0; i < 10'000; ++i) {
    failures = fixture.Run({[&](Keyspace& keyspace) -> absl::Status {
                              ASSIGN_OR_RETURN(const Object* object, keyspace.Find(0, "k"));
                              seen = object->payload;
                              return absl::OkStatus();
                            },
                            Put(0, "big" + std::to_string(i), std::string(4000, 'x'))});
    if (!failures[1].ok()) break;
  }
  CHECK(failures[0].ok());
  CHECK(absl::IsResourceExhausted(failures[1]));
  CHECK(seen == "old");
  const uint64_t keys = fixture.backend->Counts(0).keys;
  fixture.memory.SetCapacityBytes(UINT64_MAX / 2);
  fixture.clock.Advance(absl::Seconds(10));
  failures = fixture.Run({Put(0, "k", "new")});
  CHECK(failures[0].ok());
  CHECK(fixture.Get(0, "k") == "new");
  CHECK(fixture.backend->Counts(0).keys == keys);
  CHECK(fixture.StoredObjects(0) == keys);
}

TEST_CASE("the count agrees with the data after any history", "[backend]") {
  const uint64_t seed = 42;
  CAPTURE(seed);
  Random random(seed);
  Fixture fixture;
  std::map<std::string, std::pair<std::string, uint64_t>> model;
  for (int round = 0; round < 400; ++round) {
    std::vector<Body> bodies;
    for (uint64_t i = random.Uniform(10); i > 0; --i) {
      const std::string key = std::to_string(random.Uniform(30));
      const std::string value = std::to_string(random.Next());
      switch (random.Uniform(10)) {
        case 0:
          if (!random.OneIn(10)) break;
          bodies.push_back(Clear(std::nullopt));
          model.clear();
          break;
        case 1:
        case 2:
          bodies.push_back(Remove(0, key));
          model.erase(key);
          break;
        case 3:
        case 4:
        case 5: {
          const uint64_t expiry_ms = fixture.now() + 1 + random.Uniform(500);
          bodies.push_back(Put(0, key, value, expiry_ms));
          model[key] = {value, expiry_ms};
          break;
        }
        default:
          bodies.push_back(Put(0, key, value));
          model[key] = {value, 0};
      }
    }
    fixture.Run(std::move(bodies));
    fixture.clock.Advance(absl::Milliseconds(random.Uniform(50)));
    if (random.OneIn(40)) fixture.clock.Advance(absl::Hours(1));
    if (random.OneIn(20)) fixture.Reopen();
    if (random.OneIn(30)) REQUIRE(fixture.db->Flush().ok());
    std::erase_if(model, [&](const auto& item) {
      return item.second.second != 0 && fixture.now() > item.second.second;
    });
    fixture.Run({});  // Notices what has expired.
    CAPTURE(round);
    REQUIRE(fixture.backend->Counts(0).keys == model.size());
    REQUIRE(fixture.StoredObjects(0) == model.size());
    REQUIRE(fixture.ExpiryRecords(0) == fixture.backend->Counts(0).expiring);
  }
  for (const auto& [key, entry] : model) CHECK(fixture.Get(0, key) == entry.first);
}

TEST_CASE("a keyspace of a newer format is refused", "[backend]") {
  Fixture fixture;
  REQUIRE(fixture.db->Set(FormatKey(), "\x02").ok());
  CHECK(absl::IsUnimplemented(EmbeddedBackend::Create(*fixture.db, fixture.clock).status()));
}

}  // namespace
}  // namespace nokv::backend
