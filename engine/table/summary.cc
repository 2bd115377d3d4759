#include "engine/table/summary.h"

#include "engine/base/codec.h"

#include <algorithm>
#include <tuple>

namespace nokv::table {
namespace {

bool IsEmpty(const TableSummary& summary) {
  return summary.entries == 0 && summary.range_tombstones == 0;
}

void Widen(std::string_view smallest, std::string_view largest, Sequence sequence,
           TableSummary* summary) {
  const bool first = IsEmpty(*summary);
  if (first || smallest < summary->smallest_key) summary->smallest_key.assign(smallest);
  if (first || largest > summary->largest_key) summary->largest_key.assign(largest);
  if (first || sequence < summary->sequence_min) summary->sequence_min = sequence;
  if (first || sequence > summary->sequence_max) summary->sequence_max = sequence;
}

}  // namespace

void AddToSummary(const Entry& entry, TableSummary* summary) {
  // Entries come in order, before the range tombstones, so the largest key is the last one.
  if (summary->entries > 0 && entry.key == summary->largest_key) ++summary->superseded;
  Widen(entry.key, entry.key, entry.sequence, summary);
  ++summary->entries;
  if (entry.kind == EntryKind::kDelete) ++summary->tombstones;
  if (entry.expiry_ms == 0) return;
  if (summary->expiring == 0 || entry.expiry_ms < summary->expiry_ms_min) {
    summary->expiry_ms_min = entry.expiry_ms;
  }
  summary->expiry_ms_max = std::max(summary->expiry_ms_max, entry.expiry_ms);
  ++summary->expiring;
}

void AddToSummary(const RangeTombstone& tombstone, TableSummary* summary) {
  Widen(tombstone.start, tombstone.end, tombstone.sequence, summary);
  ++summary->range_tombstones;
}

std::string EncodeSummary(const TableSummary& summary) {
  std::string content;
  PutVarint(content, summary.entries);
  PutVarint(content, summary.tombstones);
  PutVarint(content, summary.range_tombstones);
  PutVarint(content, summary.superseded);
  PutVarint(content, summary.expiring);
  PutVarint(content, summary.expiry_ms_min);
  PutVarint(content, summary.expiry_ms_max);
  PutFixed<uint64_t>(content, summary.sequence_min);
  PutFixed<uint64_t>(content, summary.sequence_max);
  PutLengthPrefixed(content, summary.smallest_key);
  PutLengthPrefixed(content, summary.largest_key);
  return content;
}

std::optional<TableSummary> DecodeSummary(std::string_view content) {
  TableSummary summary;
  Decoder decoder(content);
  std::string_view smallest;
  std::string_view largest;
  decoder.Varint(&summary.entries);
  decoder.Varint(&summary.tombstones);
  decoder.Varint(&summary.range_tombstones);
  decoder.Varint(&summary.superseded);
  decoder.Varint(&summary.expiring);
  decoder.Varint(&summary.expiry_ms_min);
  decoder.Varint(&summary.expiry_ms_max);
  decoder.Fixed(&summary.sequence_min);
  decoder.Fixed(&summary.sequence_max);
  decoder.LengthPrefixed(&smallest);
  decoder.LengthPrefixed(&largest);
  if (!decoder.done()) return std::nullopt;
  summary.smallest_key.assign(smallest);
  summary.largest_key.assign(largest);
  return summary;
}

bool TombstoneBefore(const RangeTombstone& a, const RangeTombstone& b) {
  return std::tie(a.start, b.sequence, a.end) < std::tie(b.start, a.sequence, b.end);
}

std::string EncodeTombstones(const std::vector<RangeTombstone>& tombstones) {
  std::string content;
  PutVarint(content, tombstones.size());
  for (const RangeTombstone& tombstone : tombstones) {
    PutLengthPrefixed(content, tombstone.start);
    PutLengthPrefixed(content, tombstone.end);
    PutFixed<uint64_t>(content, tombstone.sequence);
  }
  return content;
}

std::optional<std::vector<RangeTombstone>> DecodeTombstones(std::string_view content) {
  Decoder decoder(content);
  uint64_t count = 0;
  if (!decoder.Varint(&count) || count > decoder.remaining()) return std::nullopt;
  std::vector<RangeTombstone> tombstones;
  for (uint64_t i = 0; i < count; ++i) {
    std::string_view start;
    std::string_view end;
    RangeTombstone tombstone;
    if (!decoder.LengthPrefixed(&start) || !decoder.LengthPrefixed(&end) ||
        !decoder.Fixed(&tombstone.sequence)) {
      return std::nullopt;
    }
    tombstone.start.assign(start);
    tombstone.end.assign(end);
    if (i > 0 && TombstoneBefore(tombstone, tombstones.back())) return std::nullopt;
    tombstones.push_back(std::move(tombstone));
  }
  if (!decoder.done()) return std::nullopt;
  return tombstones;
}

}  // namespace nokv::table
