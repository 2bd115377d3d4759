#include "cmd/config/checks.h"

#include "cmd/config/address.h"
#include "cmd/config/key_text.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

namespace nokv::config {
namespace {

constexpr size_t kTextBytesMax = 80;  // Of an address or a path in a message.
constexpr size_t kIdsListedMax = 9;

const Value& Element(const Value& parent, std::string_view array, size_t index) {
  return *parent.Find(array)->children[index];
}

// Things that only one may have.
class Claims {
 public:
  Claims(ProblemList& problems, std::string_view expected)
      : problems_(problems), expected_(expected) {}

  // Notes at `at` that somebody else has it already. `what` says what it is; nothing may be empty.
  void Claim(const std::string& what, const Value& at) {
    const auto [first, is_new] = first_.emplace(what, &at);
    if (is_new) return;
    problems_.Add(PlaceOf(at),
                  fmt::format("{} is also at {}; expected {}", Shortened(what, kTextBytesMax),
                              PointerTo(*first->second), expected_));
  }

 private:
  ProblemList& problems_;
  const std::string_view expected_;
  std::map<std::string, const Value*> first_;
};

// A directory belongs to one process; on different hosts, equal paths are different directories.
void ClaimWorkDir(Claims& claims, const Value& owner, const std::string& addr,
                  const std::string& work_dir) {
  const Value* at = owner.Find("work_dir");
  const absl::StatusOr<Address> address = ParseAddress(addr);
  if (at == nullptr || !address.ok() || work_dir.empty()) return;
  claims.Claim(fmt::format("work_dir {} on host {}", work_dir, address->host), *at);
}

void ClaimAddress(Claims& claims, const Value& owner, std::string_view member,
                  const std::string& address) {
  const Value* at = owner.Find(member);
  if (at != nullptr && !address.empty()) claims.Claim("address " + address, *at);
}

// What can be listened on by several stores is a wildcard: each may have a machine of its own.
void ClaimListenAddress(Claims& claims, const Value& store, const std::string& listen_addr) {
  const absl::StatusOr<Address> address = ParseAddress(listen_addr);
  if (address.ok() && !IsWildcard(*address)) {
    ClaimAddress(claims, store, "listen_addr", listen_addr);
  }
}

// "1, 2, 3"; of many only the first ones.
std::string List(const std::set<uint64_t>& ids) {
  std::string text;
  size_t listed = 0;
  for (const uint64_t id : ids) {
    if (listed++ == kIdsListedMax) return text + ", ...";
    text += (text.empty() ? "" : ", ") + std::to_string(id);
  }
  return text;
}

// Nothing if one of them could not be read: what refers to it is no mistake then.
std::optional<std::set<uint64_t>> StoreIds(const Topology& topology) {
  std::set<uint64_t> ids;
  for (const Store& store : topology.stores) ids.insert(store.id);
  if (ids.empty() || ids.contains(0)) return std::nullopt;
  return ids;
}

void CheckPeers(const Value& at, const Region& region, const Topology& topology,
                ProblemList& problems) {
  const auto known = StoreIds(topology);
  Claims claims(problems, "at most one peer on a store");
  std::set<uint64_t> on_stores;
  for (size_t i = 0; i < region.peers.size(); ++i) {
    const uint64_t store_id = region.peers[i].store_id;
    on_stores.insert(store_id);
    if (store_id == 0) continue;
    const Value& member = Element(at, "peers", i).FindOrSelf("store_id");
    claims.Claim(fmt::format("store {}", store_id), member);
    if (known && !known->contains(store_id)) {
      problems.Add(PlaceOf(member), fmt::format("no store has the id {}; expected one of {}",
                                                store_id, List(*known)));
    }
  }
  const bool are_known = !on_stores.empty() && !on_stores.contains(0);
  if (region.leader_store_id && are_known && !on_stores.contains(*region.leader_store_id)) {
    problems.Add(PlaceOf(at.FindOrSelf("leader_store_id")),
                 fmt::format("store {} has no peer of this region; expected one of {}",
                             *region.leader_store_id, List(on_stores)));
  }
}

// A bound as the region itself would have it in the file.
std::string BoundOf(const Region& region, const std::string& key) {
  if (region.slots && key == kSystemStart) return "slot 0";
  return DescribeBound(key);
}

const Value& StartOf(const Value& at, const Region& region) {
  return at.FindOrSelf(region.slots ? "start_slot" : "start_key");
}

const Value& EndOf(const Value& at, const Region& region) {
  return at.FindOrSelf(region.slots ? "end_slot" : "end_key");
}

std::string Name(const Region& region) {
  return region.id == 0 ? "a region without id" : fmt::format("region {}", region.id);
}

// What is wrong with a region that begins inside `before`, the one of those before it that ends
// last.
std::string OverlapMessage(const Region& region, const Region& before) {
  const std::string start = BoundOf(region, region.start_key);
  if (before.end_key.empty()) {
    return fmt::format("begins at {}, inside {}, which has no end; expected that to end here",
                       start, Name(before));
  }
  return fmt::format("begins at {}, inside {}, which ends at {}; expected {}", start, Name(before),
                     DescribeBound(before.end_key), BoundOf(region, before.end_key));
}

// One of the two regions to check, and where it stands.
struct Placed {
  const Region& region;
  const Value& at;
};

// `next` begins elsewhere than where `before` ends, which ends last of those that begin before it.
void AddSeam(const Placed& before, const Placed& next, ProblemList& problems) {
  const std::string& end = before.region.end_key;
  if (end.empty() || next.region.start_key < end) {
    problems.Add(PlaceOf(StartOf(next.at, next.region)),
                 OverlapMessage(next.region, before.region));
    return;
  }
  const std::string gap =
      fmt::format("the keys from {} to before {} are in no region", DescribeBound(end),
                  BoundOf(next.region, next.region.start_key));
  // Slots can't begin earlier than at FF, so there it is the raw region that ends too early.
  if (next.region.slots && end < kSystemStart) {
    problems.Add(PlaceOf(EndOf(before.at, before.region)), gap + "; expected no end_key");
    return;
  }
  problems.Add(PlaceOf(StartOf(next.at, next.region)),
               fmt::format("{}; expected {}, where {} ends", gap, BoundOf(next.region, end),
                           Name(before.region)));
}

}  // namespace

void CheckStores(const Value& root, const Topology& topology, ProblemList& problems) {
  Claims ids(problems, "an id of its own");
  Claims addresses(problems, "an address of its own");
  Claims docker_addresses(problems, "an address of its own");
  Claims listen_addresses(problems, "an address of its own");
  Claims work_dirs(problems, "a directory of its own");

  const Value& pd = root.FindOrSelf("pd");
  ClaimAddress(addresses, pd, "addr", topology.pd.host.addr);
  ClaimAddress(docker_addresses, pd, "docker_addr", topology.pd.docker.addr);
  ClaimWorkDir(work_dirs, pd, topology.pd.host.addr, topology.pd.host.work_dir);
  for (size_t i = 0; i < topology.stores.size(); ++i) {
    const Store& store = topology.stores[i];
    const Value& at = Element(root, "stores", i);
    if (store.id != 0) {
      ids.Claim(fmt::format("store_id {}", store.id), at.FindOrSelf("store_id"));
    }
    ClaimAddress(addresses, at, "addr", store.host.addr);
    ClaimAddress(docker_addresses, at, "docker_addr", store.docker.addr);
    ClaimListenAddress(listen_addresses, at, store.host.listen_addr);
    ClaimWorkDir(work_dirs, at, store.host.addr, store.host.work_dir);
  }
}

void CheckRegions(const Value& root, const Topology& topology, ProblemList& problems) {
  Claims ids(problems, "an id of its own");
  Claims peer_ids(problems, "an id that no other peer has, in any region");
  for (size_t i = 0; i < topology.regions.size(); ++i) {
    const Region& region = topology.regions[i];
    const Value& at = Element(root, "regions", i);
    if (region.id != 0) ids.Claim(fmt::format("region id {}", region.id), at.FindOrSelf("id"));
    for (size_t j = 0; j < region.peers.size(); ++j) {
      const uint64_t id = region.peers[j].peer_id;
      if (id == 0) continue;
      peer_ids.Claim(fmt::format("peer_id {}", id), Element(at, "peers", j).FindOrSelf("peer_id"));
    }
    CheckPeers(at, region, topology, problems);
  }
}

void CheckCoverage(const Value& root, const Topology& topology, ProblemList& problems) {
  const std::vector<Region>& regions = topology.regions;
  if (regions.empty()) return;  // That has been noted.
  std::vector<size_t> order(regions.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return regions[a].start_key < regions[b].start_key; });

  size_t farthest = order.front();  // Of those seen, the region that ends last.
  const Region& first = regions[farthest];
  if (!first.start_key.empty()) {
    problems.Add(PlaceOf(StartOf(Element(root, "regions", farthest), first)),
                 fmt::format("the keys before {} are in no region; expected a region without "
                             "start_key",
                             BoundOf(first, first.start_key)));
  }
  for (size_t i = 1; i < order.size(); ++i) {
    const Region& region = regions[order[i]];
    const Region& before = regions[farthest];
    if (region.start_key != before.end_key) {
      AddSeam({before, Element(root, "regions", farthest)},
              {region, Element(root, "regions", order[i])}, problems);
    }
    const bool ends_later =
        !before.end_key.empty() && (region.end_key.empty() || region.end_key > before.end_key);
    if (ends_later) farthest = order[i];
  }
  const Region& last = regions[farthest];
  if (last.end_key.empty()) return;
  problems.Add(
      PlaceOf(EndOf(Element(root, "regions", farthest), last)),
      fmt::format("the keys from {} on are in no region; expected {}", BoundOf(last, last.end_key),
                  last.slots ? fmt::format("the end_slot {}", kSlots) : "no end_key"));
}

}  // namespace nokv::config
