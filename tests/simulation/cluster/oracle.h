// What must hold at every moment in a whole cluster, told as it happens; it remembers the first
// thing that does not.
//
// Thread-safety: none; a world has one thread.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>

namespace nokv::simulation {

class Oracle {
 public:
  // A peer on a store acted as the leader of a region in a term: nobody else ever does.
  void SawLeader(uint64_t region, uint64_t term, uint64_t peer, uint64_t store) {
    const auto [entry, is_new] = leaders_.try_emplace({region, term}, peer);
    auto& [newest_term, newest_store] = newest_leaders_[region];
    if (term > newest_term) std::tie(newest_term, newest_store) = std::pair(term, store);
    if (is_new || entry->second == peer) return;
    Violate(fmt::format("region {} has two leaders in term {}: peers {} and {}", region, term,
                        entry->second, peer));
  }

  // The driver gave away `count` timestamps from `first` on: all are above all before.
  void SawTimestamps(uint64_t first, uint64_t count) {
    if (first <= last_timestamp_ || count == 0) {
      Violate(fmt::format("{} timestamps from {} on were given after {}", count, first,
                          last_timestamp_));
    }
    last_timestamp_ = first + count - 1;
    timestamps_ += count;
  }

  // A replica has applied its log up to `applied`, and that is a hash of its data: the same
  // wherever and whenever so much is applied.
  void SawReplica(uint64_t region, uint64_t applied, uint64_t hash, uint64_t store) {
    const auto [entry, is_new] = replicas_.try_emplace({region, applied}, std::pair(hash, store));
    if (!is_new) ++replicas_compared_;
    if (is_new || entry->second.first == hash) return;
    Violate(fmt::format("region {} differs at index {} on stores {} and {}: {:x} and {:x}", region,
                        applied, entry->second.second, store, entry->second.first, hash));
  }

  void Violate(std::string what) {
    if (violation_.empty()) violation_ = std::move(what);
  }

  const std::string& violation() const { return violation_; }

  // Where the newest leader of the region that was seen is or was; 0 if none was seen.
  uint64_t StoreOfLeader(uint64_t region) const {
    const auto newest = newest_leaders_.find(region);
    return newest == newest_leaders_.end() ? 0 : newest->second.second;
  }

  uint64_t terms() const { return leaders_.size(); }

  uint64_t timestamps() const { return timestamps_; }

  uint64_t replicas_compared() const { return replicas_compared_; }

 private:
  std::map<std::pair<uint64_t, uint64_t>, uint64_t> leaders_;         // By region and term.
  std::map<uint64_t, std::pair<uint64_t, uint64_t>> newest_leaders_;  // Term and store, by region.
  std::map<std::pair<uint64_t, uint64_t>, std::pair<uint64_t, uint64_t>> replicas_;
  uint64_t last_timestamp_ = 0;
  uint64_t timestamps_ = 0;
  uint64_t replicas_compared_ = 0;
  std::string violation_;
};

}  // namespace nokv::simulation
