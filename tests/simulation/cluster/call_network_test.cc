#include "tests/simulation/cluster/call_network.h"

#include "tests/simulation/cluster/seams.h"

#include <catch2/catch.hpp>

#include <string>
#include <utility>
#include <vector>

namespace nokv::simulation {
namespace {

constexpr HostId kCaller = 1;
constexpr HostId kServer = 2;

// A server that answers after `work`, or, if that is infinite, never.
class Pair {
 public:
  explicit Pair(uint64_t seed) : queue(seed), network(queue, {}), calls(queue, network) {
    calls.Listen(kServer, "server");
  }

  void Call(const std::string& request, absl::Duration timeout = absl::Seconds(3)) {
    calls.Call<std::string>(
        kCaller, "server", timeout,
        [this, request](CallNetwork::Done<std::string> answer) {
          served.push_back(request);
          if (work == absl::InfiniteDuration()) return;
          queue.After(kServer, work, [answer, request] { answer("re: " + request); });
        },
        [this](const absl::StatusOr<std::string>& answer) {
          said.push_back(answer.ok() ? *answer : std::string(answer.status().ToString()));
        });
  }

  EventQueue queue;
  SimNetwork network;
  CallNetwork calls;
  absl::Duration work = absl::Milliseconds(1);
  std::vector<std::string> served;
  std::vector<std::string> said;
};

using Strings = std::vector<std::string>;

bool Says(const Strings& said, const char* part) {
  return said.size() == 1 && said[0].find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a call is served and answered, not inside the call", "[simulation]") {
  Pair pair(1);
  pair.Call("a");
  REQUIRE(pair.served.empty());
  pair.queue.RunFor(absl::Seconds(10));
  REQUIRE(pair.served == Strings{"a"});
  REQUIRE(pair.said == Strings{"re: a"});
  REQUIRE(pair.calls.under_way() == 0);
}

TEST_CASE("calls overtake each other", "[simulation]") {
  Pair pair(1);
  Strings in_order;
  for (int i = 0; i < 20; ++i) {
    in_order.push_back(std::to_string(i));
    pair.Call(in_order.back());
  }
  pair.queue.RunFor(absl::Seconds(1));
  REQUIRE(pair.served.size() == in_order.size());
  REQUIRE(pair.served != in_order);
}

TEST_CASE("a call that is not answered ends at its time limit, once", "[simulation]") {
  Pair pair(1);
  pair.work = absl::Seconds(4);
  pair.Call("a");
  pair.queue.RunFor(absl::Seconds(2));
  REQUIRE(pair.said.empty());
  pair.queue.RunFor(absl::Seconds(10));
  REQUIRE(Says(pair.said, "DEADLINE_EXCEEDED"));
  REQUIRE(pair.served.size() == 1);
}

TEST_CASE("where nobody listens the caller is told", "[simulation]") {
  Pair pair(1);
  pair.calls.Kill(kServer);
  pair.Call("a");
  pair.queue.RunFor(absl::Seconds(1));
  REQUIRE(Says(pair.said, "UNAVAILABLE"));
  REQUIRE(pair.served.empty());
}

TEST_CASE("a killed process breaks its calls, a vanished machine says nothing", "[simulation]") {
  Pair pair(1);
  pair.work = absl::InfiniteDuration();
  pair.Call("a");
  pair.queue.RunFor(absl::Seconds(1));
  const bool is_silent = GENERATE(false, true);
  pair.queue.Kill(kServer);
  if (is_silent) {
    pair.calls.Vanish(kServer);
  } else {
    pair.calls.Kill(kServer);
  }
  pair.queue.RunFor(absl::Seconds(1));
  REQUIRE(pair.said.size() == (is_silent ? 0 : 1));
  pair.queue.RunFor(absl::Seconds(3));
  REQUIRE(Says(pair.said, is_silent ? "DEADLINE_EXCEEDED" : "UNAVAILABLE"));

  // Whoever starts there again is reached.
  pair.said.clear();
  pair.work = absl::ZeroDuration();
  pair.calls.Listen(kServer, "server");
  pair.Call("b");
  pair.queue.RunFor(absl::Seconds(1));
  REQUIRE(pair.said == Strings{"re: b"});
}

TEST_CASE("nothing of a killed caller's calls reaches its next life", "[simulation]") {
  Pair pair(1);
  pair.Call("a");
  while (pair.served.empty()) pair.queue.RunOne();
  pair.queue.Kill(kCaller);
  pair.calls.Kill(kCaller);
  REQUIRE(pair.calls.under_way() == 0);
  pair.queue.RunFor(absl::Seconds(10));
  REQUIRE(pair.said.empty());
}

TEST_CASE("a cut holds requests and answers, which then come late", "[simulation]") {
  Pair pair(1);
  const bool is_answer = GENERATE(false, true);
  if (is_answer) {
    pair.network.Cut(kServer, kCaller);
  } else {
    pair.network.Cut(kCaller, kServer);
  }
  pair.Call("a");
  pair.queue.RunFor(absl::Seconds(2));
  REQUIRE(pair.served.size() == (is_answer ? 1 : 0));
  REQUIRE(pair.said.empty());
  SECTION("in time") {
    pair.network.Heal();
    pair.queue.RunFor(absl::Seconds(2));
    REQUIRE(pair.said == Strings{"re: a"});
    REQUIRE(pair.calls.counters().late == 0);
  }
  SECTION("after the call has ended: the request is served all the same") {
    pair.queue.RunFor(absl::Seconds(2));
    REQUIRE(Says(pair.said, "DEADLINE_EXCEEDED"));
    pair.network.Heal();
    pair.queue.RunFor(absl::Seconds(2));
    REQUIRE(pair.served.size() == 1);
    REQUIRE(pair.said.size() == 1);
    REQUIRE(pair.calls.counters().late == (is_answer ? 0 : 1));
  }
  SECTION("never, if nobody heals it") {
    pair.queue.RunFor(absl::Seconds(30));
    pair.network.Heal();
    pair.queue.RunFor(absl::Seconds(30));
    REQUIRE(pair.served.size() == (is_answer ? 1 : 0));
    REQUIRE(pair.said.size() == 1);
  }
}

TEST_CASE("every call ends once, whatever is lost or late", "[simulation]") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Pair pair(seed);
    pair.calls.set_options({.late_per_mille = 100, .lost_per_mille = 100});
    for (int i = 0; i < 200; ++i) {
      pair.Call(std::to_string(i));
      pair.queue.RunFor(absl::Milliseconds(5));
    }
    pair.queue.RunFor(absl::Seconds(30));
    REQUIRE(pair.said.size() == 200);
    REQUIRE(pair.served.size() < 200);
    REQUIRE(pair.calls.under_way() == 0);
    REQUIRE(pair.calls.counters().late > 0);
  }
}

TEST_CASE("commands reach the store at their address, and calls the driver", "[simulation]") {
  Pair pair(1);
  Services services;
  services.stores["server"] = [](kv::v1::Command command, client::KvNetwork::Done done) {
    kv::v1::CommandResult result;
    result.mutable_get()->mutable_found()->set_value("value of " + command.get().key());
    done(result);
  };
  auto network = std::make_unique<SimKvNetwork>(pair.calls, services, kCaller);
  kv::v1::Command command;
  command.mutable_get()->set_key("k");
  std::string said;
  network->Call("server", command, absl::Seconds(1), [&](auto result) {
    said = result.ok() ? result->get().found().value() : "failed";
  });
  network.reset();  // Its command is on the way, and needs it no more.
  pair.queue.RunFor(absl::Seconds(2));
  REQUIRE(said == "value of k");

  // A driver that is down answers nobody.
  SimPdClient driver(pair.calls, services, kCaller);
  pair.calls.Listen(kServer, kDriverAddress);
  driver.Tso({}, [&](auto response) { said = response.status().ToString(); });
  pair.queue.RunFor(absl::Seconds(10));
  REQUIRE(said.find("DEADLINE_EXCEEDED") != std::string::npos);
}

}  // namespace nokv::simulation
