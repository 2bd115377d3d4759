#include "engine/lsm/host_index.h"

#include "engine/base/random.h"

#include <catch2/catch.hpp>

#include <map>

namespace nokv::lsm {
namespace {

// An address that stands for a host; nobody looks behind it.
const log::ValueHost* HostOf(size_t number) {
  static char places[4096];
  return reinterpret_cast<const log::ValueHost*>(&places[number % sizeof(places)]);
}

void RequireFinds(const std::map<uint32_t, const log::ValueHost*>& hosts) {
  HostIndex index(hosts.size());
  for (const auto& [segment, host] : hosts) index.Add(segment, host);
  for (const auto& [segment, host] : hosts) {
    REQUIRE(index.Find(segment) == host);
    for (const uint32_t other : {segment - 1, segment + 1, ~segment}) {
      REQUIRE((index.Find(other) != nullptr) == hosts.contains(other));
    }
  }
  // Of the segments there are, not of the numbers they span.
  REQUIRE(index.slot_count() <= 4 * hosts.size());
}

}  // namespace

TEST_CASE("an index of no segments finds none", "[lsm][version]") {
  REQUIRE(HostIndex().Find(0) == nullptr);
  REQUIRE(HostIndex(0).Find(7) == nullptr);
}

TEST_CASE("hosts are found by segment, however far the numbers lie apart", "[lsm][version]") {
  RequireFinds({{1, HostOf(1)}});
  RequireFinds({{0, HostOf(1)}, {UINT32_MAX, HostOf(2)}});
  std::map<uint32_t, const log::ValueHost*> in_a_row;
  for (uint32_t i = 0; i < 1000; ++i) in_a_row[5000 + i] = HostOf(i);
  in_a_row[1] = HostOf(4000);
  in_a_row[4'000'000'000] = HostOf(4001);
  RequireFinds(in_a_row);
  const uint64_t seed = 3;
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 100; ++round) {
    std::map<uint32_t, const log::ValueHost*> hosts;
    for (uint64_t i = random.Uniform(300) + 1; i > 0; --i) {
      hosts[static_cast<uint32_t>(random.Next() >> (32 + random.Uniform(32)))] = HostOf(i);
    }
    RequireFinds(hosts);
  }
}

}  // namespace nokv::lsm
