// Which region holds a key, and which store leads it, as far as is known.
//
// Invariants: regions in the cache never share a key, and each is there once. What is older than
// what is known is refused: of one region by its epoch, of two by the version. There are never more
// than `regions_max`; of those, the ones not asked for lately give way.
//
// Thread-safety: none; only inside the gate.
#pragma once

#include "proto/meta.pb.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace nokv::client {

// Where a command goes.
struct Target {
  std::shared_ptr<const meta::v1::Region> region;
  meta::v1::Peer peer;
  std::string address;
  bool is_guess = false;     // Tell the cache if it was right: Confirm().
  bool is_doubtful = false;  // Better ask the placement driver first, if it answers.
};

bool Contains(const meta::v1::Region& region, std::string_view key);

class RegionCache {
 public:
  explicit RegionCache(size_t regions_max) : regions_max_(regions_max) {}

  // Nothing if the region, or the address of every peer of it, is not known.
  std::optional<Target> Find(std::string_view key);

  // Of the region that holds the keys right before `end`; an empty end is behind all keys.
  std::optional<Target> FindBefore(std::string_view end);

  // A key to ask the placement driver for when FindBefore() has nothing. As often as it takes.
  std::string KeyToLoadBefore(std::string_view end) const;

  enum class News { kNew, kKnown, kOlder };

  // `leader_peer_id` 0: nobody knows.
  News Insert(const meta::v1::Region& region, uint64_t leader_peer_id);

  // Whatever is there gives way, newer or not.
  void Replace(const meta::v1::Region& region, uint64_t leader_peer_id);

  void SetAddress(uint64_t store_id, const std::string& address);

  void ForgetAddress(uint64_t store_id) { addresses_.erase(store_id); }

  // The target answered as a leader.
  void Confirm(uint64_t region_id);

  // Somebody named the leader. False, and the route is doubtful, if it is none of the region's
  // voters or such hints have led nowhere too often.
  bool SetLeader(uint64_t region_id, uint64_t peer_id);

  // The store does not answer: regions turn to their other peers, unless told that it leads.
  void NoteSilence(uint64_t store_id) { silent_stores_.insert(store_id); }

  // It does.
  void NoteAnswer(uint64_t store_id) {
    if (!silent_stores_.empty()) silent_stores_.erase(store_id);
  }

  // `peer_id` is of no use. If it still is the target the next peer becomes it; when all have been
  // tried the route is doubtful.
  void TryNext(uint64_t region_id, uint64_t peer_id);

  // The route is wrong, or out of date. It stays, for while the placement driver is away.
  void Doubt(uint64_t region_id);

  size_t size() const { return by_start_.size(); }

 private:
  struct Entry {
    std::shared_ptr<const meta::v1::Region> region = {};
    int target = 0;   // Among its peers.
    int strikes = 0;  // Peers tried, and hints followed, since one answered as a leader.
    bool is_leader_known = false;
    bool is_doubtful = false;
    bool is_hinted = false;  // By a peer, which is worth more than silence in the past.
    bool is_used = false;    // Since the hand last came by.
  };

  using ByStart = std::map<std::string, Entry, std::less<>>;

  ByStart::iterator FindEntry(std::string_view key);
  ByStart::iterator FindEntryBefore(std::string_view end);
  std::optional<Target> TargetOf(ByStart::iterator found);
  void TurnFromSilence(Entry& entry) const;
  static void Turn(Entry& entry);
  ByStart::iterator FirstOverlap(const meta::v1::Region& region);
  void Doubt(Entry& entry);
  void Erase(ByStart::iterator entry);
  void MakeRoom();

  const size_t regions_max_;
  ByStart by_start_;
  std::unordered_map<uint64_t, ByStart::iterator> by_id_;
  std::unordered_map<uint64_t, std::string> addresses_;  // By store.
  std::unordered_set<uint64_t> silent_stores_;
  std::string hand_;  // Where the search for a region to forget goes on.
};

}  // namespace nokv::client
