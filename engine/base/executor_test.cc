#include "engine/base/executor.h"

#include <catch2/catch.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <thread>
#include <vector>

namespace nokv {
namespace {

TEST_CASE("a pool runs everything before it is destroyed", "[base][executor]") {
  for (const int thread_count : {1, 4}) {
    std::atomic<int> run{0};
    auto pool = NewThreadPool(thread_count);
    for (int i = 0; i < 1000; ++i) {
      pool->Submit(i % 2 == 0 ? Priority::kHigh : Priority::kLow, [&] { ++run; });
    }
    pool.reset();
    REQUIRE(run.load() == 1000);
  }
}

TEST_CASE("tasks of one priority start in order, high ones first", "[base][executor]") {
  std::vector<int> order;
  std::atomic<bool> go{false};
  auto pool = NewThreadPool(1);
  pool->Submit(Priority::kHigh, [&] {
    while (!go.load()) std::this_thread::yield();  // Until all others are waiting.
  });
  for (const int i : {1, 2, 3}) {
    pool->Submit(Priority::kLow, [&order, i] { order.push_back(10 + i); });
    pool->Submit(Priority::kHigh, [&order, i] { order.push_back(i); });
  }
  go.store(true);
  pool.reset();
  REQUIRE(order == std::vector<int>{1, 2, 3, 11, 12, 13});
}

TEST_CASE("a task may submit the next step of its job", "[base][executor]") {
  std::atomic<int> steps{0};
  auto pool = NewThreadPool(2);
  std::function<void()> step = [&] {
    if (++steps < 100) pool->Submit(Priority::kLow, step);
  };
  pool->Submit(Priority::kLow, step);
  while (steps.load() < 100) std::this_thread::yield();
  REQUIRE_FALSE(pool->HelpOnce());  // Its own threads do the work.
  pool.reset();
  REQUIRE(steps.load() == 100);
}

TEST_CASE("a manual executor runs nothing by itself, then the oldest first", "[base][executor]") {
  std::vector<int> order;
  ManualExecutor executor;
  for (const int i : {1, 2, 3}) {
    executor.Submit(Priority::kLow, [&, i] {
      order.push_back(i);
      if (i == 1) executor.Submit(Priority::kHigh, [&] { order.push_back(4); });
    });
  }
  REQUIRE(order.empty());
  REQUIRE(executor.RunOne());
  REQUIRE(executor.HelpOnce());
  REQUIRE(order == std::vector<int>{1, 2});
  executor.RunUntilIdle();
  REQUIRE(order == std::vector<int>{1, 2, 3, 4});
  REQUIRE_FALSE(executor.RunOne());
}

TEST_CASE("a seed decides the order, and repeats it", "[base][executor]") {
  const auto run = [](uint64_t seed) {
    Random random(seed);
    ManualExecutor executor(&random);
    std::vector<int> order;
    for (int i = 0; i < 6; ++i)
      executor.Submit(Priority::kLow, [&order, i] { order.push_back(i); });
    executor.RunUntilIdle();
    return order;
  };
  std::set<std::vector<int>> orders;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    REQUIRE(run(seed) == run(seed));
    orders.insert(run(seed));
  }
  REQUIRE(orders.size() > 40);
}

TEST_CASE("a cleared executor forgets what waited", "[base][executor]") {
  bool run = false;
  auto alive = std::make_shared<int>(1);
  ManualExecutor executor;
  executor.Submit(Priority::kHigh, [&run, alive] { run = true; });
  executor.Clear();
  REQUIRE_FALSE(executor.RunOne());
  REQUIRE_FALSE(run);
  REQUIRE(alive.use_count() == 1);
}

}  // namespace
}  // namespace nokv
