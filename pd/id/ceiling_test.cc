#include "pd/id/ceiling.h"

#include <catch2/catch.hpp>

#include <atomic>
#include <thread>
#include <vector>

namespace nokv::pd {
namespace {

TEST_CASE("a ceiling is saved once for all who need no more than it", "[pd][id]") {
  std::vector<uint64_t> saves;
  Ceiling ceiling(100, [&](uint64_t value) {
    saves.push_back(value);
    return absl::OkStatus();
  });
  REQUIRE(ceiling.RaiseTo(100).ok());
  REQUIRE(saves.empty());
  REQUIRE(ceiling.RaiseTo(200).ok());
  REQUIRE(ceiling.RaiseTo(150).ok());
  REQUIRE(saves == std::vector<uint64_t>{200});
  REQUIRE(ceiling.saved() == 200);
}

TEST_CASE("a ceiling that could not be saved is not used", "[pd][id]") {
  bool is_broken = true;
  Ceiling ceiling(0, [&](uint64_t) {
    return is_broken ? absl::UnavailableError("no disk") : absl::OkStatus();
  });
  REQUIRE(absl::IsUnavailable(ceiling.RaiseTo(10)));
  REQUIRE(ceiling.saved() == 0);
  is_broken = false;
  REQUIRE(ceiling.RaiseTo(10).ok());
}

TEST_CASE("a saved ceiling never regresses under concurrent callers", "[pd][id]") {
  std::atomic<uint64_t> disk{0};
  std::atomic<int> saving{0};
  std::atomic<bool> is_wrong{false};
  Ceiling ceiling(0, [&](uint64_t value) {
    if (saving.fetch_add(1) != 0) is_wrong = true;
    std::this_thread::yield();
    if (value <= disk.exchange(value)) is_wrong = true;
    saving.fetch_sub(1);
    return absl::OkStatus();
  });
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t value = t; value < 2000; value += 4) {
        if (!ceiling.RaiseTo(value).ok() || disk.load() < value) is_wrong = true;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE_FALSE(is_wrong.load());
  REQUIRE(disk.load() == ceiling.saved());
}

}  // namespace
}  // namespace nokv::pd
