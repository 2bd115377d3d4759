#include "tests/simulation/event_queue.h"

#include "tests/simulation/host.h"

#include <catch2/catch.hpp>

#include <vector>

namespace nokv::simulation {
namespace {

TEST_CASE("events happen in the order of their time, then of their making", "[simulation]") {
  EventQueue queue(1);
  std::vector<int> order;
  queue.After(kWorld, absl::Seconds(2), [&] { order.push_back(3); });
  queue.After(kWorld, absl::Seconds(1), [&] { order.push_back(1); });
  queue.After(kWorld, absl::Seconds(1), [&] { order.push_back(2); });
  queue.RunFor(absl::Milliseconds(1500));
  REQUIRE(order == std::vector<int>{1, 2});
  REQUIRE(queue.now_nanos() == 1'500'000'000);
  REQUIRE(queue.RunOne());
  REQUIRE(order == std::vector<int>{1, 2, 3});
  REQUIRE_FALSE(queue.RunOne());
}

TEST_CASE("nothing happens for a killed host, but for its next life", "[simulation]") {
  EventQueue queue(1);
  std::vector<int> order;
  queue.After(5, absl::Seconds(1), [&] { order.push_back(1); });
  queue.After(6, absl::Seconds(1), [&] { order.push_back(2); });
  queue.Kill(5);
  queue.After(5, absl::Seconds(1), [&] { order.push_back(3); });
  queue.RunFor(absl::Seconds(2));
  REQUIRE(order == std::vector<int>{2, 3});
}

TEST_CASE("what happens to a paused host happens afterwards, in its order", "[simulation]") {
  EventQueue queue(1);
  std::vector<int> order;
  queue.After(5, absl::Seconds(1), [&] { order.push_back(1); });
  queue.After(5, absl::Seconds(2), [&] { order.push_back(2); });
  queue.After(6, absl::Seconds(2), [&] { order.push_back(3); });
  queue.After(5, absl::Seconds(4), [&] { order.push_back(4); });
  queue.Pause(5, absl::Seconds(3));
  queue.RunFor(absl::Milliseconds(2999));
  REQUIRE(order == std::vector<int>{3});
  queue.RunFor(absl::Milliseconds(1));
  REQUIRE(order == std::vector<int>{3, 1, 2});
  queue.RunFor(absl::Seconds(1));
  REQUIRE(order == std::vector<int>{3, 1, 2, 4});
  // A process that is killed leaves its pause behind.
  queue.Pause(5, absl::Seconds(10));
  queue.Kill(5);
  queue.After(5, absl::Seconds(1), [&] { order.push_back(5); });
  queue.RunFor(absl::Seconds(1));
  REQUIRE(order.back() == 5);
}

TEST_CASE("time that passes while nobody runs makes events late, not lost", "[simulation]") {
  EventQueue queue(1);
  SimClock clock(queue);
  uint64_t at = 0;
  queue.After(kWorld, absl::Seconds(1), [&] { at = clock.MonotonicNanos(); });
  clock.SleepFor(absl::Seconds(3));
  REQUIRE(at == 0);
  queue.RunFor(absl::Seconds(1));
  REQUIRE(at == 3'000'000'000);
}

TEST_CASE("clocks of hosts differ in rate and date, and none goes back", "[simulation]") {
  EventQueue queue(1);
  SimClock fast(queue, 1'000'000);
  SimClock slow(queue, 2'000'000);
  fast.set_rate_ppm(500);
  slow.set_rate_ppm(-500);
  uint64_t last = 0;
  for (int i = 0; i < 5'000; ++i) {
    queue.Pass(absl::Nanoseconds(queue.random().Uniform(3'000)));
    REQUIRE(slow.MonotonicNanos() >= last);
    last = slow.MonotonicNanos();
  }
  queue.Pass(absl::Seconds(1000) - absl::Nanoseconds(queue.now_nanos()));
  REQUIRE(fast.MonotonicNanos() == 1'000'500'000'000);
  REQUIRE(slow.MonotonicNanos() == 999'500'000'000);
  fast.set_rate_ppm(0);
  queue.Pass(absl::Seconds(1));
  REQUIRE(fast.MonotonicNanos() == 1'001'500'000'000);
  fast.JumpWall(-5'000);
  REQUIRE(fast.WallMillis() == 1'000'000 + 1'001'500 - 5'000);
}

TEST_CASE("an executor's tasks run later, in order of priority, and help is possible",
          "[simulation]") {
  EventQueue queue(1);
  SimExecutor executor(queue, 1, {});
  std::vector<int> order;
  for (const int i : {1, 2, 3}) {
    executor.Submit(Priority::kLow, [&, i] { order.push_back(10 + i); });
    executor.Submit(Priority::kHigh, [&, i] { order.push_back(i); });
  }
  REQUIRE(order.empty());
  REQUIRE(executor.HelpOnce());
  REQUIRE(order == std::vector<int>{1});
  queue.RunFor(absl::Seconds(1));
  REQUIRE(order == std::vector<int>{1, 2, 3, 11, 12, 13});
  REQUIRE_FALSE(executor.HelpOnce());
}

TEST_CASE("a shuffled executor finds other orders, the same for the same seed", "[simulation]") {
  const auto run = [](uint64_t seed) {
    EventQueue queue(seed);
    SimExecutor executor(queue, 1, {.is_shuffled = true});
    std::vector<int> order;
    for (int i = 0; i < 8; ++i) {
      executor.Submit(Priority::kHigh, [&order, i] { order.push_back(i); });
    }
    queue.RunFor(absl::Seconds(1));
    REQUIRE(order.size() == 8);
    return std::make_pair(order, queue.trace());
  };
  REQUIRE(run(1) == run(1));
  REQUIRE(run(1).first != run(2).first);
  REQUIRE(run(1).second != run(2).second);
}

}  // namespace
}  // namespace nokv::simulation
