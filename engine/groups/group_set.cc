#include "engine/groups/group_set.h"

#include <algorithm>
#include <utility>

namespace nokv::groups {
namespace {

using log::RecordKind;

constexpr uint64_t kIndexMax = uint64_t{1} << 62;

absl::Status CheckEntries(GroupId group, std::span<const GroupEntry> entries) {
  uint64_t expected = entries.front().index;
  for (const GroupEntry& entry : entries) {
    if (entry.index != expected++) {
      return InvalidArgumentError("group {}: entry {} follows entry {}", group, entry.index,
                                  expected - 2);
    }
    if (entry.payload.size() > kGroupPayloadBytesMax) {
      return InvalidArgumentError("group {}: entry {} of {} bytes; at most {} are allowed", group,
                                  entry.index, entry.payload.size(), kGroupPayloadBytesMax);
    }
  }
  if (expected > kIndexMax) {
    return InvalidArgumentError("group {}: entry {}; indexes end at {}", group, expected - 1,
                                kIndexMax);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status GroupSet::Check(const GroupWrite& write) const {
  const GroupId group = write.group;
  const bool has_content = write.restart.has_value() || write.compact_to != 0 ||
                           write.state.has_value() || !write.entries.empty();
  if (write.remove == has_content) {
    return InvalidArgumentError("group {}: a write that {}", group,
                                has_content ? "removes the group and does more" : "does nothing");
  }
  const GroupIndex* const index = Find(group);
  if (write.remove) {
    if (index == nullptr) return InvalidArgumentError("group {}: removed, but not there", group);
    return absl::OkStatus();
  }
  if (write.state.has_value() && write.state->size() > kGroupStateBytesMax) {
    return InvalidArgumentError("group {}: a state of {} bytes; at most {} are allowed", group,
                                write.state->size(), kGroupStateBytesMax);
  }
  uint64_t start = index == nullptr ? 0 : index->start().index;
  uint64_t last = index == nullptr ? 0 : index->last_index();
  if (write.restart.has_value()) start = last = write.restart->index;
  if (last >= kIndexMax)
    return InvalidArgumentError("group {}: indexes end at {}", group, kIndexMax);
  if (write.compact_to != 0) {
    if (write.restart.has_value() || write.compact_to > last) {
      return InvalidArgumentError("group {}: compacted to {}, but its last entry is {}", group,
                                  write.compact_to, last);
    }
    start = std::max(start, write.compact_to);
  }
  if (write.entries.empty()) return absl::OkStatus();
  const uint64_t first = write.entries.front().index;
  if (first <= start || first > last + 1) {
    return InvalidArgumentError("group {}: entries from {} on, but its log goes from {} to {}",
                                group, first, start + 1, last);
  }
  return CheckEntries(group, write.entries);
}

void GroupSet::Plan(const GroupWrite& write, PlannedRecords* planned) const {
  std::vector<GroupRecord>& records = planned->records;
  if (write.remove) {
    records.push_back({.kind = RecordKind::kGroupEnd, .group = write.group});
    return;
  }
  const GroupIndex* const index = Find(write.group);
  GroupPoint start = index == nullptr ? GroupPoint() : index->start();
  const GroupPoint before = start;
  if (write.restart.has_value()) {
    start = *write.restart;
  } else if (write.compact_to > start.index) {
    start = {write.compact_to, *index->TermAt(write.compact_to)};
  }
  if (write.restart.has_value() || write.state.has_value() || start != before) {
    std::string_view state;
    if (write.state.has_value()) {
      state = *write.state;
    } else if (index != nullptr) {
      state = planned->states.emplace_back(index->state());
    }
    records.push_back(
        {.kind = write.restart.has_value() ? RecordKind::kGroupRestart : RecordKind::kGroupState,
         .group = write.group,
         .index = start.index,
         .term = start.term,
         .value = state});
  }
  for (const GroupEntry& entry : write.entries) {
    records.push_back({.kind = RecordKind::kGroupEntry,
                       .group = write.group,
                       .index = entry.index,
                       .term = entry.term,
                       .tag = entry.tag,
                       .value = entry.payload});
  }
}

absl::Status GroupSet::Fold(const GroupRecord& record, log::Position position,
                            uint32_t record_bytes,
                            const std::shared_ptr<const log::Segment>& segment) {
  uses_.Note(segment, position, record_bytes);
  const Place place{.position = position, .record_bytes = record_bytes};
  switch (record.kind) {
    case RecordKind::kGroupEntry:
    case RecordKind::kGroupMoved: {
      const bool cuts = record.kind == RecordKind::kGroupEntry;
      const absl::Status put =
          groups_[record.group].Put(record.index, record.term, place, cuts, uses_);
      if (put.ok()) return put;
      return DataLossError("{} at {}: group {}: {}", segment->file_name(), log::OffsetOf(position),
                           record.group, StdView(put.message()));
    }
    case RecordKind::kGroupRestart:
      groups_[record.group].DropEntries(uses_);
      [[fallthrough]];
    case RecordKind::kGroupState:
      groups_[record.group].SetState({record.index, record.term}, record.value, place, uses_);
      return absl::OkStatus();
    case RecordKind::kGroupEnd:
      // During a replay from the middle of the log it may not have been heard of.
      if (const auto found = groups_.find(record.group); found != groups_.end()) {
        found->second.Clear(uses_);
        groups_.erase(found);
      }
      return absl::OkStatus();
    default:
      return DataLossError("{} at {}: a record of kind {} is none of a group", segment->file_name(),
                           log::OffsetOf(position), static_cast<int>(record.kind));
  }
}

absl::Status GroupSet::Finish() const {
  for (const auto& [group, index] : groups_) {
    if (const absl::Status whole = index.CheckWhole(); !whole.ok()) {
      return DataLossError("group {}: {}", group, StdView(whole.message()));
    }
  }
  return absl::OkStatus();
}

const GroupIndex* GroupSet::Find(GroupId group) const {
  const auto found = groups_.find(group);
  return found == groups_.end() ? nullptr : &found->second;
}

std::vector<GroupId> GroupSet::List() const {
  std::vector<GroupId> ids;
  ids.reserve(groups_.size());
  for (const auto& [group, index] : groups_) ids.push_back(group);
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::vector<Tail> GroupSet::TailsIn(GroupId group, uint32_t segment, uint64_t bytes_max) const {
  std::vector<Tail> tails;
  const GroupIndex* const index = Find(group);
  if (index == nullptr) return tails;
  if (const Place& state = index->state_place();
      state.record_bytes != 0 && log::SegmentOf(state.position) == segment) {
    tails.push_back({.group = group, .place = state});
  }
  uint64_t bytes = 0;
  index->ForEach([&](uint64_t at, const Place& place) {
    if (log::SegmentOf(place.position) != segment || bytes >= bytes_max) return;
    bytes += place.record_bytes;
    tails.push_back({group, at, *index->TermAt(at), place});
  });
  return tails;
}

std::vector<GroupId> GroupSet::EntriesIn(uint32_t segment) const {
  std::vector<std::pair<uint64_t, GroupId>> found;
  for (const auto& [group, index] : groups_) {
    uint64_t bytes = 0;
    index.ForEach([&](uint64_t, const Place& place) {
      if (log::SegmentOf(place.position) == segment) bytes += place.record_bytes;
    });
    if (bytes > 0) found.emplace_back(bytes, group);
  }
  std::sort(found.rbegin(), found.rend());
  std::vector<GroupId> ids;
  ids.reserve(found.size());
  for (const auto& [bytes, group] : found) ids.push_back(group);
  return ids;
}

}  // namespace nokv::groups
