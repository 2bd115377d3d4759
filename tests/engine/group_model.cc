#include "tests/engine/group_model.h"

#include "engine/iterator.h"

#include <fmt/format.h>

namespace nokv::tests {

void GroupDatabase::Apply(const GroupWrite& write) {
  if (write.remove) {
    groups.erase(write.group);
    marks.erase(write.group);
    return;
  }
  GroupContents& group = groups[write.group];
  if (write.restart.has_value()) {
    group.entries.clear();
    group.start = *write.restart;
  }
  if (write.compact_to > group.start.index) {
    group.start = {write.compact_to, group.entries.at(write.compact_to).first};
    group.entries.erase(group.entries.begin(), group.entries.upper_bound(write.compact_to));
  }
  if (write.state.has_value()) group.state = *write.state;
  if (write.entries.empty()) return;
  group.entries.erase(group.entries.lower_bound(write.entries.front().index), group.entries.end());
  for (const GroupEntry& entry : write.entries) {
    group.entries[entry.index] = {entry.term, std::string(entry.payload)};
  }
}

std::string GroupDatabase::Describe() const {
  std::string text;
  for (const auto& [id, group] : groups) {
    text += fmt::format("  group {}: behind {}/{}, state '{}':", id, group.start.index,
                        group.start.term, group.state);
    for (const auto& [index, entry] : group.entries) {
      text += fmt::format(" {}/{}({} bytes)", index, entry.first, entry.second.size());
    }
    text += '\n';
  }
  for (const auto& [id, index] : marks) text += fmt::format("  mark {}: {}\n", id, index);
  for (const auto& [key, value] : rows) {
    text += fmt::format("  {}: {} of {} bytes\n", key, value.substr(0, 12), value.size());
  }
  return text;
}

absl::StatusOr<GroupDatabase> ReadGroupDatabase(DB& db, GroupId groups_max) {
  GroupDatabase found;
  Groups& groups = db.groups();
  for (const GroupId id : groups.List()) {
    const std::optional<GroupInfo> info = groups.Find(id);
    GroupContents& group = found.groups[id];
    group.start = info->start;
    group.state = info->state;
    RETURN_IF_ERROR(
        groups.Read(id, info->start.index + 1, info->last_index + 1, [&](const GroupEntry& entry) {
          group.entries[entry.index] = {entry.term, std::string(entry.payload)};
          return true;
        }));
    for (const auto& [index, entry] : group.entries) {
      if (groups.TermAt(id, index) == entry.first) continue;
      return InternalError("group {}: the term of {} is not the entry's", id, index);
    }
  }
  for (GroupId id = 1; id <= groups_max; ++id) {
    if (const uint64_t mark = groups.MarkOf(id); mark != 0) found.marks[id] = mark;
  }
  const std::unique_ptr<Iterator> rows = db.NewIterator();
  for (rows->SeekToFirst(); rows->Valid(); rows->Next()) {
    const std::string head(rows->value_head());
    const std::string_view value = rows->value();
    const size_t head_min = std::min<size_t>(value.size(), HeadBytesOf(rows->key()));
    if (rows->Valid() && (!value.starts_with(head) || head.size() < head_min)) {
      return InternalError("the value of {}, of {} bytes, does not begin with its head of {} bytes",
                           rows->key(), value.size(), head.size());
    }
    found.rows[std::string(rows->key())] = std::string(value);
  }
  RETURN_IF_ERROR(rows->status());
  return found;
}

}  // namespace nokv::tests
