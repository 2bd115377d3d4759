#include "engine/base/status.h"

#include "engine/base/clock.h"

#include <catch2/catch.hpp>

#include <cerrno>
#include <memory>
#include <string>

namespace nokv {
namespace {

absl::StatusOr<int> Half(int number) {
  if (number % 2 != 0) return InvalidArgumentError("{} is odd", number);
  return number / 2;
}

absl::StatusOr<int> Quarter(int number) {
  ASSIGN_OR_RETURN(const int half, Half(number));
  ASSIGN_OR_RETURN(int quarter, Half(half));
  return quarter;
}

absl::Status CheckQuarter(int number) {
  RETURN_IF_ERROR(Quarter(number).status());
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<int>> Boxed(int number) {
  ASSIGN_OR_RETURN(const std::unique_ptr<int> half,
                   absl::StatusOr<std::unique_ptr<int>>(std::make_unique<int>(number)));
  return std::make_unique<int>(*half);
}

TEST_CASE("a factory formats its message", "[base][status]") {
  const absl::Status status = DataLossError("{}: bad checksum at {}", "000001.log", 4096);
  REQUIRE(absl::IsDataLoss(status));
  REQUIRE(status.message() == "000001.log: bad checksum at 4096");
}

TEST_CASE("the macros pass a failure up and a value on", "[base][status]") {
  REQUIRE(Quarter(8).value() == 2);
  REQUIRE(Quarter(7).status().message() == "7 is odd");
  REQUIRE(Quarter(6).status().message() == "3 is odd");
  REQUIRE(CheckQuarter(4).ok());
  REQUIRE(absl::IsInvalidArgument(CheckQuarter(2)));
  REQUIRE(**Boxed(3) == 3);
}

TEST_CASE("errno becomes the code a caller can act on", "[base][status]") {
  REQUIRE(absl::IsResourceExhausted(ErrnoStatus(ENOSPC, "append to", "f")));
  REQUIRE(absl::IsResourceExhausted(ErrnoStatus(EDQUOT, "append to", "f")));
  REQUIRE(absl::IsNotFound(ErrnoStatus(ENOENT, "open", "f")));
  REQUIRE(absl::IsAlreadyExists(ErrnoStatus(EEXIST, "create", "f")));
  REQUIRE(absl::IsAlreadyExists(ErrnoStatus(ENOTDIR, "list", "f")));
  REQUIRE(absl::IsPermissionDenied(ErrnoStatus(EROFS, "create", "f")));
  for (const int error : {EACCES, EPERM}) {
    const absl::Status denied = ErrnoStatus(error, "open", "db/LOCK");
    REQUIRE(absl::IsPermissionDenied(denied));
    REQUIRE_THAT(std::string(denied.message()), Catch::StartsWith("open db/LOCK: "));
    REQUIRE_THAT(std::string(denied.message()), Catch::Contains("run as the owner"));
  }
  const absl::Status status = ErrnoStatus(EIO, "sync", "000001.log");
  REQUIRE(absl::IsInternal(status));
  REQUIRE(status.message() == "sync 000001.log: Input/output error (errno 5)");
}

TEST_CASE("a manual clock moves when told to or slept on", "[base][clock]") {
  ManualClock clock(1'000);
  clock.Advance(absl::Milliseconds(5));
  clock.SleepFor(absl::Microseconds(2500));
  REQUIRE(clock.MonotonicNanos() == 7'500'000);
  REQUIRE(clock.WallMillis() == 1'007);
}

TEST_CASE("the machine's clock never steps backwards", "[base][clock]") {
  const uint64_t before = SystemClock().MonotonicNanos();
  REQUIRE(SystemClock().MonotonicNanos() >= before);
  REQUIRE(SystemClock().WallMillis() > 1'600'000'000'000);
}

}  // namespace
}  // namespace nokv
