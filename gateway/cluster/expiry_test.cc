// When keys of a cluster expire, and by whose clock.
#include "gateway/cluster/stored_object.h"
#include "gateway/cluster/test_fixture.h"

namespace nokv::cluster {
namespace {

TEST_CASE("a key expires when its time has passed, to the millisecond", "[cluster]") {
  Fixture f;
  const uint64_t when_ms = f.world.time.WallMillis() + 1000;
  f({"SET", "k", "v", "PXAT", std::to_string(when_ms)});
  CHECK(f({"PEXPIRETIME", "k"}) == ":" + std::to_string(when_ms) + "\r\n");
  CHECK(f({"PERSIST", "k"}) == ":1\r\n");
  CHECK(f({"TTL", "k"}) == ":-1\r\n");
  CHECK(f({"PEXPIREAT", "k", std::to_string(when_ms)}) == ":1\r\n");
  while (f.world.time.WallMillis() < when_ms) f.world.time.RunFor(absl::Microseconds(100));
  CHECK(f({"EXISTS", "k"}) == ":1\r\n");
  f.world.time.RunFor(absl::Milliseconds(1));
  CHECK(f({"EXISTS", "k"}) == ":0\r\n");
  CHECK(f({"SET", "k", "v", "NX"}) == kOk);
  CHECK(f({"EXPIRE", "k", "-1"}) == ":1\r\n");
  CHECK(f({"EXISTS", "k"}) == ":0\r\n");
}

TEST_CASE("expiry is the driver's business, whatever the gateway's clock says", "[cluster]") {
  Fixture f;
  SECTION("the clocks agree") {}
  SECTION("the driver is an hour ahead") { f.world.driver_ahead_ms = 3'600'000; }
  SECTION("the driver is an hour behind") { f.world.driver_ahead_ms = -3'600'000; }

  // A lock is taken once, and every command sees it held.
  CHECK(f({"SET", "lock", "a", "NX", "PX", "5000"}) == kOk);
  CHECK(f({"SET", "lock", "b", "NX", "PX", "5000"}) == kNil);
  CHECK(f({"GET", "lock"}) == Bulk("a"));
  CHECK(f({"MGET", "lock", "none"}) == "*2\r\n" + Bulk("a") + std::string(kNil));
  CHECK(f({"TTL", "lock"}) == ":5\r\n");
  f.world.time.RunFor(absl::Milliseconds(4'900));
  CHECK(f({"SET", "lock", "b", "NX", "PX", "5000"}) == kNil);
  CHECK(f({"GET", "lock"}) == Bulk("a"));
  f.world.time.RunFor(absl::Milliseconds(101));
  CHECK(f({"GET", "lock"}) == kNil);
  CHECK(f({"MGET", "lock", "none"}) == "*2\r\n" + std::string(kNil) + std::string(kNil));
  CHECK(f({"SET", "lock", "b", "NX", "PX", "5000"}) == kOk);

  // A counter keeps its value and its time.
  CHECK(f({"INCR", "n"}) == ":1\r\n");
  CHECK(f({"EXPIRE", "n", "5"}) == ":1\r\n");
  CHECK(f({"INCR", "n"}) == ":2\r\n");
  CHECK(f({"TTL", "n"}) == ":5\r\n");
  f.world.time.RunFor(absl::Milliseconds(5'001));
  CHECK(f({"INCR", "n"}) == ":1\r\n");
  CHECK(f({"TTL", "n"}) == ":-1\r\n");

  // A blind write, and one with a time of its own.
  CHECK(f({"SET", "k", "v", "EX", "7"}) == kOk);
  CHECK(f({"TTL", "k"}) == ":7\r\n");
  const uint64_t driver_ms = f.world.last_timestamp >> 18;
  CHECK(f({"SET", "k", "v", "PXAT", std::to_string(driver_ms + 3'000)}) == kOk);
  CHECK(f({"GET", "k"}) == Bulk("v"));
  CHECK(f({"SET", "k", "v", "PXAT", std::to_string(driver_ms - 1)}) == kOk);
  CHECK(f({"EXISTS", "k"}) == ":0\r\n");
}

TEST_CASE("a gateway that was given no timestamp for long asks for the time of an expiry",
          "[cluster]") {
  Fixture f;
  f({"SET", "k", "v", "EX", "1000"});
  f.world.time.RunFor(absl::Seconds(100));
  f.world.driver_ahead_ms += 60'000;  // Its clock was set right.
  const int timestamps = f.world.tso_calls;
  SECTION("a blind write stays blind") {
    CHECK(f({"SET", "l", "w", "PX", "5000"}) == kOk);
    CHECK(f.world.tso_calls > timestamps);
    const uint64_t expiry_ms = f.world.data.versions[StoredKey(0, "l")].back().expiry_ms;
    CHECK(expiry_ms > (f.world.last_timestamp >> 18) + 4'900);
    CHECK(expiry_ms < (f.world.last_timestamp >> 18) + 5'100);
    CHECK(f({"GET", "l"}) == Bulk("w"));
  }
  SECTION("what is only shown is reckoned on") {
    CHECK(f({"TTL", "k"}) == ":900\r\n");
    CHECK(f.world.tso_calls == timestamps);
  }
  SECTION("a write that cannot be told the time fails, and reads go on") {
    f.world.is_pd_down = true;
    CHECK(f({"SET", "l", "w", "PX", "5000"}).starts_with("-TRYAGAIN"));
    CHECK(f({"GET", "k"}) == Bulk("v"));
    CHECK(f({"PTTL", "k"}).starts_with(":"));
  }
}

TEST_CASE("a gateway that was never given a timestamp asks before it tells how long a key lives",
          "[cluster]") {
  Fixture f;
  f.world.driver_ahead_ms = 3'600'000;
  f({"SET", "k", "v", "EX", "1000"});
  client::Client other({.network = f.world,
                        .pd = f.world,
                        .timer = f.world.time,
                        .clock = f.world.time,
                        .executor = f.world.time},
                       {.key_owner = mvcc::KeyOwner::kSystem});
  ClusterBackend backend(other, f.world.time, f.world.time, {});
  const auto ask = [&](const Words& words) {
    f.Add(1, words);
    bool is_done = false;
    backend.Execute(f.round, [&] { is_done = true; });
    REQUIRE(is_done);
    f.round.Clear();
    return f.TakeReplies(1);
  };
  CHECK(ask({"GET", "k"}) == Bulk("v"));
  CHECK(ask({"TTL", "k"}) == ":1000\r\n");
}

}  // namespace
}  // namespace nokv::cluster
