#include "engine/log/replay.h"

#include "engine/base/check.h"
#include "engine/base/planted.h"

#include <algorithm>
#include <utility>

namespace nokv::log {
namespace {

using Beginner = std::function<void(const std::shared_ptr<Segment>&)>;
using Visitor = std::function<absl::Status(const ReplayedRecord&, const std::shared_ptr<Segment>&)>;

// Walks the records of one segment from its start.
class SegmentReplay {
 public:
  SegmentReplay(std::shared_ptr<Segment> segment, const Visitor& visit, ReplayResult& result)
      : segment_(std::move(segment)), visit_(visit), result_(result) {}

  // Stops at the footer (ended() is true) or at the first offset without a record.
  absl::Status Run() {
    RETURN_IF_ERROR(Walk());
    // A power cut may keep the footer and lose what stands before it.
    if (!ended_ && segment_->sealed()) segment_->ForgetSeal(std::move(ordinals_));
    return absl::OkStatus();
  }

  bool ended() const { return ended_; }

  uint32_t offset() const { return offset_; }

  // Where something that was written later than the unfinished record or batch would stand.
  uint32_t unfinished_end() const { return std::max(offset_, unfinished_end_); }

 private:
  absl::Status Walk() {
    if (!segment_->header_found()) {
      offset_ = 0;
      return absl::OkStatus();
    }
    for (;;) {
      Record record;
      ASSIGN_OR_RETURN(const bool found, segment_->Decode(offset_, &record, &scratch_));
      if (!found) return absl::OkStatus();
      if (record.kind == RecordKind::kFooter) {
        ended_ = true;
        return absl::OkStatus();
      }
      if (record.kind == RecordKind::kBatch) {
        ASSIGN_OR_RETURN(const bool complete, BatchIsComplete(record));
        if (!complete) return absl::OkStatus();
        Advance(record);
        continue;
      }
      if (record.in_batch() && members_left_ == 0) return absl::OkStatus();
      RETURN_IF_ERROR(Visit(record));
      Advance(record);
    }
  }

  // All members of the batch whose header stands at offset_ are valid.
  absl::StatusOr<bool> BatchIsComplete(const Record& header) {
    const uint32_t count = header.key_size;
    if (header.value.size() != 8) return false;
    if (Planted(Bug::kBatchVisibleEntryByEntry)) {
      members_left_ = count;
      return true;
    }
    const uint64_t end =
        offset_ + AlignRecord(header.length) + LoadFixed<uint64_t>(header.value.data());
    uint64_t at = offset_ + AlignRecord(header.length);
    for (uint32_t i = 0; i < count; ++i) {
      if (at >= end) {
        unfinished_end_ = static_cast<uint32_t>(at);
        return false;
      }
      Record member;
      ASSIGN_OR_RETURN(const bool found,
                       segment_->Decode(static_cast<uint32_t>(at), &member, &scratch_));
      if (!found || !member.in_batch()) {
        // Its first members may be there: a crash came between two appends.
        unfinished_end_ = static_cast<uint32_t>(at);
        return false;
      }
      at += AlignRecord(member.length);
    }
    members_left_ = count;
    return at == end;
  }

  absl::Status Visit(const Record& record) {
    ReplayedRecord replayed{record, MakePosition(segment_->number(), offset_)};
    // A sealed segment has its ordinals in the footer; the others collect them here.
    if (record.has_ordinal()) {
      replayed.ordinal = static_cast<uint32_t>(ordinals_.size());
      ordinals_.push_back(offset_);
      if (!segment_->sealed()) segment_->AddOrdinal(offset_);
    }
    if (members_left_ > 0) --members_left_;
    ++result_.records;
    return record.kind == RecordKind::kFiller ? absl::OkStatus() : visit_(replayed, segment_);
  }

  void Advance(const Record& record) {
    const uint64_t bytes = AlignRecord(record.length);
    result_.bytes += bytes;
    offset_ += static_cast<uint32_t>(bytes);
  }

  const std::shared_ptr<Segment> segment_;
  const Visitor& visit_;
  ReplayResult& result_;
  std::string scratch_;
  uint32_t offset_ = kFileHeaderBytes;
  std::vector<uint32_t> ordinals_;  // Offsets of the values so far.
  uint32_t members_left_ = 0;
  uint32_t unfinished_end_ = 0;
  bool ended_ = false;
};

struct Behind {
  uint64_t records = 0;
  Position durable_max = 0;  // The highest mark that a record or header behind the end carries.
  Position first = 0;
};

// Looks for valid records at every place where one may start, from `offset` on. A candidate is
// judged by its header first, because the checksum of a long one is dear.
absl::Status FindRecordsFrom(const Segment& segment, uint64_t offset, Behind* behind) {
  std::string scratch;
  std::string record_scratch;
  offset = std::max<uint64_t>(AlignRecord(offset), kFileHeaderBytes);
  while (offset + kRecordHeaderBytes <= segment.capacity_bytes()) {
    const auto at = static_cast<uint32_t>(offset);
    ASSIGN_OR_RETURN(const bool plausible, segment.LooksLikeRecord(at, &scratch));
    Record record;
    bool found = false;
    if (plausible) {
      ASSIGN_OR_RETURN(found, segment.Decode(at, &record, &record_scratch));
    }
    if (!found) {
      offset += kRecordAlignment;
      continue;
    }
    if (record.kind != RecordKind::kFooter) {
      if (behind->records++ == 0) behind->first = MakePosition(segment.number(), at);
    }
    behind->durable_max = std::max(behind->durable_max, record.durable);
    offset += AlignRecord(record.length);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ReplayResult> ReplaySegments(vfs::FileSystem& files,
                                            const std::vector<uint32_t>& numbers,
                                            const ReplayOptions& options, const Beginner& begin,
                                            const Visitor& visit) {
  ReplayResult result;
  std::vector<uint32_t> pending;
  for (const uint32_t number : numbers) {
    if (number >= options.first_segment) pending.push_back(number);
  }
  const Segment::OpenOptions open{.database_id = options.database_id,
                                  .read_only = options.read_only,
                                  .map = options.map,
                                  .allow_missing_header = true};

  // 1. The valid prefix.
  size_t next = 0;
  uint32_t expected = options.first_segment;
  std::shared_ptr<Segment> stopped;  // The segment whose records end without a footer.
  Position end = MakePosition(expected, 0);
  uint32_t unfinished_end = 0;
  for (; next < pending.size() && pending[next] == expected; ++next, ++expected) {
    ASSIGN_OR_RETURN(std::shared_ptr<Segment> segment,
                     Segment::Open(files, options.directory, pending[next], open));
    begin(segment);
    SegmentReplay replay(segment, visit, result);
    RETURN_IF_ERROR(replay.Run());
    result.segments.push_back({segment, replay.offset()});
    end = MakePosition(segment->number(), replay.offset());
    if (!replay.ended()) {
      stopped = std::move(segment);
      unfinished_end = replay.unfinished_end();
      ++next;
      break;
    }
    end = MakePosition(expected + 1, 0);
  }

  // 2. What lies behind it.
  Behind behind;
  uint64_t boot_id = options.last_boot_id;
  if (stopped != nullptr) {
    if (stopped->header_found()) boot_id = stopped->boot_id();
    RETURN_IF_ERROR(FindRecordsFrom(*stopped, unfinished_end, &behind));
  }
  for (; next < pending.size(); ++next) {
    ASSIGN_OR_RETURN(const std::shared_ptr<Segment> segment,
                     Segment::Open(files, options.directory, pending[next], open));
    behind.durable_max = std::max(behind.durable_max, segment->durable());
    RETURN_IF_ERROR(FindRecordsFrom(*segment, kFileHeaderBytes, &behind));
    result.segments_to_remove.push_back(pending[next]);
  }

  // 3. A legal cut, or corruption.
  const std::string where = fmt::format("segment {} at {}", SegmentOf(end), OffsetOf(end));
  if (behind.durable_max > end) {
    return DataLossError("{} at {}: no valid record, though the log was durable up to {} at {}",
                         SegmentFileName(SegmentOf(end)), OffsetOf(end),
                         SegmentFileName(SegmentOf(behind.durable_max)),
                         OffsetOf(behind.durable_max));
  }
  if (behind.records > 0 && boot_id == options.current_boot_id &&
      !Planted(Bug::kResyncPastHoleSilently)) {
    return DataLossError(
        "{} at {}: no valid record, but {} valid ones behind it from {} at {} on, and no power was "
        "lost since they were written",
        SegmentFileName(SegmentOf(end)), OffsetOf(end), behind.records,
        SegmentFileName(SegmentOf(behind.first)), OffsetOf(behind.first));
  }
  result.records_cut = behind.records;
  if (stopped != nullptr) {
    ASSIGN_OR_RETURN(result.bytes_cut, stopped->UnfinishedBytes(OffsetOf(end)));
  }
  if (result.records_cut > 0 || result.bytes_cut > 0) result.cut_position = where;
  return result;
}

}  // namespace nokv::log
