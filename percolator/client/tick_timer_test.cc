#include "percolator/client/tick_timer.h"

#include <catch2/catch.hpp>

#include <string>

namespace nokv::client {
namespace {

TEST_CASE("a tick runs what is due, in order of time, and nothing else", "[client]") {
  ManualClock clock;
  ManualExecutor executor;
  TickTimer timer(clock, executor);
  std::string ran;
  timer.After(absl::Milliseconds(20), [&] { ran += 'c'; });
  timer.After(absl::Milliseconds(10), [&] { ran += 'a'; });
  timer.After(absl::Milliseconds(10), [&] { ran += 'b'; });
  timer.After(absl::Milliseconds(21), [&] { ran += 'd'; });

  timer.Tick();
  executor.RunUntilIdle();
  REQUIRE(ran.empty());

  clock.Advance(absl::Milliseconds(20));
  REQUIRE(ran.empty());
  timer.Tick();
  executor.RunUntilIdle();
  REQUIRE(ran == "abc");
  REQUIRE(timer.waiting() == 1);
}

TEST_CASE("a task may ask for the next tick, which is not this one", "[client]") {
  ManualClock clock;
  ManualExecutor executor;
  TickTimer timer(clock, executor);
  int ran = 0;
  timer.After(absl::ZeroDuration(), [&] {
    ++ran;
    timer.After(absl::ZeroDuration(), [&] { ++ran; });
  });
  timer.Tick();
  executor.RunUntilIdle();
  REQUIRE(ran == 1);
  timer.Tick();
  executor.RunUntilIdle();
  REQUIRE(ran == 2);
}

}  // namespace
}  // namespace nokv::client
