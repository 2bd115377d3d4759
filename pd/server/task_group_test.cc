#include "pd/server/task_group.h"

#include <catch2/catch.hpp>

#include <atomic>
#include <memory>

namespace nokv::pd {
namespace {

TEST_CASE("a task that was not started before its group closed never runs", "[pd][server]") {
  ManualExecutor executor;
  int run = 0;
  {
    TaskGroup tasks(executor);
    tasks.Submit(Priority::kLow, [&run] { ++run; });
    REQUIRE(executor.RunOne());
    tasks.Submit(Priority::kLow, [&run] { ++run; });
  }
  executor.RunUntilIdle();
  REQUIRE(run == 1);
}

TEST_CASE("closing a group waits for the tasks that are running", "[pd][server]") {
  const std::unique_ptr<Executor> pool = NewThreadPool(2);
  for (int round = 0; round < 200; ++round) {
    auto used = std::make_unique<std::atomic<int>>(0);
    {
      TaskGroup tasks(*pool);
      for (int i = 0; i < 4; ++i) {
        tasks.Submit(Priority::kHigh, [counter = used.get()] { ++*counter; });
      }
    }
    REQUIRE(used->load() <= 4);
    used.reset();  // A task that still ran would be found by a sanitizer.
  }
}

}  // namespace
}  // namespace nokv::pd
