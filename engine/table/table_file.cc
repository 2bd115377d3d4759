#include "engine/table/table_file.h"

#include "engine/base/epoch.h"
#include "engine/table/summary.h"

#include <utility>

namespace nokv::table {
namespace {

// Reads the block of a section and decodes its content into `target`.
template <typename Decode, typename Target>
absl::Status ReadSection(const vfs::ReadableFile& file, std::string_view name,
                         std::string_view what, Section section, Decode decode, Target* target) {
  std::string scratch;
  ASSIGN_OR_RETURN(const std::string_view content, ReadBlock(file, name, section, &scratch));
  auto decoded = decode(content);
  if (!decoded.has_value()) return MalformedError(name, what, section.offset);
  *target = *std::move(decoded);
  return absl::OkStatus();
}

size_t TombstoneBytes(const std::vector<RangeTombstone>& tombstones) {
  size_t bytes = tombstones.capacity() * sizeof(RangeTombstone);
  for (const RangeTombstone& tombstone : tombstones) {
    bytes += tombstone.start.capacity() + tombstone.end.capacity();
  }
  return bytes;
}

}  // namespace

absl::StatusOr<Sections> ReadSections(const vfs::ReadableFile& file, std::string_view name) {
  Sections sections;
  ASSIGN_OR_RETURN(sections.footer, ReadFooter(file, name));
  const Footer& footer = sections.footer;
  RETURN_IF_ERROR(ReadSection(file, name, "range tombstones", footer.tombstones, DecodeTombstones,
                              &sections.tombstones));
  RETURN_IF_ERROR(ReadSection(
      file, name, "liveness directory", footer.directory,
      [&](std::string_view content) { return LivenessDirectory::Decode(content, footer.liveness); },
      &sections.directory));
  RETURN_IF_ERROR(
      ReadSection(file, name, "filter", footer.filter, Filter::Decode, &sections.filter));
  RETURN_IF_ERROR(ReadSection(
      file, name, "index", footer.index,
      [&](std::string_view content) { return Index::Decode(content, footer.data); },
      &sections.index));
  RETURN_IF_ERROR(
      ReadSection(file, name, "summary", footer.summary, DecodeSummary, &sections.summary));
  sections.summary.size_bytes = file.size_bytes();
  sections.summary.segments = sections.directory.segments;
  return sections;
}

TableFile::TableFile(std::unique_ptr<vfs::ReadableFile> file, std::string name, Sections sections,
                     BlockCache& cache)
    : file_(std::move(file)),
      name_(std::move(name)),
      sections_(std::move(sections)),
      cache_(cache),
      slots_(std::make_unique<BlockSlot[]>(sections_.index.blocks())) {
  const size_t bytes =
      sizeof(*this) + sections_.filter.memory_bytes() + sections_.index.memory_bytes() +
      TombstoneBytes(sections_.tombstones) +
      sections_.directory.segments.capacity() * (2 * sizeof(SegmentReference) + sizeof(Section)) +
      sections_.index.blocks() * sizeof(BlockSlot);
  charged_bytes_ = static_cast<int64_t>(bytes);
  cache_.Charge(charged_bytes_);
}

TableFile::~TableFile() {
  cache_.Remove({slots_.get(), sections_.index.blocks()});
  cache_.Charge(-charged_bytes_);
}

BlockRef TableFile::Peek(size_t number) const {
  const EpochGuard guard;
  Block* const block = slots_[number].load();
  return block == nullptr ? BlockRef() : BlockRef(block);
}

absl::StatusOr<BlockRef> TableFile::Parse(size_t number, std::string_view bytes) const {
  const uint64_t offset = sections_.index.block(number).offset;
  ASSIGN_OR_RETURN(const std::string_view content, OpenBlock(bytes, offset, name_));
  BlockRef block = Block::Parse(content);
  if (!block) return MalformedError(name_, "data block", offset);
  return block;
}

absl::StatusOr<Block*> TableFile::LoadMissing(size_t number) const {
  const Section section = sections_.index.block(number);
  std::string bytes(section.size_bytes, '\0');
  RETURN_IF_ERROR(file_->Read(section.offset, bytes.size(), bytes.data()));
  ASSIGN_OR_RETURN(BlockRef fresh, Parse(number, bytes));
  return cache_.Install(slots_[number], std::move(fresh));
}

}  // namespace nokv::table
