// Transports under everything that a network does, from seeds; transport.h says what must hold.
#include "tests/simulation/transport_cluster.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace nokv::simulation {
namespace {

using transport::Lane;
using transport::LaneStatus;
using transport::StoreId;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// NOKV_TRANSPORT_SEEDS: how many; NOKV_TRANSPORT_FIRST_SEED: where to begin, to repeat one.
uint64_t Seeds() {
  const char* const scale = std::getenv("NOKV_TEST_SCALE");
  const bool is_long = scale != nullptr && std::string_view(scale) == "long";
  return FromEnvironment("NOKV_TRANSPORT_SEEDS", is_long ? 3'000 : 60);
}

// Small enough that bounds are met.
transport::Options SmallOptions() {
  return {.queue_messages_max = 500, .queue_bytes_max = 1 << 20};
}

// Each run has some of the faults, and each of them in another measure.
NetworkOptions SomeFaults(Random& random) {
  NetworkOptions options;
  if (random.OneIn(2)) options.late_per_mille = static_cast<uint32_t>(random.Uniform(100));
  if (random.OneIn(2)) options.break_per_mille = static_cast<uint32_t>(random.Uniform(20));
  if (random.OneIn(2)) options.half_open_per_mille = static_cast<uint32_t>(random.Uniform(600));
  if (random.OneIn(2)) options.damage_per_mille = static_cast<uint32_t>(random.Uniform(10));
  if (random.OneIn(2)) options.repeat_per_mille = static_cast<uint32_t>(random.Uniform(800));
  if (random.OneIn(3)) options.bytes_per_second = 100'000 + random.Uniform(5'000'000);
  if (random.OneIn(3)) options.buffer_bytes = 4 << 10;
  return options;
}

StoreId AnyStore(TransportCluster& cluster) {
  return 1 + cluster.queue().random().Uniform(cluster.stores());
}

void SaySomething(TransportCluster& cluster) {
  Random& random = cluster.queue().random();
  const Lane lane = random.OneIn(2) ? Lane::kAppend : Lane::kControl;
  const size_t count = random.OneIn(50) ? 400 : 1 + random.Uniform(8);
  const size_t bytes = random.OneIn(100) ? 100'000 : random.Uniform(1500);
  cluster.Say(AnyStore(cluster), AnyStore(cluster), lane, count, bytes);
}

void DoHarm(TransportCluster& cluster) {
  Random& random = cluster.queue().random();
  const StoreId a = AnyStore(cluster);
  const StoreId b = AnyStore(cluster);
  switch (random.Uniform(8)) {
    case 0:
      cluster.network().Cut(a, b);
      cluster.network().Cut(b, a);
      break;
    case 1:
      cluster.network().Cut(a, b);  // One way.
      break;
    case 2:
      for (StoreId other = 1; other <= cluster.stores(); ++other) {  // A black hole.
        cluster.network().Cut(a, other);
        cluster.network().Cut(other, a);
      }
      break;
    case 3:
      cluster.Restart(a, random.OneIn(2),
                      cluster.queue().Between(absl::Milliseconds(1), absl::Seconds(3)));
      break;
    case 4:
      cluster.Move(a);
      break;
    case 5:
      cluster.set_pd_is_up(random.OneIn(2));
      break;
    default:
      cluster.network().Heal();
  }
}

void Heal(TransportCluster& cluster) {
  cluster.network().Heal();
  cluster.network().set_options({});
  cluster.set_pd_is_up(true);
}

// Whatever was wrong is found out within keep-alive, a time limit and a pause; then every way
// works.
std::string WhatDoesNotFlow(TransportCluster& cluster) {
  const auto everybody = [&](auto action) {
    for (StoreId from = 1; from <= cluster.stores(); ++from) {
      for (StoreId to = 1; to <= cluster.stores(); ++to) {
        if (from != to) action(from, to);
      }
    }
  };
  for (int second = 0; second < 40; ++second) {
    everybody([&](StoreId from, StoreId to) {
      cluster.Say(from, to, Lane::kControl, 1, 0);
      cluster.Say(from, to, Lane::kAppend, 1, 100);
    });
    cluster.queue().RunFor(absl::Seconds(1));
  }
  std::map<std::pair<StoreId, StoreId>, uint64_t> before;
  everybody([&](StoreId from, StoreId to) {
    before[{from, to}] = cluster.Delivered(from, to);
    cluster.Say(from, to, Lane::kControl, 10, 0);
    cluster.Say(from, to, Lane::kAppend, 10, 100);
  });
  cluster.queue().RunFor(absl::Seconds(2));
  std::string text;
  everybody([&](StoreId from, StoreId to) {
    const uint64_t delivered = cluster.Delivered(from, to) - before[{from, to}];
    if (delivered != 20) text += fmt::format(" {}>{}: {} of 20;", from, to, delivered);
  });
  return text;
}

struct Result {
  uint64_t trace = 0;
  uint64_t events = 0;
  Ledger ledger;
  NetworkCounters network;
  std::string stuck;
};

Result Run(uint64_t seed, absl::Duration duration) {
  Random random(seed);
  const size_t stores = random.OneIn(2) ? 2 : 5;
  TransportCluster cluster(seed, stores, SmallOptions(), SomeFaults(random));
  EventQueue& queue = cluster.queue();
  const auto end = queue.now_nanos() + static_cast<uint64_t>(absl::ToInt64Nanoseconds(duration));
  while (queue.now_nanos() < end && cluster.ledger().violation.empty()) {
    SaySomething(cluster);
    if (queue.random().OneIn(150)) DoHarm(cluster);
    queue.RunFor(queue.Between(absl::Milliseconds(1), absl::Milliseconds(20)));
  }
  Heal(cluster);
  Result result;
  result.stuck = WhatDoesNotFlow(cluster);
  result.trace = queue.trace();
  result.events = queue.events();
  result.ledger = cluster.ledger();
  result.network = cluster.network().counters();
  return result;
}

TEST_CASE("what arrives was sent, once and in order, and all flows again after healing",
          "[transport][simulation]") {
  const uint64_t first = FromEnvironment("NOKV_TRANSPORT_FIRST_SEED", 1);
  const uint64_t seeds = Seeds();
  Result total;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    const Result result = Run(seed, absl::Seconds(30));
    INFO("seed " << seed << ": " << result.ledger.violation << result.stuck);
    REQUIRE(result.ledger.violation.empty());
    REQUIRE(result.stuck.empty());
    // A larger message than the bound may stand alone in a queue; here none is.
    REQUIRE(result.ledger.waiting_messages_peak <= SmallOptions().queue_messages_max);
    REQUIRE(result.ledger.waiting_bytes_peak <= SmallOptions().queue_bytes_max);
    total.events += result.events;
    total.ledger.sent_count += result.ledger.sent_count;
    total.ledger.delivered_count += result.ledger.delivered_count;
    total.ledger.undelivered_reports += result.ledger.undelivered_reports;
    total.network.opened += result.network.opened;
    total.network.broken += result.network.broken;
    total.network.half_open += result.network.half_open;
    total.network.damaged += result.network.damaged;
    total.network.repeated += result.network.repeated;
    total.network.delivered += result.network.delivered;
  }
  fmt::print(
      "{} seeds: {} events, {} messages sent, {} delivered, {} reports; {} streams, {} broken, {} "
      "half-open, {} frames delivered, {} damaged, {} repeated\n",
      seeds, total.events, total.ledger.sent_count, total.ledger.delivered_count,
      total.ledger.undelivered_reports, total.network.opened, total.network.broken,
      total.network.half_open, total.network.delivered, total.network.damaged,
      total.network.repeated);
  CHECK(total.ledger.delivered_count > seeds * 1000);
  if (seeds >= 20) {
    CHECK(total.network.half_open > 0);
    CHECK(total.network.damaged > 0);
    CHECK(total.network.repeated > 0);
  }
}

TEST_CASE("the same seed gives the same history of transports", "[transport][simulation]") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const Result once = Run(seed, absl::Seconds(10));
    const Result again = Run(seed, absl::Seconds(10));
    INFO("seed " << seed);
    REQUIRE(once.trace == again.trace);
    REQUIRE(once.events == again.events);
    REQUIRE(once.ledger.delivered_count == again.ledger.delivered_count);
    REQUIRE(once.trace != Run(seed + 1000, absl::Seconds(10)).trace);
  }
}

// Fault 9 of the predecessor: each message was a call of its own, sent from the loop that makes
// proposals; and its bug 34: a store that did not answer held up the ticks of all regions.
TEST_CASE("a dead, a black-holed and a stuck store slow nobody else", "[transport][simulation]") {
  enum class Harm { kNone, kDead, kBlackHole, kStuck };
  for (const Harm harm : {Harm::kNone, Harm::kDead, Harm::kBlackHole, Harm::kStuck}) {
    INFO("harm " << static_cast<int>(harm));
    NetworkOptions network;
    network.latency_min = network.latency_max = absl::Milliseconds(1);
    TransportCluster cluster(7, 3, SmallOptions(), network);
    cluster.Say(1, 2, Lane::kControl, 1, 0);
    cluster.Say(1, 3, Lane::kControl, 1, 0);
    cluster.queue().RunFor(absl::Seconds(1));
    if (harm == Harm::kDead) cluster.Restart(3, /*machine_dies=*/false, absl::Hours(1));
    if (harm == Harm::kBlackHole) cluster.Restart(3, /*machine_dies=*/true, absl::Hours(1));
    if (harm == Harm::kStuck) cluster.network().Cut(1, 3);
    // Every millisecond something for both, and after each what was said before is there.
    for (int i = 0; i < 20'000; ++i) {
      cluster.Say(1, 3, Lane::kAppend, 1, 1000);
      cluster.Say(1, 2, Lane::kAppend, 1, 1000);
      cluster.queue().RunFor(absl::Milliseconds(1));
    }
    cluster.queue().RunFor(absl::Milliseconds(20));
    REQUIRE(cluster.ledger().violation.empty());
    REQUIRE(cluster.Delivered(1, 2) == 20'001);
    REQUIRE((cluster.Delivered(1, 3) == 20'001) == (harm == Harm::kNone));
    for (const LaneStatus& lane : cluster.TransportOf(1).lanes()) {
      REQUIRE(lane.waiting_messages <= SmallOptions().queue_messages_max);
      // Twenty seconds of pauses of 100 ms and more, soon of seconds.
      REQUIRE(lane.attempts <= 20);
      if (lane.to == 2) REQUIRE(lane.attempts == 1);
    }
  }
}

TEST_CASE("a store that moved is found through PD", "[transport][simulation]") {
  TransportCluster cluster(11, 2, SmallOptions(), {});
  cluster.Say(1, 2, Lane::kControl, 1, 0);
  cluster.queue().RunFor(absl::Seconds(1));
  REQUIRE(cluster.Delivered(1, 2) == 1);
  cluster.Restart(2, /*machine_dies=*/false, absl::Milliseconds(10));
  cluster.Move(2);
  for (int i = 0; i < 10; ++i) {
    cluster.Say(1, 2, Lane::kControl, 1, 0);
    cluster.queue().RunFor(absl::Milliseconds(500));
  }
  REQUIRE(cluster.Delivered(1, 2) >= 9);
}

TEST_CASE("stores find each other again while PD is away", "[transport][simulation]") {
  TransportCluster cluster(12, 2, SmallOptions(), {});
  cluster.Say(1, 2, Lane::kControl, 1, 0);
  cluster.queue().RunFor(absl::Seconds(1));
  cluster.set_pd_is_up(false);
  cluster.Restart(2, /*machine_dies=*/false, absl::Milliseconds(10));
  for (int i = 0; i < 10; ++i) {
    cluster.Say(1, 2, Lane::kControl, 1, 0);
    cluster.queue().RunFor(absl::Milliseconds(500));
  }
  REQUIRE(cluster.Delivered(1, 2) >= 9);
}

}  // namespace
}  // namespace nokv::simulation
