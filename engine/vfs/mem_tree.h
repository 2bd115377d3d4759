// The names of a file system in memory: which exist, and which would after a power cut.
//
// A change of names (create, link, remove, rename) is seen at once and waits in `pending_` until
// SyncDirectory() of a directory it touches. A power cut keeps some of the waiting changes, with
// one rule: a change survives only if every earlier change of the same names did. So a rename over
// an existing name leaves the old file or the new one, never none.
//
// Thread-safety: none; the file system's lock is held.
#pragma once

#include "engine/base/random.h"
#include "engine/base/status.h"
#include "engine/vfs/mem_image.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nokv::vfs {

struct MemFile {
  explicit MemFile(MemImage bytes) : image(std::move(bytes)) {}

  MemImage image;
  uint32_t link_count = 0;     // Names seen now, not those a power cut might bring back.
  uint32_t open_count = 0;     // Handles of living processes.
  uint64_t charged_bytes = 0;  // Of the disk's capacity.
  bool mapping_damaged = false;
};

struct MemDirectory;

// What a name stands for: a file, a directory, or nothing.
struct MemEntry {
  std::shared_ptr<MemFile> file;
  std::shared_ptr<MemDirectory> directory;

  bool exists() const { return file != nullptr || directory != nullptr; }
};

struct MemDirectory {
  std::map<std::string, MemEntry> entries;
  std::map<std::string, MemEntry> durable;
};

// A name in a directory that exists; the name itself may not.
struct MemPlace {
  std::shared_ptr<MemDirectory> directory;
  std::string name;
};

class MemTree {
 public:
  MemTree() : root_(std::make_shared<MemDirectory>()) {}

  // "/a/b", "a/b" and "./a//b" are the same place. NotFound if a directory on the way is missing.
  absl::StatusOr<MemPlace> Find(std::string_view path) const;

  // The root has no place, so directories are found by themselves.
  absl::StatusOr<std::shared_ptr<MemDirectory>> FindDirectory(std::string_view path) const;

  // What is there; NotFound if nothing is.
  absl::StatusOr<MemEntry> Get(std::string_view path) const;

  absl::StatusOr<std::shared_ptr<MemFile>> GetFile(std::string_view path) const;

  // `entry` takes the name, or nobody does if it is empty.
  void Set(const MemPlace& place, MemEntry entry);

  // One change: no power cut leaves `to` without a file that had one.
  void Rename(const MemPlace& from, const MemPlace& to);

  void SyncDirectory(const MemDirectory& directory);

  // Decides the fate of each waiting change and of each unsynced page, counts links anew and
  // forgets open handles.
  void PowerCut(Random& random, PowerCutMode mode);

  // Every file that can be seen, once, in the order of paths; `visit` takes a path and the file.
  template <typename Visit>
  void ForEachFile(Visit visit) const {
    VisitFiles(*root_, "", visit);
  }

  size_t pending_count() const { return pending_.size(); }

  // A copy that shares nothing, without open handles.
  MemTree Clone() const;

 private:
  struct Edit {
    std::shared_ptr<MemDirectory> directory;
    std::string name;
    MemEntry after;
  };

  // Edits that reach the disk together.
  using Change = std::vector<Edit>;

  template <typename Visit>
  static void VisitFiles(const MemDirectory& directory, const std::string& prefix, Visit& visit) {
    for (const auto& [name, entry] : directory.entries) {
      const std::string path = prefix + "/" + name;
      if (entry.file != nullptr) visit(path, entry.file);
      if (entry.directory != nullptr) VisitFiles(*entry.directory, path, visit);
    }
  }

  static void Apply(std::map<std::string, MemEntry>& entries, const Edit& edit);
  void Perform(Change change);
  void KeepChanges(Random& random, PowerCutMode mode);

  std::shared_ptr<MemDirectory> root_;
  std::vector<Change> pending_;
};

}  // namespace nokv::vfs
