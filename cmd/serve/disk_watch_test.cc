#include "cmd/serve/disk_watch.h"

#include <catch2/catch.hpp>

namespace nokv::serve {

TEST_CASE("what was known of the disk stays while looking fails or hangs", "[serve]") {
  ManualExecutor executor;
  absl::StatusOr<store::DiskSpace> found = UnavailableError("statvfs failed");
  int looks = 0;
  DiskWatch watch(
      [&] {
        ++looks;
        return found;
      },
      executor);
  watch.Start();
  executor.RunUntilIdle();
  REQUIRE(looks == 1);
  REQUIRE_FALSE(watch.status().ok());
  REQUIRE(watch.latest().available_bytes == UINT64_MAX);  // No disk is full because nobody knows.

  found = store::DiskSpace{.capacity_bytes = 100, .available_bytes = 40};
  watch.Start();
  executor.RunUntilIdle();
  REQUIRE(watch.status().ok());
  REQUIRE(watch.latest().available_bytes == 40);

  found = UnavailableError("statvfs failed");
  watch.Start();
  watch.Start();  // The first one hangs: nobody waits for it, and no second one joins it.
  REQUIRE(looks == 2);
  REQUIRE(watch.latest().available_bytes == 40);
  executor.RunUntilIdle();
  REQUIRE(looks == 3);
  REQUIRE_FALSE(watch.status().ok());
  REQUIRE(watch.latest().available_bytes == 40);
  REQUIRE(watch.latest().capacity_bytes == 100);
}

TEST_CASE("a process that ends waits for a look, but not for ever", "[serve]") {
  ManualExecutor executor;
  ManualClock clock;
  DiskWatch watch([] { return UnavailableError("statvfs failed"); }, executor);
  REQUIRE(watch.EndsWithin(absl::ZeroDuration(), clock));
  watch.Start();
  REQUIRE_FALSE(watch.EndsWithin(absl::Seconds(5), clock));
  REQUIRE(clock.MonotonicNanos() == 5'000'000'000);
  executor.RunUntilIdle();
  REQUIRE(watch.EndsWithin(absl::Seconds(5), clock));
  REQUIRE(clock.MonotonicNanos() == 5'000'000'000);
}

}  // namespace nokv::serve
