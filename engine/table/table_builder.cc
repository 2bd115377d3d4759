#include "engine/table/table_builder.h"

#include "engine/base/check.h"
#include "engine/base/planted.h"
#include "engine/table/block_builder.h"
#include "engine/table/entry_codec.h"
#include "engine/table/filter.h"
#include "engine/table/index.h"
#include "engine/table/liveness.h"
#include "engine/table/summary.h"
#include "engine/table/table_format.h"

#include <algorithm>
#include <utility>

namespace nokv::table {
namespace {

constexpr size_t kWriteBytes = 256 << 10;  // Appends are this large, to save system calls.

}  // namespace

struct TableBuilder::State {
  State(const BuilderOptions& builder_options, vfs::WritableFile& writable)
      : options(builder_options), file(writable) {}

  void Add(const Entry& entry);
  void EndBlock(std::string_view separator, Sequence sequence);
  Section WriteBlock(std::string content);
  void Write(std::string_view bytes);
  void Flush();
  Footer WriteSections();

  const BuilderOptions options;
  vfs::WritableFile& file;
  absl::Status status;
  bool finished = false;

  std::string buffer;       // Not yet appended to the file.
  uint64_t size_bytes = 0;  // With the buffer.

  BlockBuilder block;
  IndexBuilder index;
  LivenessBuilder liveness;
  std::vector<uint64_t> hashes;  // One per key.
  std::vector<RangeTombstone> tombstones;
  TableSummary summary;
  bool has_parts = false;

  std::string last_key;  // Meaningful if summary.entries > 0.
  Sequence last_sequence = 0;
};

TableBuilder::TableBuilder(const BuilderOptions& options, vfs::WritableFile& file)
    : state_(std::make_unique<State>(options, file)) {}

TableBuilder::~TableBuilder() = default;

void TableBuilder::Add(const Entry& entry) { state_->Add(entry); }

void TableBuilder::AddRangeTombstone(const RangeTombstone& tombstone) {
  NOKV_CHECK(!state_->finished);
  state_->tombstones.push_back(tombstone);
}

absl::StatusOr<TableSummary> TableBuilder::Finish() {
  State& state = *state_;
  NOKV_CHECK(!state.finished);
  state.finished = true;
  const Footer footer = state.WriteSections();
  state.Write(EncodeFooter(footer));
  state.Flush();
  RETURN_IF_ERROR(state.status);
  if (!Planted(Bug::kInstallBeforeTableSync)) RETURN_IF_ERROR(state.file.Sync());
  state.summary.size_bytes = state.size_bytes;
  return state.summary;
}

bool TableBuilder::empty() const {
  return state_->summary.entries == 0 && state_->tombstones.empty();
}

uint64_t TableBuilder::size_bytes() const {
  return state_->size_bytes + state_->block.size_bytes() + state_->index.size_bytes();
}

uint64_t TableBuilder::value_bytes() const { return state_->liveness.record_bytes(); }

void TableBuilder::State::Add(const Entry& entry) {
  NOKV_CHECK(!finished);
  const bool first = summary.entries == 0;
  const size_t shared = CommonPrefix(last_key, entry.key);
  const bool same_key = !first && shared == entry.key.size() && shared == last_key.size();
  NOKV_CHECK(first || CompareVersions(last_key, last_sequence, entry.key, entry.sequence) < 0);

  if (!block.empty() && block.SizeWith(entry, shared) > options.block_bytes_target) {
    if (same_key) {
      EndBlock(last_key, last_sequence);
    } else {
      EndBlock(ShortestSeparator(last_key, entry.key, shared), 0);
    }
  }
  block.Add(entry, shared);
  if (!same_key) hashes.push_back(HashKey(entry.key));
  if (entry.has_handle()) liveness.Add(entry.handle);
  has_parts |= entry.kind == EntryKind::kPart;
  AddToSummary(entry, &summary);
  last_key.resize(shared);
  last_key.append(entry.key.substr(shared));
  last_sequence = entry.sequence;
}

void TableBuilder::State::EndBlock(std::string_view separator, Sequence sequence) {
  const Section written = WriteBlock(block.Finish());
  index.Add(separator, sequence, written.size_bytes - kBlockTrailerBytes);
}

// The sections behind the data, in the order of the footer.
Footer TableBuilder::State::WriteSections() {
  if (!block.empty()) EndBlock(last_key, 0);
  Footer footer;
  footer.version = has_parts ? kTableVersion : kTableWithoutParts;
  footer.data = {.offset = 0, .size_bytes = size_bytes};

  LivenessBuilder::Result live = liveness.Finish(size_bytes);
  footer.liveness = {.offset = size_bytes, .size_bytes = live.blocks.size()};
  Write(live.blocks);
  summary.segments = std::move(live.segments);

  std::sort(tombstones.begin(), tombstones.end(), TombstoneBefore);
  for (const RangeTombstone& tombstone : tombstones) AddToSummary(tombstone, &summary);
  footer.tombstones = WriteBlock(EncodeTombstones(tombstones));
  footer.directory = WriteBlock(std::move(live.directory));
  footer.filter = WriteBlock(BuildFilter(hashes, options.filter_bits_per_key));
  footer.index = WriteBlock(index.Finish());
  footer.summary = WriteBlock(EncodeSummary(summary));
  return footer;
}

Section TableBuilder::State::WriteBlock(std::string content) {
  const uint64_t offset = size_bytes;
  SealBlock(content, offset);
  Write(content);
  return {.offset = offset, .size_bytes = content.size()};
}

void TableBuilder::State::Write(std::string_view bytes) {
  buffer.append(bytes);
  size_bytes += bytes.size();
  if (buffer.size() >= kWriteBytes) Flush();
}

void TableBuilder::State::Flush() {
  if (status.ok() && !buffer.empty()) status = file.Append(buffer);
  buffer.clear();
}

}  // namespace nokv::table
