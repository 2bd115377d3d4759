#include "engine/groups/group_index.h"

#include "engine/base/check.h"

#include <algorithm>

namespace nokv::groups {

void SegmentUses::Note(const std::shared_ptr<const log::Segment>& segment, log::Position position,
                       uint32_t record_bytes) {
  Use& use = uses_[segment->number()];
  if (use.segment == nullptr) use.segment = segment;
  use.end_bytes = std::max(use.end_bytes, log::OffsetOf(position) + log::AlignRecord(record_bytes));
}

void SegmentUses::Add(log::Position position, uint32_t record_bytes) {
  uses_.at(log::SegmentOf(position)).live_bytes += log::AlignRecord(record_bytes);
}

void SegmentUses::Remove(log::Position position, uint32_t record_bytes) {
  uint64_t& live_bytes = uses_.at(log::SegmentOf(position)).live_bytes;
  NOKV_CHECK(live_bytes >= log::AlignRecord(record_bytes));
  live_bytes -= log::AlignRecord(record_bytes);
}

uint32_t SegmentUses::OldestLive() const {
  for (const auto& [number, use] : uses_) {
    if (use.live_bytes > 0) return number;
  }
  return UINT32_MAX;
}

void SegmentUses::ForgetBelow(uint32_t number) {
  const auto end = uses_.lower_bound(number);
  for (auto use = uses_.begin(); use != end; ++use) NOKV_CHECK(use->second.live_bytes == 0);
  uses_.erase(uses_.begin(), end);
}

const SegmentUses::Use* SegmentUses::Find(uint32_t segment) const {
  const auto found = uses_.find(segment);
  return found == uses_.end() ? nullptr : &found->second;
}

std::optional<uint64_t> GroupIndex::TermAt(uint64_t index) const {
  if (index == start_.index) return start_.term;
  const Place* const place = Find(index);
  if (place == nullptr) return std::nullopt;
  return terms_[place->term_number];
}

const Place* GroupIndex::Find(uint64_t index) const {
  if (index <= start_.index || size() == 0 || index < base_ || index - base_ >= size()) {
    return nullptr;
  }
  const Place& place = places_[dropped_ + (index - base_)];
  return place.record_bytes == 0 ? nullptr : &place;
}

// Terms rise, so the one that is looked for is nearly always the last.
uint32_t GroupIndex::NumberOfTerm(uint64_t term) {
  const auto found = std::find(terms_.rbegin(), terms_.rend(), term);
  if (found != terms_.rend()) return static_cast<uint32_t>(terms_.rend() - found - 1);
  terms_.push_back(term);
  return static_cast<uint32_t>(terms_.size() - 1);
}

absl::Status GroupIndex::Put(uint64_t index, uint64_t term, Place place, bool cuts,
                             SegmentUses& uses) {
  if (index <= start_.index) {
    return DataLossError("an entry at {}, though the log begins behind {}", index, start_.index);
  }
  if (cuts) CutFrom(index, uses);
  place.term_number = NumberOfTerm(term);
  if (size() == 0) {
    base_ = index;
    places_.clear();
    dropped_ = 0;
  }
  const uint64_t end = base_ + size();
  const uint64_t gap = index < base_ ? base_ - index : index > end ? index - end : 0;
  if (gap > kGapMax) {
    return DataLossError("an entry at {}, though others are from {} to {}", index, base_, end - 1);
  }
  if (index < base_) {
    places_.insert(places_.begin() + static_cast<std::ptrdiff_t>(dropped_), gap, Place());
    base_ = index;
  } else if (index >= end) {
    places_.resize(places_.size() + gap + 1);
  }
  Place& stands = places_[dropped_ + (index - base_)];
  if (stands.record_bytes != 0) uses.Remove(stands.position, stands.record_bytes);
  stands = place;
  uses.Add(place.position, place.record_bytes);
  return absl::OkStatus();
}

void GroupIndex::SetState(const GroupPoint& start, std::string_view state, Place place,
                          SegmentUses& uses) {
  if (state_place_.record_bytes != 0) uses.Remove(state_place_.position, state_place_.record_bytes);
  uses.Add(place.position, place.record_bytes);
  state_place_ = place;
  state_.assign(state);
  start_ = start;
  DropTo(start.index, uses);
}

void GroupIndex::CutFrom(uint64_t index, SegmentUses& uses) {
  while (size() > 0 && base_ + size() > index) {
    const Place& last = places_.back();
    if (last.record_bytes != 0) uses.Remove(last.position, last.record_bytes);
    places_.pop_back();
  }
}

void GroupIndex::DropTo(uint64_t index, SegmentUses& uses) {
  while (size() > 0 && base_ <= index) {
    const Place& first = places_[dropped_];
    if (first.record_bytes != 0) uses.Remove(first.position, first.record_bytes);
    ++dropped_;
    ++base_;
  }
  Shrink();
}

void GroupIndex::Shrink() {
  constexpr size_t kWorthwhile = 32;
  if (size() == 0) {
    places_.clear();
    terms_.clear();
    dropped_ = 0;
  } else if (dropped_ >= kWorthwhile && dropped_ >= size()) {
    places_.erase(places_.begin(), places_.begin() + static_cast<std::ptrdiff_t>(dropped_));
    dropped_ = 0;
    uint32_t least = UINT32_MAX;
    for (const Place& place : places_) {
      if (place.record_bytes != 0) least = std::min(least, place.term_number);
    }
    if (least == UINT32_MAX) return;  // Nothing but gaps.
    terms_.erase(terms_.begin(), terms_.begin() + least);
    for (Place& place : places_) {
      if (place.record_bytes != 0) place.term_number -= least;
    }
  }
  if (places_.capacity() > 4 * places_.size() + kWorthwhile) places_.shrink_to_fit();
}

void GroupIndex::DropEntries(SegmentUses& uses) {
  ForEach([&](uint64_t, const Place& place) { uses.Remove(place.position, place.record_bytes); });
  dropped_ = places_.size();
  Shrink();
}

void GroupIndex::Clear(SegmentUses& uses) {
  DropEntries(uses);
  if (state_place_.record_bytes != 0) uses.Remove(state_place_.position, state_place_.record_bytes);
  state_place_ = {};
}

absl::Status GroupIndex::CheckWhole() const {
  if (size() == 0) return absl::OkStatus();
  for (uint64_t index = start_.index + 1; index <= last_index(); ++index) {
    if (Find(index) == nullptr) {
      return DataLossError("the entry {} is missing between the start {} and the last {}", index,
                           start_.index, last_index());
    }
  }
  return absl::OkStatus();
}

}  // namespace nokv::groups
