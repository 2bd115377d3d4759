#include "pd/id/id_allocator.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <thread>
#include <vector>

namespace nokv::pd {
namespace {

struct Disk {
  uint64_t ceiling = 0;
  int saves = 0;

  Ceiling::Save Saver() {
    return [this](uint64_t value) {
      ceiling = value;
      ++saves;
      return absl::OkStatus();
    };
  }
};

TEST_CASE("one save serves a thousand ids", "[pd][id]") {
  Disk disk;
  IdAllocator ids(0, 1, disk.Saver());
  for (uint64_t i = 1; i <= 1000; ++i) REQUIRE(*ids.Take(1) == i);
  REQUIRE(disk.saves == 1);
  REQUIRE(*ids.Take(5000) == 1001);
  REQUIRE(disk.ceiling >= 6001);
}

TEST_CASE("a restart goes on above everything given", "[pd][id]") {
  Disk disk;
  uint64_t last = 0;
  for (int life = 0; life < 5; ++life) {
    IdAllocator ids(disk.ceiling, 1, disk.Saver());
    const uint64_t first = *ids.Take(10);
    REQUIRE(first > last);
    last = first + 9;
  }
}

TEST_CASE("ids start where asked, but never below what was given", "[pd][id]") {
  Disk disk;
  REQUIRE(*IdAllocator(0, 500, disk.Saver()).Take(1) == 500);
  const uint64_t ceiling = disk.ceiling;
  REQUIRE(*IdAllocator(ceiling, 1, disk.Saver()).Take(1) == ceiling);
}

TEST_CASE("an id that somebody else chose is never given, not even after a restart", "[pd][id]") {
  Disk disk;
  {
    IdAllocator ids(0, 1, disk.Saver());
    REQUIRE(ids.Observe(5).ok());
    REQUIRE(*ids.Take(1) == 6);
    REQUIRE(ids.Observe(2).ok());
    REQUIRE(*ids.Take(1) == 7);
    REQUIRE(ids.Observe(5000).ok());
  }
  REQUIRE(*IdAllocator(disk.ceiling, 1, disk.Saver()).Take(1) > 5000);
}

TEST_CASE("ids that could not be saved are not given", "[pd][id]") {
  IdAllocator ids(0, 1, [](uint64_t) { return absl::UnavailableError("no disk"); });
  REQUIRE(absl::IsUnavailable(ids.Take(1).status()));
  REQUIRE(absl::IsUnavailable(ids.Observe(7)));
}

TEST_CASE("senseless requests for ids are refused", "[pd][id]") {
  Disk disk;
  IdAllocator ids(0, 1, disk.Saver());
  REQUIRE(absl::IsInvalidArgument(ids.Take(0).status()));
  REQUIRE(absl::IsInvalidArgument(ids.Take(kIdsPerCallMax + 1).status()));
}

TEST_CASE("ids end, but not because somebody claims to have the last one", "[pd][id]") {
  Disk disk;
  IdAllocator ids(0, 1, disk.Saver());
  REQUIRE(absl::IsInvalidArgument(ids.Observe(kChosenIdMax + 1)));
  REQUIRE(*ids.Take(1) == 1);
  REQUIRE(ids.Observe(kChosenIdMax).ok());
  REQUIRE(*ids.Take(1) == kChosenIdMax + 1);
  REQUIRE(ids.Observe(kChosenIdMax + 1).ok());  // It was given.
  IdAllocator last(uint64_t{1} << 62, 1, disk.Saver());
  REQUIRE(absl::IsResourceExhausted(last.Take(1).status()));
}

TEST_CASE("concurrent callers get different ids", "[pd][id]") {
  Disk disk;
  IdAllocator ids(0, 1, disk.Saver());
  std::vector<std::vector<uint64_t>> taken(4);
  std::vector<std::thread> threads;
  for (auto& mine : taken) {
    threads.emplace_back([&ids, &mine] {
      for (int i = 0; i < 3000; ++i) mine.push_back(*ids.Take(1));
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<uint64_t> all;
  for (const auto& mine : taken) all.insert(all.end(), mine.begin(), mine.end());
  std::sort(all.begin(), all.end());
  REQUIRE(std::adjacent_find(all.begin(), all.end()) == all.end());
  REQUIRE(all.size() == 12'000);
  REQUIRE(disk.ceiling > all.back());
}

}  // namespace
}  // namespace nokv::pd
