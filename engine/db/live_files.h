// The files of one database's directory: opens them once and shares them, and removes each when no
// version, no reader and no manifest needs it any more.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/mutex.h"
#include "engine/log/segment.h"
#include "engine/log/value_file.h"
#include "engine/log/writer.h"
#include "engine/lsm/version.h"
#include "engine/table/block_cache.h"
#include "engine/vfs/file_system.h"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace nokv {

struct LiveFilesOptions {
  vfs::FileSystem* files = nullptr;
  std::string directory;
  uint64_t database_id = 0;
  uint64_t cache_bytes = 0;
  bool map = true;
};

class LiveFiles final : public lsm::FileOpener {
 public:
  explicit LiveFiles(const LiveFilesOptions& options);

  // --- Opening. A file that is open already is shared.

  absl::StatusOr<std::shared_ptr<const table::Table>> OpenTable(uint64_t number) override;
  absl::StatusOr<std::shared_ptr<const log::ValueHost>> OpenSegment(uint32_t number) override;
  absl::StatusOr<std::shared_ptr<const log::ValueHost>> OpenInValueFile(uint32_t value_file,
                                                                        uint32_t segment) override;

  absl::StatusOr<std::shared_ptr<const log::Segment>> OpenLogSegment(uint32_t number);

  // A segment that the writer or recovery has open already.
  void AddSegment(const std::shared_ptr<const log::Segment>& segment);

  // The next number for a table, value file or manifest. Never given twice.
  uint64_t NextNumber() { return next_number_.fetch_add(1); }

  void ReserveNumbersBelow(uint64_t number);

  uint64_t next_number() const { return next_number_.load(); }

  // --- Removing. What an edit that is durable has made obsolete.

  void RetireTable(uint64_t number);
  void RetireSegment(uint32_t number);
  void RetireValueFile(uint32_t number);
  void RetireManifest(uint64_t number);

  bool HasRetired();

  // Removes what is retired and not read any more; a segment with one link becomes the writer's
  // spare of `spare_bytes` if it has none. Returns the number of files still waiting for readers.
  size_t Purge(log::Writer* writer, uint64_t spare_bytes);

  // While held, Purge() removes nothing more: for a checkpoint that links the files of a version
  // which it looks up after this. What a Purge() is removing already is in no such version.
  // Nobody waits for a hold to end, least of all a background step that a writer waits for.
  void HoldRemovals();
  void ReleaseRemovals();

  table::BlockCache& cache() { return cache_; }

  const table::BlockCache& cache() const { return cache_; }

 private:
  template <typename T, typename Number>
  struct Shelf {
    std::map<Number, std::weak_ptr<const T>> open;
    std::vector<Number> retired;
  };

  std::string PathOf(const std::string& name) const {
    return vfs::JoinPath(options_.directory, name);
  }

  bool IsShared(const std::string& path) const;
  void Remove(const std::string& name);

  const LiveFilesOptions options_;
  table::BlockCache cache_;
  std::atomic<uint64_t> next_number_{1};

  Mutex mutex_;
  Shelf<table::Table, uint64_t> tables_ ABSL_GUARDED_BY(mutex_);
  Shelf<log::Segment, uint32_t> segments_ ABSL_GUARDED_BY(mutex_);
  Shelf<log::ValueFile, uint32_t> value_files_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint64_t> manifests_ ABSL_GUARDED_BY(mutex_);
  int holds_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace nokv
