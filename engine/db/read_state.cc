#include "engine/db/read_state.h"

#include <optional>
#include <utility>

namespace nokv {

void Generation::AddReferred(std::shared_ptr<const log::Segment> segment) {
  const uint32_t number = segment->number();
  if (FindSegment(number) == nullptr) {
    referred_.push_back({std::move(segment), last_referred_.load(std::memory_order_relaxed)});
    last_referred_.store(&referred_.back(), std::memory_order_release);
  }
  if (number < oldest_referred()) oldest_referred_.store(number, std::memory_order_release);
}

const log::Segment* Generation::FindSegment(uint32_t number) const {
  if (IsOwn(number)) return segments_[number - first_segment_].load(std::memory_order_acquire);
  const Referred* referred = last_referred_.load(std::memory_order_acquire);
  while (referred != nullptr && referred->segment->number() != number) referred = referred->next;
  return referred == nullptr ? nullptr : referred->segment.get();
}

absl::StatusOr<Generation::RecordOfPart> Generation::ReadRecordOfPart(
    const lsm::MemVersion& version, std::string* scratch) const {
  const log::Segment& own = *SegmentOfVersion(version);
  const uint32_t offset = log::OffsetOf(version.sequence);
  ASSIGN_OR_RETURN(const log::Record record, own.ReadAt(offset, version.record_bytes, scratch));
  const auto reference = log::DecodePartReference(record.value, version.sequence);
  if (reference.has_value()) return RecordOfPart{record, *reference};
  return DataLossError("{} at {}: a malformed reference to a value", own.file_name(), offset);
}

absl::StatusOr<std::string_view> Generation::ReadHead(const lsm::MemVersion& version,
                                                      std::string* scratch) const {
  ASSIGN_OR_RETURN(const RecordOfPart found, ReadRecordOfPart(version, scratch));
  return found.reference.head;
}

absl::StatusOr<log::Record> Generation::ReadWithPart(const lsm::MemVersion& version,
                                                     std::string* scratch) const {
  ASSIGN_OR_RETURN(auto found, ReadRecordOfPart(version, scratch));
  auto& [record, reference] = found;
  const uint32_t number = log::SegmentOf(reference.position);
  const log::Segment* const segment = FindSegment(number);
  if (segment == nullptr) {
    return DataLossError("{} at {}: refers to a value in segment {}, which is not there",
                         SegmentOfVersion(version)->file_name(), log::OffsetOf(version.sequence),
                         number);
  }
  const uint32_t place = log::OffsetOf(reference.position);
  ASSIGN_OR_RETURN(const log::Record whole,
                   segment->ReadAt(place, reference.record_bytes, scratch));
  // Whoever wrote the reference has compared the part with the value.
  ASSIGN_OR_RETURN(record.value, log::ReadPart(whole, reference.part, /*verify=*/false,
                                               segment->file_name(), place));
  record.key = {};  // It may have been in `scratch`.
  return record;
}

absl::StatusOr<table::ValueHandle> Generation::FindReferred(
    const log::PartReference& reference) const {
  const uint32_t number = log::SegmentOf(reference.position);
  const log::Segment* const segment = FindSegment(number);
  if (segment == nullptr) {
    return DataLossError("segment {}: a value in it is referred to, but it is not there", number);
  }
  ASSIGN_OR_RETURN(const uint32_t ordinal, segment->FindOrdinal(log::OffsetOf(reference.position)));
  return table::ValueHandle{number, ordinal, reference.record_bytes};
}

}  // namespace nokv
