// Where the entries and the state of one group stand in the log.
//
// Invariants
// 1. Once a replay is finished there is a place for every index behind the start up to the last.
//    During a replay that begins in the middle of the log there may be gaps, see README.md.
// 2. What a place takes is told to SegmentUses when the place is taken and when it is given up, so
//    its sums are exact.
//
// Thread-safety: none.
#pragma once

#include "engine/base/status.h"
#include "engine/groups.h"
#include "engine/log/record.h"
#include "engine/log/segment.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nokv::groups {

// What lives in each segment that has any record of a group.
class SegmentUses {
 public:
  struct Use {
    std::shared_ptr<const log::Segment> segment;
    uint64_t live_bytes = 0;  // Of records that a place leads to.
    uint64_t end_bytes = 0;   // Where the last record of a group ends.
  };

  // A record of a group stands there, alive or not.
  void Note(const std::shared_ptr<const log::Segment>& segment, log::Position position,
            uint32_t record_bytes);
  void Add(log::Position position, uint32_t record_bytes);
  void Remove(log::Position position, uint32_t record_bytes);

  // The oldest segment in which something lives, or UINT32_MAX.
  uint32_t OldestLive() const;

  // The segment's file may go. Nothing lives in the segments below `number`.
  void ForgetBelow(uint32_t number);

  const std::map<uint32_t, Use>& all() const { return uses_; }

  // Null if no record of a group is in it.
  const Use* Find(uint32_t segment) const;

 private:
  std::map<uint32_t, Use> uses_;
};

struct Place {
  log::Position position = 0;
  uint32_t record_bytes = 0;  // 0: a gap.
  uint32_t term_number = 0;   // In the group's list of terms.
};

class GroupIndex {
 public:
  const GroupPoint& start() const { return start_; }

  uint64_t last_index() const { return size() == 0 ? start_.index : base_ + size() - 1; }

  const std::string& state() const { return state_; }

  // record_bytes is 0 if no record of the state was written yet.
  const Place& state_place() const { return state_place_; }

  // From the start's index to the last.
  std::optional<uint64_t> TermAt(uint64_t index) const;

  // Null if the entry isn't there.
  const Place* Find(uint64_t index) const;

  // An entry stands there from now on. `cuts`: the old one, and all behind it, are gone. OutOfRange
  // if no log of a group could come to that.
  absl::Status Put(uint64_t index, uint64_t term, Place place, bool cuts, SegmentUses& uses);

  // Drops the entries up to and with the start.
  void SetState(const GroupPoint& start, std::string_view state, Place place, SegmentUses& uses);

  void DropEntries(SegmentUses& uses);

  // Gives up all places.
  void Clear(SegmentUses& uses);

  // DataLoss if there is a gap.
  absl::Status CheckWhole() const;

  // Calls visit(index, place) for each entry.
  template <typename Visitor>
  void ForEach(Visitor&& visit) const {
    for (size_t i = dropped_; i < places_.size(); ++i) {
      if (places_[i].record_bytes != 0) visit(base_ + (i - dropped_), places_[i]);
    }
  }

  size_t used_bytes() const {
    return places_.capacity() * sizeof(Place) + terms_.capacity() * sizeof(uint64_t) +
           state_.capacity();
  }

 private:
  // More between two entries of a group than any log will hold.
  static constexpr uint64_t kGapMax = uint64_t{1} << 24;

  size_t size() const { return places_.size() - dropped_; }

  uint32_t NumberOfTerm(uint64_t term);
  void CutFrom(uint64_t index, SegmentUses& uses);
  void DropTo(uint64_t index, SegmentUses& uses);
  // Gives back the memory of what was dropped.
  void Shrink();

  GroupPoint start_;
  std::string state_;
  Place state_place_;
  uint64_t base_ = 0;   // The index of the first place that isn't dropped, if there is one.
  size_t dropped_ = 0;  // Places at the front that are not used any more.
  std::vector<Place> places_;
  std::vector<uint64_t> terms_;
};

}  // namespace nokv::groups
