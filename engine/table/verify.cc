#include "engine/table/verify.h"

#include "engine/table/block_cursor.h"
#include "engine/table/filter.h"
#include "engine/table/summary.h"

#include <string>
#include <utility>
#include <vector>

namespace nokv::table {
namespace {

class Verifier {
 public:
  Verifier(const TableFile& table, const std::function<void(uint64_t bytes)>& progress)
      : table_(table), progress_(progress) {}

  absl::Status Run();

 private:
  absl::Status CheckDataBlock(size_t number);
  absl::Status CheckEntry(size_t number, const Entry& entry);
  absl::Status CheckLiveness();
  absl::Status CheckSummary() const;

  void Report(uint64_t bytes) const {
    if (progress_) progress_(bytes);
  }

  const TableFile& table_;
  const std::function<void(uint64_t bytes)>& progress_;
  Sections sections_;     // As the file has them now.
  TableSummary counted_;  // As the entries have it.
  LivenessBuilder liveness_;
  std::string last_key_;
  Sequence last_sequence_ = 0;
};

absl::Status Verifier::Run() {
  ASSIGN_OR_RETURN(sections_, ReadSections(table_.file(), table_.name()));
  for (size_t number = 0; number < sections_.index.blocks(); ++number) {
    RETURN_IF_ERROR(CheckDataBlock(number));
    Report(sections_.index.block(number).size_bytes);
  }
  for (const RangeTombstone& tombstone : sections_.tombstones) AddToSummary(tombstone, &counted_);
  RETURN_IF_ERROR(CheckLiveness());
  Report(sections_.footer.liveness.size_bytes);
  RETURN_IF_ERROR(CheckSummary());
  Report(table_.file().size_bytes() - sections_.footer.liveness.end());
  return absl::OkStatus();
}

absl::Status Verifier::CheckDataBlock(size_t number) {
  const Section section = sections_.index.block(number);
  std::string scratch;
  ASSIGN_OR_RETURN(const std::string_view content,
                   ReadBlock(table_.file(), table_.name(), section, &scratch));
  BlockRef block = Block::Parse(content);
  if (!block) return MalformedError(table_.name(), "data block", section.offset);
  BlockCursor cursor;
  cursor.Reset(std::move(block));
  for (cursor.SeekToFirst(); cursor.valid(); cursor.Next()) {
    RETURN_IF_ERROR(CheckEntry(number, cursor.entry()));
  }
  return absl::OkStatus();
}

absl::Status Verifier::CheckEntry(size_t number, const Entry& entry) {
  const uint64_t offset = sections_.index.block(number).offset;
  if (counted_.entries > 0 &&
      CompareVersions(last_key_, last_sequence_, entry.key, entry.sequence) >= 0) {
    return DataLossError("table {}: block at offset {} holds entry {} out of order", table_.name(),
                         offset, counted_.entries);
  }
  if (sections_.index.Find(entry.key, entry.sequence) != number) {
    return DataLossError("table {}: the index at offset {} does not lead to the block at {}",
                         table_.name(), sections_.footer.index.offset, offset);
  }
  if (!sections_.filter.MayContain(HashKey(entry.key))) {
    return DataLossError("table {}: the filter at offset {} denies a key of the block at {}",
                         table_.name(), sections_.footer.filter.offset, offset);
  }
  if (entry.has_handle()) liveness_.Add(entry.handle);
  AddToSummary(entry, &counted_);
  last_key_.assign(entry.key);
  last_sequence_ = entry.sequence;
  return absl::OkStatus();
}

// One set of handles has one encoding, so equal bytes are equal liveness.
absl::Status Verifier::CheckLiveness() {
  const Footer& footer = sections_.footer;
  LivenessBuilder::Result expected = liveness_.Finish(footer.liveness.offset);
  std::string blocks(footer.liveness.size_bytes, '\0');
  RETURN_IF_ERROR(table_.file().Read(footer.liveness.offset, blocks.size(), blocks.data()));
  for (const Section block : sections_.directory.blocks) {
    const std::string_view bytes =
        std::string_view(blocks).substr(block.offset - footer.liveness.offset, block.size_bytes);
    RETURN_IF_ERROR(OpenBlock(bytes, block.offset, table_.name()).status());
  }
  if (blocks != expected.blocks || sections_.directory.segments != expected.segments) {
    return DataLossError("table {}: the liveness at offset {} is not that of its {} entries",
                         table_.name(), footer.liveness.offset, counted_.entries);
  }
  counted_.segments = std::move(expected.segments);
  return absl::OkStatus();
}

absl::Status Verifier::CheckSummary() const {
  TableSummary stored = sections_.summary;
  stored.size_bytes = 0;  // Not counted, but the file's.
  if (stored != counted_) {
    return DataLossError(
        "table {}: the summary at offset {} tells {} entries and {} range tombstones, the table "
        "has "
        "{} and {}, or another detail differs",
        table_.name(), sections_.footer.summary.offset, stored.entries, stored.range_tombstones,
        counted_.entries, counted_.range_tombstones);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status VerifyTable(const TableFile& table,
                         const std::function<void(uint64_t bytes)>& progress) {
  return Verifier(table, progress).Run();
}

}  // namespace nokv::table
