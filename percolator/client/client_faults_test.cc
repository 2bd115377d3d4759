// What operations do when the cluster is not well: every refusal, lost replies, moved regions, the
// placement driver away, and the end of time.
#include "percolator/client/client.h"
#include "percolator/client/test_fixture.h"

#include <catch2/catch.hpp>

#include <array>
#include <set>

namespace nokv::client {
namespace {

using errors::v1::RegionError;
using Fate = TestWorld::Fate;

// Refuses the first `times` commands with what `fill` makes.
template <typename FillError>
void RefuseFirst(Fixture& f, int times, FillError fill) {
  f.world.refuse = [=](uint64_t, const kv::v1::Command&) mutable -> std::optional<RegionError> {
    if (times-- <= 0) return std::nullopt;
    RegionError error;
    fill(error);
    return error;
  };
}

absl::Duration TimeOf(Fixture& f, const std::function<void()>& action) {
  const uint64_t before = f.world.time.MonotonicNanos();
  action();
  return absl::Nanoseconds(static_cast<int64_t>(f.world.time.MonotonicNanos() - before));
}

TEST_CASE("a hint of the leader is followed at once", "[client]") {
  Fixture f;
  f.Put("k", "v");
  f.world.RegionOf("k").leader_store = 3;
  const int commands = f.world.commands;
  const int routes = f.world.route_calls;
  REQUIRE(TimeOf(f, [&] { REQUIRE(f.Get("k") == "v"); }) < absl::Milliseconds(3));
  REQUIRE(f.world.commands - commands == 2);
  REQUIRE(f.Get("k") == "v");
  REQUIRE(f.world.commands - commands == 3);
  REQUIRE(f.world.route_calls == routes);
}

TEST_CASE("while nobody leads, peers are asked until one does", "[client]") {
  Fixture f;
  f.Put("k", "v");
  f.world.RegionOf("k").leader_store = 0;
  f.world.time.After(absl::Seconds(2), [&] { f.world.RegionOf("k").leader_store = 2; });
  const int commands = f.world.commands;
  const absl::Duration took = TimeOf(f, [&] { REQUIRE(f.Get("k") == "v"); });
  REQUIRE(took < absl::Milliseconds(2700));
  REQUIRE(f.world.commands - commands < 40);
}

TEST_CASE("a store that was killed costs no more than a try", "[client]") {
  Fixture f({"m"});
  f.Put("a", "v");
  f.world.is_down[1] = true;
  f.world.RegionOf("a").leader_store = 2;
  REQUIRE(TimeOf(f, [&] { REQUIRE(f.Get("a") == "v"); }) < absl::Milliseconds(20));
}

TEST_CASE("a store that swallows everything is left after one timeout, for all its regions",
          "[client]") {
  Fixture f({"m", "p"}, {.attempt_timeout = absl::Seconds(1)});
  for (TestWorld::Region& region : f.world.regions) region.leader_store = 1;
  for (const std::string key : {"a", "n", "z"}) f.Put(key, "v");
  f.world.fate = [](const std::string& address, const kv::v1::Command&) {
    return address == "store-1" ? Fate::kLost : Fate::kArrives;
  };
  for (TestWorld::Region& region : f.world.regions) region.leader_store = 2;
  REQUIRE(TimeOf(f, [&] { REQUIRE(f.Get("a") == "v"); }) < absl::Milliseconds(1100));
  REQUIRE(TimeOf(f, [&] { REQUIRE(f.Get("n") == "v"); }) < absl::Milliseconds(100));
  REQUIRE(TimeOf(f, [&] { REQUIRE(f.Get("z") == "v"); }) < absl::Milliseconds(100));
}

TEST_CASE("an epoch that does not match teaches the new regions", "[client]") {
  Fixture f;
  f.Put("a", "1");
  f.Put("z", "2");
  const int routes = f.world.route_calls;
  f.world.Split("m");
  REQUIRE(f.Get("a") == "1");
  REQUIRE(f.Get("z") == "2");
  REQUIRE(f.world.route_calls == routes);

  // Told nothing new, the client asks the placement driver.
  f.world.tells_epoch = false;
  f.world.Split("p");
  REQUIRE(f.Get("z") == "2");
  REQUIRE(f.world.route_calls > routes);
}

TEST_CASE("an old route from the placement driver does not replace a newer one", "[client]") {
  Fixture f;
  f.Put("a", "1");
  f.world.stale_routes = f.world.regions;
  f.world.Split("m");
  REQUIRE(f.Get("a") == "1");
  // The right part is known from the refusal; forget it, and only the old route is told.
  RefuseFirst(f, 1, [](RegionError& error) { error.mutable_region_not_found(); });
  f.world.time.After(absl::Seconds(1), [&] { f.world.stale_routes.reset(); });
  REQUIRE(f.Get("z") == "(absent)");
  REQUIRE(f.Get("a") == "1");
}

TEST_CASE("a region that the store does not have is asked for again", "[client]") {
  Fixture f;
  f.Put("k", "v");
  const int routes = f.world.route_calls;
  SECTION("not found") {
    RefuseFirst(f, 1, [](RegionError& error) { error.mutable_region_not_found(); });
  }
  SECTION("key not in region") {
    RefuseFirst(f, 1, [](RegionError& error) { error.mutable_key_not_in_region(); });
  }
  SECTION("store does not match") {
    RefuseFirst(f, 1, [](RegionError& error) { error.mutable_store_not_match(); });
  }
  REQUIRE(f.Get("k") == "v");
  REQUIRE(f.world.route_calls == routes + 1);
}

TEST_CASE("a store that moved is found at its new address", "[client]") {
  Fixture f;
  f.Put("k", "v");
  f.world.listeners = {{"new-1", 1}, {"store-2", 2}, {"store-1", 3}};
  REQUIRE(f.Get("k") == "v");
}

TEST_CASE("a busy store is given the time that it asks for", "[client]") {
  Fixture f;
  f.Put("k", "v");
  RefuseFirst(f, 1, [](RegionError& error) { error.mutable_server_is_busy()->set_wait_ms(700); });
  const absl::Duration took = TimeOf(f, [&] { REQUIRE(f.Get("k") == "v"); });
  REQUIRE(took >= absl::Milliseconds(700));
  REQUIRE(took < absl::Milliseconds(800));
  // However long that is, not for ever.
  RefuseFirst(f, 1,
              [](RegionError& error) { error.mutable_server_is_busy()->set_wait_ms(UINT64_MAX); });
  REQUIRE(TimeOf(f, [&] { REQUIRE(f.Get("k") == "v"); }) < absl::Seconds(6));
}

TEST_CASE("a stale command is sent again soon", "[client]") {
  Fixture f;
  f.Put("k", "v");
  RefuseFirst(f, 3, [](RegionError& error) { error.mutable_stale_command(); });
  REQUIRE(TimeOf(f, [&] { f.Put("k", "w"); }) < absl::Milliseconds(50));
}

TEST_CASE("what trying again does not help is answered at once", "[client]") {
  Fixture f;
  f.Put("k", "v");
  const int commands = f.world.commands;
  SECTION("disk full") {
    RefuseFirst(f, 1, [](RegionError& error) { error.mutable_disk_full(); });
    REQUIRE(absl::IsResourceExhausted(f.blocking.Write({.key = "k"}).status()));
  }
  SECTION("another cluster") {
    RefuseFirst(f, 1, [](RegionError& error) { error.mutable_cluster_id_mismatch(); });
    REQUIRE(absl::IsFailedPrecondition(f.blocking.Write({.key = "k"}).status()));
  }
  SECTION("too large") {
    RefuseFirst(f, 1, [](RegionError& error) { error.mutable_raft_entry_too_large(); });
    REQUIRE(absl::IsInvalidArgument(f.blocking.Write({.key = "k"}).status()));
  }
  SECTION("not served") {
    RefuseFirst(f, 1, [](RegionError& error) { error.set_message("the moon is not full"); });
    REQUIRE(f.Get("k") == "store 1 does not serve this: the moon is not full");
  }
  REQUIRE(f.world.commands == commands + 1);
}

TEST_CASE("a batch that is too much for one answer is asked for in parts", "[client]") {
  Fixture f;
  std::vector<std::string> keys;
  for (int i = 0; i < 100; ++i) keys.push_back("k" + std::to_string(i));
  for (const std::string& key : keys) f.Put(key, key);
  f.world.refuse = [](uint64_t, const kv::v1::Command& command) -> std::optional<RegionError> {
    if (command.batch_get().keys_size() <= 9) return std::nullopt;
    RegionError error;
    error.set_message("ask for fewer keys");
    return error;
  };
  const auto answers = f.blocking.BatchGet({.keys = keys, .at = f.Now()});
  REQUIRE(answers.ok());
  for (size_t i = 0; i < keys.size(); ++i) REQUIRE((*answers)[i]->bytes == keys[i]);
}

TEST_CASE("a write whose reply was lost is sent again as the same write", "[client]") {
  Fixture f({}, {.attempt_timeout = absl::Seconds(1)});
  std::set<uint64_t> starts;
  int lost = 3;
  f.world.fate = [&](const std::string&, const kv::v1::Command& command) {
    if (!command.has_prewrite()) return Fate::kArrives;
    starts.insert(command.prewrite().start_ts());
    return lost-- > 0 ? Fate::kReplyLost : Fate::kArrives;
  };
  const auto outcome = f.blocking.Add({.key = "n", .delta = 5});
  REQUIRE(std::get<Sum>(*outcome).value == 5);
  REQUIRE(starts.size() == 1);
  REQUIRE(f.Get("n") == "5");
  REQUIRE(f.world.data.versions["n"].size() == 1);
}

TEST_CASE("a write that the store does not know the outcome of is sent again", "[client]") {
  Fixture f;
  int unknown = 2;
  f.world.fate = [&](const std::string&, const kv::v1::Command&) {
    return unknown-- > 0 ? Fate::kUnknown : Fate::kArrives;
  };
  REQUIRE(std::get<Sum>(*f.blocking.Add({.key = "n", .delta = 5})).value == 5);
  REQUIRE(f.Get("n") == "5");
}

TEST_CASE("only an attempt without an answer makes a write undetermined", "[client]") {
  Fixture f;
  f.Put("k", "v");
  const auto write = [&] {
    return f.blocking.Write({.key = "k", .value = "w", .timeout = absl::Seconds(5)}).status();
  };
  SECTION("all replies are lost") {
    f.world.fate = [](const std::string&, const kv::v1::Command&) { return Fate::kReplyLost; };
    absl::Duration took;
    took = TimeOf(f, [&] { REQUIRE(IsUndetermined(write())); });
    REQUIRE(took < absl::Milliseconds(5010));
    REQUIRE(took >= absl::Seconds(5));
    f.world.fate = nullptr;
    REQUIRE(f.Get("k") == "w");
  }
  SECTION("the first is lost, then nobody leads") {
    bool is_first = true;
    f.world.fate = [&](const std::string&, const kv::v1::Command&) {
      f.world.RegionOf("k").leader_store = 0;
      return std::exchange(is_first, false) ? Fate::kLost : Fate::kArrives;
    };
    REQUIRE(IsUndetermined(write()));
  }
  SECTION("the first is lost, then the disk is full") {
    bool is_first = true;
    f.world.fate = [&](const std::string&, const kv::v1::Command&) {
      return std::exchange(is_first, false) ? Fate::kLost : Fate::kArrives;
    };
    f.world.refuse = [](uint64_t, const kv::v1::Command&) {
      RegionError error;
      error.mutable_disk_full();
      return std::optional(error);
    };
    REQUIRE(IsUndetermined(write()));
  }
  SECTION("all are refused") {
    f.world.RegionOf("k").leader_store = 0;
    const absl::Status status = write();
    REQUIRE(absl::IsUnavailable(status));
    REQUIRE(f.world.data.versions["k"].size() == 1);
  }
  SECTION("no store could be reached") {
    for (uint64_t store = 1; store <= 3; ++store) f.world.is_down[store] = true;
    REQUIRE(absl::IsUnavailable(write()));
  }
  SECTION("the first is lost, then no store can be reached") {
    f.world.fate = [&](const std::string&, const kv::v1::Command&) {
      for (uint64_t store = 1; store <= 3; ++store) {
        f.world.time.After(absl::Milliseconds(100), [&f, store] { f.world.is_down[store] = true; });
      }
      return Fate::kReplyLost;
    };
    REQUIRE(IsUndetermined(write()));
  }
  SECTION("a read is never undetermined") {
    f.world.fate = [](const std::string&, const kv::v1::Command&) { return Fate::kReplyLost; };
    REQUIRE(
        absl::IsUnavailable(f.blocking.Get({.key = "k", .timeout = absl::Seconds(5)}).status()));
  }
}

TEST_CASE("a conflict holds for attempts that are still on their way", "[client]") {
  Fixture f({}, {.attempt_timeout = absl::Seconds(1)});
  f.Put("k", "0");
  const mvcc::Timestamp snapshot = f.Now();
  f.Put("k", "1");
  bool is_first = true;
  f.world.fate = [&](const std::string&, const kv::v1::Command&) {
    return std::exchange(is_first, false) ? Fate::kLost : Fate::kArrives;
  };
  const auto outcome = f.blocking.Write({.key = "k", .value = "2", .snapshot = snapshot});
  REQUIRE(std::holds_alternative<Conflict>(*outcome));
}

TEST_CASE("an add that was refused while an attempt is open is undetermined", "[client]") {
  Fixture f({}, {.attempt_timeout = absl::Seconds(1)});
  f.Put("n", "x");
  bool is_first = true;
  f.world.fate = [&](const std::string&, const kv::v1::Command&) {
    return std::exchange(is_first, false) ? Fate::kLost : Fate::kArrives;
  };
  REQUIRE(IsUndetermined(f.blocking.Add({.key = "n", .delta = 1}).status()));
}

TEST_CASE("while the driver is away reads go on, and writes wait for it", "[client]") {
  Fixture f;
  f.Put("k", "v");
  f.world.time.RunFor(absl::Milliseconds(30));  // No name of a write is left.
  SECTION("it refuses") { f.world.is_pd_down = true; }
  SECTION("it is silent") { f.world.is_pd_silent = true; }
  REQUIRE(f.Get("k") == "v");
  absl::Status status;
  const absl::Duration took = TimeOf(f, [&] {
    status = f.blocking.Write({.key = "k", .value = "w", .timeout = absl::Seconds(3)}).status();
  });
  REQUIRE(absl::IsUnavailable(status));
  REQUIRE(took >= absl::Seconds(3));
  REQUIRE(took < absl::Milliseconds(3200));
  REQUIRE(f.Get("k") == "v");
}

TEST_CASE("a leader that changes while the driver is away is found all the same", "[client]") {
  Fixture f;
  f.Put("k", "v");
  SECTION("it refuses") { f.world.is_pd_down = true; }
  SECTION("it is silent") { f.world.is_pd_silent = true; }
  f.world.is_down[1] = true;
  f.world.RegionOf("k").leader_store = 0;
  f.world.time.After(absl::Seconds(2), [&] { f.world.RegionOf("k").leader_store = 3; });
  REQUIRE(TimeOf(f, [&] { REQUIRE(f.Get("k") == "v"); }) < absl::Seconds(4));
  REQUIRE(TimeOf(f, [&] { REQUIRE(f.Get("k") == "v"); }) < absl::Milliseconds(2));
}

TEST_CASE("when the driver is back, those who waited go on", "[client]") {
  Fixture f;
  f.world.is_pd_down = true;
  f.world.time.After(absl::Seconds(4), [&] { f.world.is_pd_down = false; });
  REQUIRE(TimeOf(f, [&] { f.Put("k", "v"); }) < absl::Milliseconds(5500));
  REQUIRE(f.Get("k") == "v");
}

TEST_CASE("a key whose region the driver does not know yet does not hold up others", "[client]") {
  Fixture f({"m"});
  f.world.stale_routes = {f.world.regions[0]};
  std::optional<absl::Status> late;
  f.client.Get({.key = "z", .timeout = absl::Seconds(4)},
               [&](const auto& value) { late = value.status(); });
  REQUIRE(TimeOf(f, [&] { REQUIRE(f.Get("a") == "(absent)"); }) < absl::Milliseconds(100));
  REQUIRE_FALSE(late);
  f.world.time.RunFor(absl::Seconds(5));
  REQUIRE(absl::IsUnavailable(*late));
  f.world.stale_routes.reset();
  REQUIRE(f.Get("z") == "(absent)");
}

TEST_CASE("a driver of another cluster is not believed", "[client]") {
  Fixture f({"m"});
  f.Put("a", "v");
  f.world.cluster_id = 78;
  REQUIRE(absl::IsFailedPrecondition(f.blocking.Get({.key = "z"}).status()));
  REQUIRE(absl::IsFailedPrecondition(f.blocking.DrawTimestamp().status()));
  REQUIRE(f.Get("a") == "v");
}

TEST_CASE("a store that answers nonsense is told so, and nothing hangs", "[client]") {
  Fixture f;
  f.Put("k", "v");

  struct Liar final : KvNetwork {
    void Call(const std::string&, kv::v1::Command command, absl::Duration, Done done) override {
      time->After(absl::Milliseconds(1), [=, this] { done(answer(command)); });
    }

    TestTime* time = nullptr;
    std::function<kv::v1::CommandResult(const kv::v1::Command&)> answer;
  };

  Liar liar;
  liar.time = &f.world.time;
  Client client({.network = liar,
                 .pd = f.world,
                 .timer = f.world.time,
                 .clock = f.world.time,
                 .executor = f.world.time},
                {});
  BlockingClient blocking(client, f.world.time);
  const auto at = mvcc::Timestamp(99);

  liar.answer = [](const kv::v1::Command&) { return kv::v1::CommandResult(); };
  REQUIRE(absl::IsInternal(blocking.Get({.key = "k"}).status()));
  REQUIRE(IsUndetermined(blocking.Write({.key = "k"}).status()));

  liar.answer = [](const kv::v1::Command&) {
    kv::v1::CommandResult result;
    result.mutable_prewrite()->mutable_key_errors();
    return result;
  };
  REQUIRE(absl::IsInternal(blocking.Get({.key = "k"}).status()));
  REQUIRE(absl::IsInternal(blocking.Write({.key = "k"}).status()));

  liar.answer = [](const kv::v1::Command&) {
    kv::v1::CommandResult result;
    result.mutable_scan()->mutable_page()->set_next_key("a");
    return result;
  };
  REQUIRE(absl::IsInternal(blocking.Scan({.start = "b", .at = at}).status()));
  REQUIRE(absl::IsInternal(blocking.Scan({.start = "a", .at = at}).status()));
  REQUIRE(absl::IsInternal(blocking.Scan({.end = "a", .is_reverse = true, .at = at}).status()));

  liar.answer = [](const kv::v1::Command&) {
    kv::v1::CommandResult result;
    result.mutable_batch_get()->mutable_found()->add_pairs()->set_key("other");
    return result;
  };
  REQUIRE(absl::IsInternal(blocking.BatchGet({.keys = {"k", "l"}, .at = at}).status()));
}

TEST_CASE("operations end in time whatever happens, and are right when it is over", "[client]") {
  const uint64_t seed = GENERATE(range(1u, 40u));
  INFO("seed " << seed);
  Random random(seed);
  Fixture f({"h", "p"}, {.seed = seed, .attempt_timeout = absl::Milliseconds(500)});
  bool is_faulty = true;
  f.world.fate = [&](const std::string&, const kv::v1::Command&) {
    if (!is_faulty || !random.OneIn(4)) return Fate::kArrives;
    return std::array{Fate::kLost, Fate::kReplyLost, Fate::kUnknown}[random.Uniform(3)];
  };
  int64_t sum_min = 0;
  int64_t sum_max = 0;
  int under_way = 0;
  for (int i = 0; i < 60; ++i) {
    ++under_way;
    f.client.Add({.key = "n", .delta = 1, .timeout = absl::Seconds(3)}, [&](const auto& outcome) {
      --under_way;
      if (outcome.ok()) ++sum_min;
      if (outcome.ok() || IsUndetermined(outcome.status())) ++sum_max;
    });
    if (random.OneIn(10)) f.world.RegionOf("n").leader_store = random.Uniform(4);
    if (random.OneIn(10)) f.world.is_down[1 + random.Uniform(3)] = random.OneIn(2);
    if (random.OneIn(20)) f.world.is_pd_down = !f.world.is_pd_down;
    if (random.OneIn(15) && f.world.regions.size() < 8) {
      f.world.Split(std::string(1, static_cast<char>('a' + random.Uniform(26))));
    }
    f.world.time.RunFor(absl::Milliseconds(static_cast<int64_t>(random.Uniform(400))));
  }
  f.world.time.RunFor(absl::Milliseconds(3200));
  REQUIRE(under_way == 0);

  is_faulty = false;
  f.world.is_pd_down = false;
  f.world.is_down.clear();
  for (TestWorld::Region& region : f.world.regions) region.leader_store = 1;
  const auto sum = f.blocking.Add({.key = "n", .delta = 0});
  REQUIRE(sum.ok());
  REQUIRE(std::get<Sum>(*sum).value >= sum_min);
  REQUIRE(std::get<Sum>(*sum).value <= sum_max);
}

}  // namespace
}  // namespace nokv::client
