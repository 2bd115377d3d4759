// An open table: its sections in memory, its blocks through the cache.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/status.h"
#include "engine/table/block.h"
#include "engine/table/block_cache.h"
#include "engine/table/filter.h"
#include "engine/table/index.h"
#include "engine/table/liveness.h"
#include "engine/table/table_builder.h"
#include "engine/table/table_format.h"
#include "engine/vfs/file_system.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::table {

// What a table keeps in memory. Each part has passed its checksum and its grammar.
struct Sections {
  Footer footer;
  std::vector<RangeTombstone> tombstones;
  LivenessDirectory directory;
  Filter filter;
  Index index;
  TableSummary summary;
};

absl::StatusOr<Sections> ReadSections(const vfs::ReadableFile& file, std::string_view name);

class TableFile {
 public:
  TableFile(std::unique_ptr<vfs::ReadableFile> file, std::string name, Sections sections,
            BlockCache& cache);
  ~TableFile();

  // A data block through the cache, good as long as the caller's EpochGuard.
  absl::StatusOr<Block*> Load(size_t number) const {
    Block* const block = slots_[number].load();
    if (block == nullptr) return LoadMissing(number);
    block->MarkUsed();
    cache_.CountHit();
    return block;
  }

  // The block if it is in the cache, else none. Leaves no mark.
  BlockRef Peek(size_t number) const;

  // The block whose bytes were read from the file, checked.
  absl::StatusOr<BlockRef> Parse(size_t number, std::string_view bytes) const;

  const vfs::ReadableFile& file() const { return *file_; }

  const std::string& name() const { return name_; }

  const Sections& sections() const { return sections_; }

 private:
  absl::StatusOr<Block*> LoadMissing(size_t number) const;

  const std::unique_ptr<vfs::ReadableFile> file_;
  const std::string name_;
  const Sections sections_;
  BlockCache& cache_;
  int64_t charged_bytes_ = 0;
  const std::unique_ptr<BlockSlot[]> slots_;  // One per data block.
};

}  // namespace nokv::table
