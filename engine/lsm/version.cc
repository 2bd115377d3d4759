#include "engine/lsm/version.h"

#include "engine/base/check.h"

#include <algorithm>
#include <utility>

namespace nokv::lsm {
namespace {

bool NewerFirst(const TableRef& a, const TableRef& b) {
  return a->summary.sequence_max != b->summary.sequence_max
             ? a->summary.sequence_max > b->summary.sequence_max
             : a->number > b->number;
}

bool ByKey(const TableRef& a, const TableRef& b) {
  return a->summary.smallest_key < b->summary.smallest_key;
}

bool MayContain(const Family& family, std::string_view key) {
  const uint64_t hash = table::Table::HashKey(key);
  for (uint32_t number = 0; number < kLevels; ++number) {
    const TableList& level = family.levels[number];
    if (number == 0) {
      for (const TableRef& file : level) {
        if (file->table->MayContain(hash)) return true;
      }
    } else if (const size_t index = FirstTableFor(level, key); index < level.size()) {
      const TableFile& file = *level[index];
      if (file.summary.smallest_key <= key && file.table->MayContain(hash)) return true;
    }
  }
  return false;
}

absl::StatusOr<TableRef> MakeTableFile(const NewTable& added, FileOpener* opener) {
  const uint64_t number = added.number;
  const table::TableSummary& summary = added.summary;
  auto file = std::make_shared<TableFile>();
  file->number = number;
  file->summary = summary;
  file->replaced_share = added.replaced_share;
  if (opener != nullptr) {
    ASSIGN_OR_RETURN(file->table, opener->OpenTable(number));
    if (file->table->summary() != summary) {
      return DataLossError("table {}: its own summary is not the manifest's", number);
    }
    if (!file->table->range_tombstones().empty()) {
      file->range_tombstones =
          std::make_unique<const RangeTombstones>(file->table->range_tombstones());
    }
  }
  return TableRef(std::move(file));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Version>> Version::Apply(const VersionEdit& edit,
                                                              FileOpener& opener) const {
  auto next = std::make_shared<Version>(*this);
  next->ApplyNumbers(edit);
  next->ApplyGroups(edit);
  RETURN_IF_ERROR(next->ApplyFamilies(edit));
  RETURN_IF_ERROR(next->ApplySegments(edit, &opener));
  RETURN_IF_ERROR(next->ApplyTables(edit, &opener));
  RETURN_IF_ERROR(next->CheckReferences());
  next->IndexHosts();
  return std::shared_ptr<const Version>(std::move(next));
}

absl::Status Version::Fold(const VersionEdit& edit) {
  if (edit.database_id.has_value()) database_id_ = *edit.database_id;
  ApplyNumbers(edit);
  ApplyGroups(edit);
  RETURN_IF_ERROR(ApplyFamilies(edit));
  RETURN_IF_ERROR(ApplySegments(edit, nullptr));
  return ApplyTables(edit, nullptr);
}

absl::Status Version::FinishFold(FileOpener& opener) {
  for (auto& [id, family] : families_) {
    for (TableList& level : family.levels) {
      for (TableRef& table : level) {
        ASSIGN_OR_RETURN(
            table, MakeTableFile({.number = table->number, .summary = table->summary}, &opener));
      }
    }
  }
  for (auto& [number, space] : segments_) {
    if (space.value_file == 0) {
      ASSIGN_OR_RETURN(space.host, opener.OpenSegment(number));
    } else {
      ASSIGN_OR_RETURN(space.host, opener.OpenInValueFile(space.value_file, number));
    }
  }
  RETURN_IF_ERROR(CheckReferences());
  IndexHosts();
  return absl::OkStatus();
}

void Version::ApplyNumbers(const VersionEdit& edit) {
  if (edit.log_boundary.has_value()) log_boundary_ = *edit.log_boundary;
  if (edit.next_file_number.has_value()) next_file_number_ = *edit.next_file_number;
  if (edit.boot_id.has_value()) boot_id_ = *edit.boot_id;
  closed_log_end_ = edit.closed_log_end;
}

// Two edits that were made side by side may free the same segments, and one may hold what the other
// has freed: the higher beginning counts.
void Version::ApplyGroups(const VersionEdit& edit) {
  for (const HeldSegment& segment : edit.held_segments) {
    held_segments_[segment.number] = segment.size_bytes;
  }
  held_begin_ = std::max(held_begin_, edit.held_begin.value_or(0));
  held_segments_.erase(held_segments_.begin(), held_segments_.lower_bound(held_begin_));
  for (const GroupMarkEdit& mark : edit.marks) {
    if (mark.index == 0) {
      marks_.erase(mark.group);
    } else {
      marks_[mark.group] = mark.index;
    }
  }
}

absl::Status Version::ApplyFamilies(const VersionEdit& edit) {
  for (const NewFamily& family : edit.new_families) {
    if (!families_.try_emplace(family.id, Family{family.name, {}}).second) {
      return DataLossError("manifest: column family {} is created twice", family.id);
    }
  }
  for (const uint16_t id : edit.dropped_families) {
    const auto found = families_.find(id);
    if (found == families_.end()) {
      return DataLossError("manifest: column family {} is dropped but not there", id);
    }
    for (const TableList& level : found->second.levels) {
      for (const TableRef& table : level) AddLive(table->summary, false);
    }
    families_.erase(found);
  }
  return absl::OkStatus();
}

absl::Status Version::ApplyTables(const VersionEdit& edit, FileOpener* opener) {
  for (const DeletedTable& deleted : edit.deleted_tables) {
    const auto family = families_.find(deleted.column_family);
    if (family == families_.end()) continue;  // Dropped while the edit was made.
    if (deleted.level >= kLevels) {
      return DataLossError("manifest: table {} at level {}", deleted.number, deleted.level);
    }
    TableList& level = family->second.levels[deleted.level];
    const auto found = std::find_if(level.begin(), level.end(), [&](const TableRef& table) {
      return table->number == deleted.number;
    });
    if (found == level.end()) {
      return DataLossError("manifest: table {} is deleted from level {} but not there",
                           deleted.number, deleted.level);
    }
    AddLive((*found)->summary, false);
    level.erase(found);
  }
  for (const NewTable& added : edit.new_tables) {
    const auto family = families_.find(added.column_family);
    if (family == families_.end()) continue;
    if (added.level >= kLevels) {
      return DataLossError("manifest: table {} at level {}", added.number, added.level);
    }
    ASSIGN_OR_RETURN(TableRef file, MakeTableFile(added, opener));
    AddLive(file->summary, true);
    TableList& level = family->second.levels[added.level];
    const auto at =
        std::upper_bound(level.begin(), level.end(), file, added.level == 0 ? NewerFirst : ByKey);
    level.insert(at, std::move(file));
  }
  return absl::OkStatus();
}

absl::Status Version::ApplySegments(const VersionEdit& edit, FileOpener* opener) {
  for (const NewValueFile& file : edit.new_value_files) {
    value_files_[file.number].size_bytes = file.size_bytes;
  }
  for (const NewSegment& added : edit.segments) {
    SegmentSpace& space = segments_[added.number];
    if (space.value_file != 0) {
      ValueFileSpace& old = value_files_[space.value_file];
      --old.segments;
      old.live_bytes -= space.live_bytes;
    }
    space.size_bytes = added.size_bytes;
    space.value_file = added.value_file;
    if (added.value_file != 0) {
      const auto file = value_files_.find(added.value_file);
      if (file == value_files_.end()) {
        return DataLossError("manifest: segment {} lives in value file {}, which is not there",
                             added.number, added.value_file);
      }
      ++file->second.segments;
      file->second.live_bytes += space.live_bytes;
    }
    if (opener == nullptr) continue;
    if (added.value_file == 0) {
      ASSIGN_OR_RETURN(space.host, opener->OpenSegment(added.number));
    } else {
      ASSIGN_OR_RETURN(space.host, opener->OpenInValueFile(added.value_file, added.number));
    }
  }
  for (const uint32_t number : edit.freed_segments) {
    const auto found = segments_.find(number);
    if (found == segments_.end()) {
      return DataLossError("manifest: segment {} is freed but not there", number);
    }
    if (found->second.value_file != 0) --value_files_[found->second.value_file].segments;
    segments_.erase(found);
  }
  for (const uint32_t number : edit.deleted_value_files) {
    const auto found = value_files_.find(number);
    if (found == value_files_.end() || found->second.segments != 0) {
      return DataLossError("manifest: value file {} is deleted but not there or in use", number);
    }
    value_files_.erase(found);
  }
  return absl::OkStatus();
}

void Version::AddLive(const table::TableSummary& summary, bool is_added) {
  for (const table::SegmentReference& reference : summary.segments) {
    SegmentSpace& space = segments_[reference.segment];  // CheckReferences() finds unknown ones.
    ValueFileSpace* file = space.value_file == 0 ? nullptr : &value_files_[space.value_file];
    if (is_added) {
      space.live_bytes += reference.record_bytes;
      space.live_values += reference.values;
      if (file != nullptr) file->live_bytes += reference.record_bytes;
    } else {
      space.live_bytes -= reference.record_bytes;
      space.live_values -= reference.values;
      if (file != nullptr) file->live_bytes -= reference.record_bytes;
    }
  }
}

absl::Status Version::CheckReferences() const {
  for (const auto& [number, space] : segments_) {
    if (space.host == nullptr) {
      return DataLossError("manifest: tables refer to segment {}, which is not recorded", number);
    }
    // Where values are parts of entries, several tables may need, and count, the same entry.
    if (space.live_bytes > space.size_bytes && held_begin_ == 0) {
      return DataLossError("manifest: {} of {} bytes of segment {} are live", space.live_bytes,
                           space.size_bytes, number);
    }
  }
  return absl::OkStatus();
}

void Version::IndexHosts() {
  hosts_ = HostIndex(segments_.size());
  for (const auto& [number, space] : segments_) hosts_.Add(number, space.host.get());
}

VersionEdit Version::ToEdit() const {
  VersionEdit edit;
  edit.database_id = database_id_;
  edit.boot_id = boot_id_;
  edit.log_boundary = log_boundary_;
  edit.next_file_number = next_file_number_;
  for (const auto& [number, file] : value_files_) {
    edit.new_value_files.push_back({number, file.size_bytes});
  }
  for (const auto& [number, space] : segments_) {
    edit.segments.push_back({number, space.size_bytes, space.value_file});
  }
  for (const auto& [number, size] : held_segments_) edit.held_segments.push_back({number, size});
  if (held_begin_ > 0) edit.held_begin = held_begin_;
  for (const auto& [group, index] : marks_) edit.marks.push_back({group, index});
  for (const auto& [id, family] : families_) {
    edit.new_families.push_back({id, family.name});
    for (uint32_t level = 0; level < kLevels; ++level) {
      for (const TableRef& table : family.levels[level]) {
        edit.new_tables.push_back({id, level, table->number, table->summary});
      }
    }
  }
  return edit;
}

uint64_t Version::table_bytes() const {
  uint64_t bytes = 0;
  for (const auto& [id, family] : families_) {
    for (const TableList& level : family.levels) {
      for (const TableRef& table : level) bytes += table->summary.size_bytes;
    }
  }
  return bytes;
}

uint64_t Version::live_value_bytes() const {
  uint64_t bytes = 0;
  // No file counts for more than it has: what several tables count of one must not hide what is
  // dead in another.
  for (const auto& [number, space] : segments_) {
    if (space.value_file == 0) bytes += std::min(space.live_bytes, space.size_bytes);
  }
  for (const auto& [number, file] : value_files_) {
    bytes += std::min(file.live_bytes, file.size_bytes);
  }
  return bytes;
}

uint64_t Version::segment_bytes() const {
  uint64_t bytes = 0;
  for (const auto& [number, space] : segments_) {
    if (space.value_file != 0) continue;
    // What else stands in a held segment is not for the values' collection to free.
    const bool is_held = held_segments_.contains(number);
    bytes += is_held ? std::min(space.live_bytes, space.size_bytes) : space.size_bytes;
  }
  for (const auto& [number, file] : value_files_) bytes += file.size_bytes;
  return bytes;
}

size_t FirstTableFor(const TableList& level, std::string_view key) {
  const auto found = std::lower_bound(
      level.begin(), level.end(), key,
      [](const TableRef& table, std::string_view k) { return table->summary.largest_key < k; });
  return static_cast<size_t>(found - level.begin());
}

double ReplacedShare(const MemTable& memtable, const Family& family) {
  constexpr size_t kSample = 1024;
  const std::vector<std::string_view> keys = memtable.SampleKeys(kSample);
  const auto found = std::count_if(keys.begin(), keys.end(),
                                   [&](std::string_view key) { return MayContain(family, key); });
  return keys.empty() ? 0 : static_cast<double>(found) / static_cast<double>(keys.size());
}

std::pair<size_t, size_t> OverlappingRange(const TableList& level, std::string_view start,
                                           std::string_view end) {
  const size_t first = FirstTableFor(level, start);
  size_t last = first;
  while (last < level.size() && level[last]->summary.smallest_key <= end) ++last;
  return {first, last};
}

}  // namespace nokv::lsm
