#include "engine/table/table.h"

#include "engine/table/table_file.h"
#include "engine/table/table_iterator.h"
#include "engine/table/verify.h"

#include <algorithm>
#include <utility>

namespace nokv::table {

absl::StatusOr<std::shared_ptr<const Table>> Table::Open(std::unique_ptr<vfs::ReadableFile> file,
                                                         std::string name, BlockCache& cache) {
  ASSIGN_OR_RETURN(Sections sections, ReadSections(*file, name));
  auto open = std::make_unique<const TableFile>(std::move(file), std::move(name),
                                                std::move(sections), cache);
  return std::shared_ptr<const Table>(new Table(std::move(open)));
}

Table::Table(std::unique_ptr<const TableFile> file) : file_(std::move(file)) {}

Table::~Table() = default;

uint64_t Table::HashKey(std::string_view key) { return table::HashKey(key); }

bool Table::MayContain(uint64_t key_hash) const {
  return file_->sections().filter.MayContain(key_hash);
}

absl::StatusOr<bool> Table::Get(std::string_view key, uint64_t key_hash, Sequence bound,
                                Entry* entry) const {
  const Sections& sections = file_->sections();
  if (!sections.filter.MayContain(key_hash)) return false;
  const size_t number = sections.index.Find(key, bound);
  if (number == sections.index.blocks()) return false;
  ASSIGN_OR_RETURN(const Block* const block, file_->Load(number));
  return block->Find(key, bound, entry);
}

std::unique_ptr<TableIterator> Table::NewIterator(bool fill_cache) const {
  return NewTableIterator(*file_, fill_cache);
}

const std::vector<RangeTombstone>& Table::range_tombstones() const {
  return file_->sections().tombstones;
}

const TableSummary& Table::summary() const { return file_->sections().summary; }

absl::StatusOr<std::vector<uint32_t>> Table::LiveOrdinals(uint32_t segment) const {
  const LivenessDirectory& directory = file_->sections().directory;
  const auto at = std::lower_bound(directory.segments.begin(), directory.segments.end(), segment,
                                   [](const SegmentReference& reference, uint32_t wanted) {
                                     return reference.segment < wanted;
                                   });
  if (at == directory.segments.end() || at->segment != segment) return std::vector<uint32_t>();

  const Section block = directory.blocks[static_cast<size_t>(at - directory.segments.begin())];
  std::string scratch;
  ASSIGN_OR_RETURN(const std::string_view content,
                   ReadBlock(file_->file(), file_->name(), block, &scratch));
  std::optional<std::vector<uint32_t>> ordinals = DecodeOrdinals(content, at->values);
  if (!ordinals.has_value()) {
    return MalformedError(file_->name(), "liveness block", block.offset);
  }
  return *std::move(ordinals);
}

absl::Status Table::Verify(const std::function<void(uint64_t bytes)>& progress) const {
  return VerifyTable(*file_, progress);
}

}  // namespace nokv::table
