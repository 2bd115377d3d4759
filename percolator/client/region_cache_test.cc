#include "percolator/client/region_cache.h"

#include "engine/base/random.h"

#include <catch2/catch.hpp>

namespace nokv::client {
namespace {

using meta::v1::Region;
using News = RegionCache::News;

Region MakeRegion(uint64_t id, const std::string& start, const std::string& end,
                  uint64_t version = 1, uint64_t conf_version = 1) {
  Region region;
  region.set_id(id);
  region.set_start_key(start);
  region.set_end_key(end);
  region.mutable_epoch()->set_version(version);
  region.mutable_epoch()->set_conf_version(conf_version);
  for (uint64_t store = 1; store <= 3; ++store) {
    meta::v1::Peer& peer = *region.add_peers();
    peer.set_id(10 * id + store);
    peer.set_store_id(store);
    peer.set_role(meta::v1::PEER_ROLE_VOTER);
  }
  return region;
}

RegionCache MakeCache(size_t regions_max = 100) {
  RegionCache cache(regions_max);
  for (uint64_t store = 1; store <= 3; ++store) {
    cache.SetAddress(store, "store-" + std::to_string(store));
  }
  return cache;
}

uint64_t IdAt(RegionCache& cache, std::string_view key) {
  const std::optional<Target> target = cache.Find(key);
  return target ? target->region->id() : 0;
}

uint64_t PeerAt(RegionCache& cache, std::string_view key) {
  const std::optional<Target> target = cache.Find(key);
  return target ? target->peer.id() : 0;
}

TEST_CASE("a key is found in the region that holds it, and in no hole", "[client]") {
  RegionCache cache = MakeCache();
  cache.Insert(MakeRegion(1, "", "b"), 11);
  cache.Insert(MakeRegion(3, "m", ""), 32);
  REQUIRE(IdAt(cache, "") == 1);
  REQUIRE(IdAt(cache, "azz") == 1);
  REQUIRE(IdAt(cache, "b") == 0);
  REQUIRE(IdAt(cache, "m") == 3);
  REQUIRE(IdAt(cache, "\xff\xff") == 3);
  REQUIRE(cache.Find("m")->address == "store-2");
}

TEST_CASE("the region right before a key is found, or a key to ask for it", "[client]") {
  RegionCache cache = MakeCache();
  const auto before = [&](std::string_view end) {
    const std::optional<Target> target = cache.FindBefore(end);
    return target ? target->region->id() : 0;
  };
  REQUIRE(before("m") == 0);
  // Whatever is answered for the key to load, a few steps lead to the region that ends there.
  const std::vector<Region> all = {
      MakeRegion(1, "", "lz"), MakeRegion(2, "lz", "l\xff\xff"),
      MakeRegion(3, "l\xff\xff", "l\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
      MakeRegion(4, "l\xff\xff\xff\xff\xff\xff\xff\xff\xff", "m"), MakeRegion(5, "m", "")};
  for (const std::string end : {"m", "lz", "z", "", "l\xff"}) {
    RegionCache fresh = MakeCache();
    int loads = 0;
    while (!fresh.FindBefore(end)) {
      const std::string key = fresh.KeyToLoadBefore(end);
      for (const Region& region : all) {
        if (Contains(region, key)) fresh.Insert(region, 0);
      }
      REQUIRE(++loads <= 3);
    }
    const Region found = *fresh.FindBefore(end)->region;
    REQUIRE((end.empty() || found.start_key() < end));
    REQUIRE((found.end_key().empty() || (!end.empty() && found.end_key() >= end)));
  }
}

TEST_CASE("a region replaces those that it shares keys with, if it is not older", "[client]") {
  RegionCache cache = MakeCache();
  cache.Insert(MakeRegion(1, "", "m", 2), 11);
  cache.Insert(MakeRegion(2, "m", "", 2), 21);

  REQUIRE(cache.Insert(MakeRegion(1, "", "", 1), 11) == News::kOlder);
  REQUIRE(cache.Insert(MakeRegion(9, "k", "p", 1), 91) == News::kOlder);
  REQUIRE(cache.Insert(MakeRegion(2, "m", "", 2), 23) == News::kKnown);
  REQUIRE(PeerAt(cache, "x") == 23);
  REQUIRE(cache.Insert(MakeRegion(2, "m", "", 2, 5), 22) == News::kNew);
  REQUIRE(cache.Insert(MakeRegion(2, "m", "", 2, 4), 21) == News::kOlder);

  // A split of region 1: what it gave away is a hole until somebody tells.
  REQUIRE(cache.Insert(MakeRegion(1, "", "c", 3), 11) == News::kNew);
  REQUIRE(IdAt(cache, "c") == 0);
  REQUIRE(cache.Insert(MakeRegion(7, "c", "m", 3), 71) == News::kNew);
  REQUIRE(IdAt(cache, "c") == 7);
  REQUIRE(cache.size() == 3);

  // A merge takes all.
  REQUIRE(cache.Insert(MakeRegion(7, "", "", 9), 71) == News::kNew);
  REQUIRE(cache.size() == 1);
}

TEST_CASE("peers are tried in turn, and after the last the route is doubtful", "[client]") {
  RegionCache cache = MakeCache();
  cache.Insert(MakeRegion(1, "", ""), 12);
  cache.TryNext(1, 12);
  cache.TryNext(1, 12);  // Another call that failed at the same peer.
  REQUIRE(PeerAt(cache, "a") == 13);
  REQUIRE(cache.Find("a")->is_guess);
  cache.Confirm(1);
  REQUIRE_FALSE(cache.Find("a")->is_guess);
  cache.TryNext(1, 13);
  cache.TryNext(1, 11);
  REQUIRE_FALSE(cache.Find("a")->is_doubtful);
  cache.TryNext(1, 12);
  REQUIRE(cache.Find("a")->is_doubtful);

  // It stays in use, and is as before once somebody confirms it.
  REQUIRE(PeerAt(cache, "a") == 13);
  cache.Confirm(1);
  REQUIRE_FALSE(cache.Find("a")->is_doubtful);
  cache.Doubt(1);
  cache.Insert(MakeRegion(1, "", ""), 0);
  REQUIRE_FALSE(cache.Find("a")->is_doubtful);
}

TEST_CASE("learners are never asked", "[client]") {
  RegionCache cache = MakeCache();
  Region region = MakeRegion(1, "", "");
  region.mutable_peers(0)->set_role(meta::v1::PEER_ROLE_LEARNER);
  cache.Insert(region, 0);
  REQUIRE(PeerAt(cache, "a") == 12);
  cache.TryNext(1, 12);
  REQUIRE(PeerAt(cache, "a") == 13);
  REQUIRE_FALSE(cache.SetLeader(1, 11));
}

TEST_CASE("two peers that name each other are not believed for ever", "[client]") {
  RegionCache cache = MakeCache();
  cache.Insert(MakeRegion(1, "", ""), 11);
  int hints = 0;
  while (cache.SetLeader(1, hints % 2 == 0 ? 12 : 11)) REQUIRE(++hints < 10);
  REQUIRE(cache.Find("a")->is_doubtful);
}

TEST_CASE("a store that is silent for one region is not the first choice for others", "[client]") {
  RegionCache cache = MakeCache();
  cache.Insert(MakeRegion(1, "", "m"), 11);
  cache.Insert(MakeRegion(2, "m", ""), 21);
  cache.NoteSilence(1);
  REQUIRE(PeerAt(cache, "x") == 22);
  REQUIRE(cache.SetLeader(2, 21));  // But who says that it leads is believed.
  REQUIRE(PeerAt(cache, "x") == 21);
  cache.NoteSilence(2);
  cache.NoteSilence(3);
  REQUIRE(PeerAt(cache, "a") != 0);  // All are silent: any will do.
  for (uint64_t store = 1; store <= 3; ++store) cache.NoteAnswer(store);
  cache.Insert(MakeRegion(1, "", "m"), 11);
  REQUIRE(PeerAt(cache, "a") == 11);
}

TEST_CASE("a region without the address of any store is not there", "[client]") {
  RegionCache cache(100);
  cache.Insert(MakeRegion(1, "", ""), 11);
  REQUIRE(IdAt(cache, "a") == 0);
  cache.SetAddress(3, "store-3");
  REQUIRE(PeerAt(cache, "a") == 13);
  cache.ForgetAddress(3);
  REQUIRE(IdAt(cache, "a") == 0);
}

TEST_CASE("routes are bounded, and those in use stay", "[client]") {
  RegionCache cache = MakeCache(10);
  const auto key = [](int i) { return std::string(1, static_cast<char>('a' + i)); };
  for (int i = 0; i < 20; ++i) {
    cache.Insert(MakeRegion(static_cast<uint64_t>(i) + 1, key(i), key(i + 1)), 0);
    cache.Find("a");
    REQUIRE(cache.size() <= 10);
  }
  REQUIRE(IdAt(cache, "a") == 1);
  REQUIRE(IdAt(cache, key(19)) == 20);
}

TEST_CASE("whatever is inserted in whatever order, regions never share a key", "[client]") {
  const uint64_t seed = GENERATE(1u, 2u, 3u, 4u, 5u);
  INFO("seed " << seed);
  Random random(seed);
  RegionCache cache = MakeCache(12);
  for (int i = 0; i < 3000; ++i) {
    const auto start = static_cast<char>('a' + random.Uniform(20));
    const auto end = static_cast<char>(start + 1 + random.Uniform(5));
    const Region region =
        MakeRegion(1 + random.Uniform(15), std::string(1, start),
                   random.OneIn(9) ? std::string() : std::string(1, end), 1 + random.Uniform(50));
    if (random.OneIn(10)) {
      cache.Replace(region, 0);
      REQUIRE(IdAt(cache, region.start_key()) == region.id());
    } else if (cache.Insert(region, 0) == News::kNew) {
      REQUIRE(IdAt(cache, region.start_key()) == region.id());
    }
    if (random.OneIn(5)) cache.Doubt(1 + random.Uniform(15));
    std::string from;
    size_t seen = 0;
    for (char c = 'a'; c <= 'z'; ++c) {
      const std::optional<Target> target = cache.Find(std::string(1, c));
      if (!target) continue;
      REQUIRE(Contains(*target->region, std::string(1, c)));
      if (seen > 0 && target->region->start_key() == from) continue;
      REQUIRE(target->region->start_key() >= from);
      from = target->region->start_key();
      ++seen;
    }
    REQUIRE(seen == cache.size());
  }
}

}  // namespace
}  // namespace nokv::client
