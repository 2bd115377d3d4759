#include "engine/vfs/mem_tree.h"

#include <algorithm>
#include <functional>
#include <set>
#include <unordered_map>
#include <utility>

namespace nokv::vfs {
namespace {

using NameKey = std::pair<const MemDirectory*, std::string>;

// Calls `visit` for each directory that can be seen from `from` now, or that a power cut can show.
void VisitDirectories(const std::shared_ptr<MemDirectory>& from,
                      std::set<const MemDirectory*>& seen,
                      const std::function<void(MemDirectory&)>& visit) {
  if (from == nullptr || !seen.insert(from.get()).second) return;
  for (const auto& [name, entry] : from->entries) VisitDirectories(entry.directory, seen, visit);
  for (const auto& [name, entry] : from->durable) VisitDirectories(entry.directory, seen, visit);
  visit(*from);
}

std::vector<std::string> SplitPath(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    if (!part.empty() && part != ".") parts.emplace_back(part);
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return parts;
}

}  // namespace

absl::StatusOr<MemPlace> MemTree::Find(std::string_view path) const {
  std::vector<std::string> parts = SplitPath(path);
  if (parts.empty()) return InvalidArgumentError("{} is the root", path);
  MemPlace place{root_, std::move(parts.back())};
  parts.pop_back();
  for (const std::string& part : parts) {
    const auto entry = place.directory->entries.find(part);
    if (entry == place.directory->entries.end() || entry->second.directory == nullptr) {
      return NotFoundError("{}: there is no directory {}", path, part);
    }
    place.directory = entry->second.directory;
  }
  return place;
}

absl::StatusOr<std::shared_ptr<MemDirectory>> MemTree::FindDirectory(std::string_view path) const {
  if (SplitPath(path).empty()) return root_;
  ASSIGN_OR_RETURN(const MemEntry entry, Get(path));
  if (entry.directory == nullptr) return InternalError("{} is not a directory", path);
  return entry.directory;
}

absl::StatusOr<MemEntry> MemTree::Get(std::string_view path) const {
  ASSIGN_OR_RETURN(const MemPlace place, Find(path));
  const auto entry = place.directory->entries.find(place.name);
  if (entry == place.directory->entries.end()) return NotFoundError("{} does not exist", path);
  return entry->second;
}

absl::StatusOr<std::shared_ptr<MemFile>> MemTree::GetFile(std::string_view path) const {
  ASSIGN_OR_RETURN(const MemEntry entry, Get(path));
  if (entry.file == nullptr) return InternalError("{} is a directory", path);
  return entry.file;
}

void MemTree::Apply(std::map<std::string, MemEntry>& entries, const Edit& edit) {
  if (edit.after.exists()) {
    entries[edit.name] = edit.after;
  } else {
    entries.erase(edit.name);
  }
}

void MemTree::Perform(Change change) {
  for (const Edit& edit : change) {
    std::map<std::string, MemEntry>& entries = edit.directory->entries;
    const auto before = entries.find(edit.name);
    if (before != entries.end() && before->second.file != nullptr)
      --before->second.file->link_count;
    if (edit.after.file != nullptr) ++edit.after.file->link_count;
    Apply(entries, edit);
  }
  pending_.push_back(std::move(change));
}

void MemTree::Set(const MemPlace& place, MemEntry entry) {
  Perform({{place.directory, place.name, std::move(entry)}});
}

void MemTree::Rename(const MemPlace& from, const MemPlace& to) {
  MemEntry moved = from.directory->entries.at(from.name);
  // The new name first: KeepChanges() may stop between the two.
  Perform({{to.directory, to.name, std::move(moved)}, {from.directory, from.name, {}}});
}

void MemTree::SyncDirectory(const MemDirectory& directory) {
  // Backwards, so that each chosen change also chooses the earlier ones of its names.
  std::set<NameKey> names;
  std::vector<bool> is_chosen(pending_.size());
  for (size_t i = pending_.size(); i-- > 0;) {
    const bool chosen = std::any_of(pending_[i].begin(), pending_[i].end(), [&](const Edit& edit) {
      return edit.directory.get() == &directory ||
             names.count({edit.directory.get(), edit.name}) > 0;
    });
    if (!chosen) continue;
    is_chosen[i] = true;
    for (const Edit& edit : pending_[i]) names.insert({edit.directory.get(), edit.name});
  }
  std::vector<Change> waiting;
  for (size_t i = 0; i < pending_.size(); ++i) {
    if (!is_chosen[i]) {
      waiting.push_back(std::move(pending_[i]));
      continue;
    }
    for (const Edit& edit : pending_[i]) Apply(edit.directory->durable, edit);
  }
  pending_ = std::move(waiting);
}

void MemTree::KeepChanges(Random& random, PowerCutMode mode) {
  const uint64_t chance = 1 + random.Uniform(7);  // Of eight.
  const size_t first_kept = random.Uniform(pending_.size() + 1);
  std::set<NameKey> lost;
  for (size_t i = 0; i < pending_.size(); ++i) {
    const Change& change = pending_[i];
    const bool builds_on_lost = std::any_of(change.begin(), change.end(), [&](const Edit& edit) {
      return lost.count({edit.directory.get(), edit.name}) > 0;
    });
    bool kept = mode == PowerCutMode::kKeepEverything;
    if (mode == PowerCutMode::kRandom) kept = random.Uniform(8) < chance;
    if (mode == PowerCutMode::kReorder) kept = i >= first_kept;
    if (!kept || builds_on_lost) {
      for (const Edit& edit : change) lost.insert({edit.directory.get(), edit.name});
      continue;
    }
    // File systems without a journal may show a renamed file under both of its names.
    const bool lags = mode == PowerCutMode::kRandom && change.size() > 1 && random.OneIn(4);
    for (size_t e = 0; e < (lags ? 1 : change.size()); ++e) {
      Apply(change[e].directory->durable, change[e]);
    }
  }
  pending_.clear();
}

void MemTree::PowerCut(Random& random, PowerCutMode mode) {
  KeepChanges(random, mode);
  std::set<const MemDirectory*> seen;
  VisitDirectories(root_, seen, [](MemDirectory& directory) {
    directory.entries = directory.durable;
    for (const auto& [name, entry] : directory.entries) {
      if (entry.file != nullptr) entry.file->link_count = 0;
    }
  });
  ForEachFile([&](const std::string& path, const std::shared_ptr<MemFile>& file) {
    (void)path;
    if (file->link_count++ > 0) return;  // Another name of a file we have dealt with.
    file->open_count = 0;
    file->mapping_damaged = false;
    file->image.PowerCut(random, mode);
  });
}

MemTree MemTree::Clone() const {
  std::unordered_map<const MemFile*, std::shared_ptr<MemFile>> files;
  std::unordered_map<const MemDirectory*, std::shared_ptr<MemDirectory>> directories;
  std::function<std::shared_ptr<MemDirectory>(const MemDirectory&)> copy_directory;

  const auto copy_entry = [&](const MemEntry& entry) {
    MemEntry copy;
    if (entry.directory != nullptr) copy.directory = copy_directory(*entry.directory);
    if (entry.file == nullptr) return copy;
    std::shared_ptr<MemFile>& file = files[entry.file.get()];
    if (file == nullptr) {
      file = std::make_shared<MemFile>(entry.file->image.Clone());
      file->link_count = entry.file->link_count;
      file->charged_bytes = entry.file->charged_bytes;
      file->mapping_damaged = entry.file->mapping_damaged;
    }
    copy.file = file;
    return copy;
  };
  copy_directory = [&](const MemDirectory& directory) {
    std::shared_ptr<MemDirectory>& copy = directories[&directory];
    if (copy != nullptr) return copy;
    copy = std::make_shared<MemDirectory>();
    const std::shared_ptr<MemDirectory> made = copy;  // The map may move its values meanwhile.
    for (const auto& [name, entry] : directory.entries) made->entries[name] = copy_entry(entry);
    for (const auto& [name, entry] : directory.durable) made->durable[name] = copy_entry(entry);
    return made;
  };

  MemTree tree;
  tree.root_ = copy_directory(*root_);
  for (const Change& change : pending_) {
    Change copy;
    for (const Edit& edit : change) {
      copy.push_back({copy_directory(*edit.directory), edit.name, copy_entry(edit.after)});
    }
    tree.pending_.push_back(std::move(copy));
  }
  return tree;
}

}  // namespace nokv::vfs
