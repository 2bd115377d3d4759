#include "benchmark/ycsb/operations.h"

#include "benchmark/ycsb/zipfian.h"

#include <catch2/catch.hpp>

#include <map>
#include <set>
#include <string>

namespace nokv::bench {
namespace {

StreamOptions OptionsFor(std::string_view workload) {
  return {.workload = FindWorkload(workload),
          .records = 10'000,
          .operations = 100'000,
          .threads = 4,
          .seed = 3};
}

TEST_CASE("the sum over ten billion ranks agrees with the published constant", "[bench]") {
  CHECK(Zipfian::Zeta(10'000'000'000) == Approx(26.46902820178302).epsilon(1e-11));
  CHECK(Zipfian::Zeta(2) == Approx(1.5034775).epsilon(1e-6));
}

TEST_CASE("the most popular record gets the share that Zipf's law gives it", "[bench]") {
  const Streams streams = MakeStreams(OptionsFor("C"));
  std::map<uint32_t, int> hits;
  for (const auto& stream : streams.threads) {
    for (const Operation& operation : stream) ++hits[operation.record];
  }
  int most = 0;
  for (const auto& [record, count] : hits) most = std::max(most, count);
  CHECK(most == Approx(100'000 / 26.469).margin(400));
}

TEST_CASE("keys have 23 bytes, are distinct, and depend on the record alone", "[bench]") {
  std::set<std::string> keys;
  char key[kKeyBytes];
  for (uint64_t record = 0; record < 100'000; ++record) {
    FormatKey(record, key);
    keys.emplace(key, kKeyBytes);
  }
  CHECK(keys.size() == 100'000);
  CHECK(keys.begin()->substr(0, 4) == "user");
}

TEST_CASE("the load inserts each record once", "[bench]") {
  StreamOptions options = OptionsFor("load");
  options.records = 0;
  const Streams streams = MakeStreams(options);
  std::set<uint32_t> records;
  for (const auto& stream : streams.threads) {
    for (const Operation& operation : stream) {
      CHECK(operation.kind == OperationKind::kInsert);
      records.insert(operation.record);
    }
  }
  CHECK(records.size() == 100'000);
  CHECK(*records.rbegin() == 99'999);
  CHECK(streams.records_after == 100'000);
}

TEST_CASE("a thread never reads a record that it cannot be sure of", "[bench]") {
  for (const char* name : {"A", "B", "C", "D", "E", "F"}) {
    const StreamOptions options = OptionsFor(name);
    const Streams streams = MakeStreams(options);
    for (const auto& stream : streams.threads) {
      std::set<uint32_t> own;
      for (const Operation& operation : stream) {
        if (operation.kind == OperationKind::kInsert) {
          REQUIRE(operation.record >= options.records);
          own.insert(operation.record);
        } else {
          REQUIRE((operation.record < options.records || own.count(operation.record) == 1));
        }
      }
    }
  }
}

TEST_CASE("each workload has its mix", "[bench]") {
  const Streams streams = MakeStreams(OptionsFor("E"));
  int scans = 0;
  for (const auto& stream : streams.threads) {
    for (const Operation& operation : stream) {
      if (operation.kind != OperationKind::kScan) continue;
      ++scans;
      REQUIRE(operation.rows >= 1);
      REQUIRE(operation.rows <= kScanRowsMax);
    }
  }
  CHECK(scans == Approx(95'000).margin(500));
  CHECK(FindWorkload("G") == nullptr);
  CHECK(FindWorkload("L") == nullptr);
}

TEST_CASE("one seed makes one stream", "[bench]") {
  const Streams first = MakeStreams(OptionsFor("F"));
  const Streams second = MakeStreams(OptionsFor("F"));
  for (size_t thread = 0; thread < first.threads.size(); ++thread) {
    REQUIRE(first.threads[thread].size() == second.threads[thread].size());
    for (size_t i = 0; i < first.threads[thread].size(); ++i) {
      REQUIRE(first.threads[thread][i].key() == second.threads[thread][i].key());
      REQUIRE(first.threads[thread][i].kind == second.threads[thread][i].kind);
    }
  }
}

}  // namespace
}  // namespace nokv::bench
