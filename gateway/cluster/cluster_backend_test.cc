// Commands of clients over a cluster in one thread and virtual time.
#include "gateway/cluster/cluster_backend.h"

#include "gateway/cluster/stored_object.h"
#include "gateway/cluster/test_fixture.h"

#include <algorithm>

namespace nokv::cluster {
namespace {

TEST_CASE("strings are set, got and removed", "[cluster]") {
  Fixture f;
  CHECK(f({"GET", "k"}) == kNil);
  CHECK(f({"SET", "k", "v"}) == kOk);
  CHECK(f({"GET", "k"}) == Bulk("v"));
  CHECK(f({"EXISTS", "k"}) == ":1\r\n");
  CHECK(f({"TYPE", "k"}) == "+string\r\n");
  CHECK(f({"DEL", "k"}) == ":1\r\n");
  CHECK(f({"DEL", "k"}) == ":0\r\n");
  CHECK(f({"GET", "k"}) == kNil);
  CHECK(f({"SET", "", std::string(100'000, 'x')}) == kOk);
  CHECK(f({"GET", ""}) == Bulk(std::string(100'000, 'x')));
}

TEST_CASE("what a command costs is known", "[cluster]") {
  Fixture f;
  f({"SET", "k", "1"});
  const auto cost = [&](const Words& words) {
    const int commands = f.world.commands;
    const int timestamps = f.world.tso_calls;
    f(words);
    return std::pair(f.world.commands - commands, f.world.tso_calls - timestamps);
  };
  CHECK(cost({"GET", "k"}) == std::pair(1, 0));
  CHECK(cost({"TTL", "k"}) == std::pair(1, 0));
  CHECK(cost({"SET", "k", "2"}) == std::pair(1, 1));
  CHECK(cost({"INCR", "k"}) == std::pair(1, 1));
  CHECK(cost({"SET", "k", "2", "NX"}) == std::pair(1, 1));
  CHECK(cost({"SET", "k", "2", "XX"}) == std::pair(2, 1));
  CHECK(cost({"EXPIRE", "k", "10"}) == std::pair(2, 1));
  CHECK(cost({"DEL", "k"}) == std::pair(2, 1));
  CHECK(cost({"MGET", "k", "l", "m"}) == std::pair(1, 1));
  CHECK(cost({"PING"}) == std::pair(0, 0));
}

TEST_CASE("conditions of SET are checked against what is there", "[cluster]") {
  Fixture f;
  CHECK(f({"SET", "k", "v", "XX"}) == kNil);
  CHECK(f({"SET", "k", "v", "NX"}) == kOk);
  CHECK(f({"SET", "k", "w", "NX"}) == kNil);
  CHECK(f({"SET", "k", "w", "GET"}) == Bulk("v"));
  CHECK(f({"GET", "k"}) == Bulk("w"));
}

TEST_CASE("counters add on the leader and keep their expiry", "[cluster]") {
  Fixture f;
  CHECK(f({"INCR", "n"}) == ":1\r\n");
  CHECK(f({"INCRBY", "n", "9"}) == ":10\r\n");
  CHECK(f({"DECR", "n"}) == ":9\r\n");
  CHECK(f({"DECRBY", "n", "20"}) == ":-11\r\n");
  CHECK(f({"GET", "n"}) == Bulk("-11"));
  CHECK(f({"PEXPIRE", "n", "5000"}) == ":1\r\n");
  CHECK(f({"INCR", "n"}) == ":-10\r\n");
  const std::string left = f({"TTL", "n"});
  CHECK((left == ":5\r\n" || left == ":4\r\n"));
  CHECK(f({"SET", "n", "x"}) == kOk);
  CHECK(f({"INCR", "n"}) == "-ERR value is not an integer or out of range\r\n");
  CHECK(f({"SET", "n", "9223372036854775807"}) == kOk);
  CHECK(f({"INCR", "n"}) == "-ERR increment or decrement would overflow\r\n");
  CHECK(f.host.statistics.commands.value() == 12);
}

TEST_CASE("several keys are read at one timestamp", "[cluster]") {
  Fixture f;
  f({"SET", "a", "1"});
  f({"SET", "b", "2"});
  CHECK(f({"MGET", "a", "b", "c", "a"}) ==
        "*4\r\n" + Bulk("1") + Bulk("2") + std::string(kNil) + Bulk("1"));
  CHECK(f({"EXISTS", "a", "a", "c"}) == ":2\r\n");
}

TEST_CASE("what needs several keys at once is refused, and says so", "[cluster]") {
  Fixture f;
  f({"SET", "a", "1"});
  const std::string several =
      "-ERR NoKV: a command that changes several keys is not served on a cluster yet\r\n";
  CHECK(f({"MSET", "a", "2", "b", "3"}) == several);
  CHECK(f({"DEL", "b", "c"}) == several);
  CHECK(f({"MSET", "a", "5"}) == kOk);
  CHECK(f({"GET", "a"}) == Bulk("5"));
  CHECK(f({"MSET", "a"}) == "-ERR wrong number of arguments for 'mset' command\r\n");
  CHECK(f({"FLUSHALL"}) == "-ERR NoKV: removing all keys is not served on a cluster yet\r\n");
  CHECK(f({"DBSIZE"}) == "-ERR NoKV: counting keys is not served on a cluster yet\r\n");
  CHECK(f({"INFO"}).find("redis_version") != std::string::npos);
}

TEST_CASE("databases are apart", "[cluster]") {
  Fixture f;
  f.Add(1, {"SET", "k", "0"});
  f.Add(1, {"SELECT", "5"});
  f.Add(1, {"GET", "k"});
  f.Add(1, {"SET", "k", "5"});
  f.Add(1, {"GET", "k"});
  f.Add(1, {"SELECT", "0"});
  f.Add(1, {"GET", "k"});
  f.Run();
  CHECK(f.TakeReplies(1) == std::string(kOk) + std::string(kOk) + std::string(kNil) +
                                std::string(kOk) + Bulk("5") + std::string(kOk) + Bulk("0"));
}

TEST_CASE("a client's commands take effect in order, and its replies keep it", "[cluster]") {
  Fixture f;
  std::string expected;
  for (int i = 0; i < 50; ++i) {
    const std::string key = "k" + std::to_string(i % 7);
    f.Add(1, {"SET", key, std::to_string(i)});
    f.Add(1, {"GET", key});
    f.Add(1, {"MGET", key, "none"});
    f.Add(1, {"INCR", key});
    f.Add(1, {"PING"});
    f.Add(1, {"NONSENSE"});
    f.Add(1, {"GET", key});
    expected += std::string(kOk) + Bulk(std::to_string(i)) + "*2\r\n" + Bulk(std::to_string(i)) +
                std::string(kNil) + ":" + std::to_string(i + 1) + "\r\n+PONG\r\n" +
                "-ERR unknown command 'NONSENSE', with args beginning with: \r\n" +
                Bulk(std::to_string(i + 1));
  }
  f.Run();
  CHECK(f.TakeReplies(1) == expected);
}

TEST_CASE("neighbouring reads of a client take the time of one", "[cluster]") {
  Fixture f;
  f({"SET", "k", "v"});
  const uint64_t before = f.world.time.MonotonicNanos();
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    f.Add(1, {"GET", i % 2 == 0 ? "k" : "none"});
    expected += i % 2 == 0 ? Bulk("v") : std::string(kNil);
  }
  f.Run();
  CHECK(f.TakeReplies(1) == expected);
  CHECK(f.world.time.MonotonicNanos() - before < 3'000'000);
}

TEST_CASE("of neighbouring reads none shows what was before an earlier one", "[cluster]") {
  Fixture f;
  f({"SET", "k", "old"});
  const std::string key = StoredKey(0, "k");
  // The first read has to be sent again; until then the second is through, and then there is
  // another value.
  bool is_first = true;
  f.world.refuse = [&](uint64_t, const kv::v1::Command& command) {
    errors::v1::RegionError error;
    error.mutable_stale_command();
    if (command.has_get() && std::exchange(is_first, false)) {
      f.world.time.After(absl::Microseconds(1200), [&] {
        auto& versions = f.world.data.versions[key];
        versions.push_back(versions.back());
        versions.back().value->replace(versions.back().value->size() - 3, 3, "new");
        versions.back().commit = versions.back().start = ++f.world.last_timestamp;
      });
      return std::optional(error);
    }
    return std::optional<errors::v1::RegionError>();
  };
  f.Add(1, {"GET", "k"});
  std::string second = Bulk("old");
  SECTION("one key") { f.Add(1, {"GET", "k"}); }
  SECTION("several keys") {
    f.Add(1, {"MGET", "k", "j"});
    second = "*2\r\n" + second + std::string(kNil);
  }
  f.Run();
  CHECK_FALSE(is_first);
  CHECK(f.TakeReplies(1) == Bulk("old") + second);
  CHECK(f({"GET", "k"}) == Bulk("new"));
}

TEST_CASE("neighbouring reads go on while the driver is away, one after the other", "[cluster]") {
  Fixture f;
  f({"SET", "k", "v"});
  f.world.is_pd_down = true;
  const uint64_t before = f.world.time.MonotonicNanos();
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    f.Add(1, {"GET", "k"});
    expected += Bulk("v");
  }
  f.Run();
  CHECK(f.TakeReplies(1) == expected);
  CHECK(f.world.time.MonotonicNanos() - before < 600'000'000);
}

TEST_CASE("many runs of reads wait once for a driver that is away, and ask it again later",
          "[cluster]") {
  constexpr int kRuns = 20;
  Fixture f;
  f({"SET", "k", "v"});
  const auto run = [&] {
    std::string expected;
    for (int i = 0; i < kRuns; ++i) {
      f.Add(1, {"GET", "k"});
      f.Add(1, {"GET", "k"});
      f.Add(1, {"PING"});
      expected += Bulk("v") + Bulk("v") + "+PONG\r\n";
    }
    const uint64_t before = f.world.time.MonotonicNanos();
    f.Run();
    CHECK(f.TakeReplies(1) == expected);
    return absl::Nanoseconds(f.world.time.MonotonicNanos() - before);
  };
  f.world.is_pd_down = true;
  CHECK(run() < absl::Milliseconds(600));
  CHECK(run() < absl::Milliseconds(100));  // The next round knows.
  f.world.is_pd_down = false;
  f.world.time.SleepFor(absl::Seconds(1));
  const int calls = f.world.tso_calls;
  run();
  CHECK(f.world.tso_calls > calls);
}

TEST_CASE("clients do not wait for each other, and no increment is lost", "[cluster]") {
  Fixture f;
  f({"SET", "n", "0"});
  const uint64_t before = f.world.time.MonotonicNanos();
  for (uint64_t id = 1; id <= 100; ++id) f.Add(id, {"INCR", "n"});
  f.Run();
  CHECK(f.world.time.MonotonicNanos() - before < 5'000'000);
  CHECK(f({"GET", "n"}).ends_with(Bulk("100")));
}

TEST_CASE("of many that set if absent, one does", "[cluster]") {
  Fixture f;
  for (uint64_t id = 1; id <= 50; ++id) f.Add(id, {"SET", "k", std::to_string(id), "NX"});
  f.Run();
  int winners = 0;
  std::string winner;
  for (uint64_t id = 1; id <= 50; ++id) {
    const std::string reply = f.TakeReplies(id);
    if (reply != kOk) {
      CHECK(reply == kNil);
      continue;
    }
    ++winners;
    winner = std::to_string(id);
  }
  CHECK(winners == 1);
  CHECK(f({"GET", "k"}) == Bulk(winner));
}

TEST_CASE("a change that was overtaken is made again on what is there then", "[cluster]") {
  Fixture f;
  f({"SET", "k", "v", "EX", "100"});
  for (uint64_t id = 1; id <= 20; ++id) {
    f.Add(id, {"SET", "k", "from " + std::to_string(id), "GET", "KEEPTTL"});
  }
  f.Run();
  // Each got what another has set: together a chain from the first value to the last.
  std::map<std::string, int> seen;
  for (uint64_t id = 1; id <= 20; ++id) ++seen[f.TakeReplies(id)];
  CHECK(seen.size() == 20);
  CHECK(seen.contains(Bulk("v")));
  CHECK_FALSE(seen.contains(f({"GET", "k"})));
  CHECK(f({"TTL", "k"}) != ":-1\r\n");
}

TEST_CASE("a command that is overtaken for ever gives up", "[cluster]") {
  Fixture f({.conflicts_max = 3});
  f({"SET", "k", "v"});
  f.world.fate = [&](const std::string&, const kv::v1::Command& command) {
    if (!command.has_prewrite()) return Fate::kArrives;
    // Somebody else is always first.
    const std::string key = StoredKey(0, "k");
    auto& versions = f.world.data.versions[key];
    versions.push_back(versions.back());
    versions.back().commit = ++f.world.last_timestamp;
    versions.back().start = versions.back().commit;
    return Fate::kArrives;
  };
  CHECK(f({"SET", "k", "w", "XX"}).starts_with("-TRYAGAIN NoKV: others wrote the key 4 times"));
}

TEST_CASE("failures say what to make of them", "[cluster]") {
  Fixture f({.command_timeout = absl::Seconds(2)});
  f({"SET", "k", "v"});
  const std::string key = StoredKey(0, "k");
  SECTION("nobody leads the region: nothing was done") {
    f.world.RegionOf(key).leader_store = 0;
    const uint64_t before = f.world.time.MonotonicNanos();
    f.Add(1, {"GET", "k"});
    f.Add(1, {"SET", "k", "w"});
    f.Add(2, {"INCR", "k"});
    f.Add(3, {"PING"});
    f.Run();
    CHECK(f.TakeReplies(1).starts_with("-TRYAGAIN NoKV: get of key"));
    CHECK(f.TakeReplies(2).starts_with("-TRYAGAIN NoKV: write of key"));
    CHECK(f.TakeReplies(3) == "+PONG\r\n");
    CHECK(f.world.time.MonotonicNanos() - before < 2'200'000'000);
    CHECK(f.world.data.versions[key].size() == 1);
  }
  SECTION("replies are lost: perhaps it was done") {
    f.world.fate = [](const std::string&, const kv::v1::Command&) { return Fate::kReplyLost; };
    CHECK(f({"INCR", "m"}).starts_with("-UNKNOWN NoKV: write of key"));
    CHECK(f({"SET", "k", "w"}).starts_with("-UNKNOWN NoKV: write of key"));
  }
  SECTION("the disk is full") {
    f.world.refuse = [](uint64_t, const kv::v1::Command& command) {
      errors::v1::RegionError error;
      error.mutable_disk_full();
      return command.has_prewrite() ? std::optional(error) : std::nullopt;
    };
    CHECK(f({"SET", "k", "w"}).starts_with("-OOM NoKV: store"));
    CHECK(f({"GET", "k"}) == Bulk("v"));
  }
  SECTION("what is stored is no object") {
    f.world.data.versions[key].back().value = "\x7f";
    CHECK(f({"GET", "k"}).starts_with("-ERR NoKV: "));
    CHECK(f({"INCR", "k"}) ==
          "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
  }
}

TEST_CASE("a pipeline to a region that nobody leads holds up a round for one timeout",
          "[cluster]") {
  constexpr int kCommands = 200;
  Fixture f({.command_timeout = absl::Seconds(2)},
            {"\xff", std::max(StoredKey(0, "a"), StoredKey(0, "z"))});
  f({"SET", "a", "v"});
  f({"SET", "z", "v"});
  f.world.RegionOf(StoredKey(0, "a")).leader_store = 0;
  for (int i = 0; i < kCommands; ++i) f.Add(1, {"SET", "a", std::to_string(i)});
  f.Add(1, {"SET", "z", "w"});
  f.Add(1, {"PING"});
  for (int i = 0; i < kCommands; ++i) f.Add(2, {"GET", i % 2 == 0 ? "a" : "z"});
  f.Add(3, {"SET", "z", "x", "XX"});
  SECTION("the driver answers") {}
  SECTION("the driver is away, too") { f.world.is_pd_down = true; }
  const uint64_t before = f.world.time.MonotonicNanos();
  f.Run();
  CHECK(f.world.time.MonotonicNanos() - before < 2'300'000'000);
  const std::string replies = f.TakeReplies(1);
  CHECK(replies.find(kOk) == std::string::npos);
  CHECK(replies.find("-UNKNOWN") == std::string::npos);
  CHECK(std::count(replies.begin(), replies.end(), '\n') == kCommands + 2);
  CHECK(
      replies.ends_with("-TRYAGAIN NoKV: not begun: a command before it was not done in time"
                        "\r\n+PONG\r\n"));
  const bool is_pd_down = f.world.is_pd_down;
  CHECK(f.world.data.versions[StoredKey(0, "z")].size() == (is_pd_down ? 1 : 2));
  CHECK(f.TakeReplies(3).starts_with(is_pd_down ? "-TRYAGAIN" : "+OK"));
}

TEST_CASE("an empty round is done at once", "[cluster]") {
  Fixture f;
  f.Run();
  f({"PING"});
}

}  // namespace
}  // namespace nokv::cluster
