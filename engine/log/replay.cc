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

// Where the valid prefix ends, and in which segment if in none's footer.
struct End {
  Position position = 0;
  std::shared_ptr<Segment> stopped;
  uint32_t unfinished_end = 0;
};

// Whether nothing was written to the segment, or nothing of it arrived.
absl::StatusOr<bool> IsEmpty(const Segment& segment) {
  if (segment.sealed()) return false;
  if (!segment.header_found()) return true;
  Record record;
  std::string scratch;
  ASSIGN_OR_RETURN(const bool found, segment.Decode(kFileHeaderBytes, &record, &scratch));
  return !found;
}

// A segment of a closed log is whole, or damaged.
absl::Status CheckClosed(const Segment& segment, const SegmentReplay& replay, uint32_t closed_end) {
  if (replay.ended() && segment.sealed()) return absl::OkStatus();
  return DataLossError("{} at {}: no valid {}, though the log was closed with its end before {}",
                       SegmentFileName(segment.number()), replay.offset(),
                       replay.ended() ? "trailer" : "record", SegmentFileName(closed_end));
}

// A replay in its three steps.
class Replay {
 public:
  Replay(vfs::FileSystem& files, const ReplayOptions& options, const Beginner& begin,
         const Visitor& visit)
      : files_(files), options_(options), begin_(begin), visit_(visit) {}

  absl::StatusOr<ReplayResult> Run(const std::vector<uint32_t>& numbers) {
    for (const uint32_t number : numbers) {
      if (number >= options_.first_segment) pending_.push_back(number);
    }
    RETURN_IF_ERROR(WalkPrefix());
    RETURN_IF_ERROR(LookBehind());
    RETURN_IF_ERROR(Judge());
    return std::move(result_);
  }

 private:
  absl::StatusOr<std::shared_ptr<Segment>> Open(uint32_t number, bool allow_missing_header) {
    return Segment::Open(files_, options_.directory, number,
                         {.database_id = options_.database_id,
                          .read_only = options_.read_only,
                          .map = options_.map,
                          .allow_missing_header = allow_missing_header});
  }

  // 1. The valid prefix.
  absl::Status WalkPrefix() {
    const bool is_closed = options_.closed_end.has_value();
    uint32_t expected = options_.first_segment;
    end_.position = MakePosition(expected, 0);
    for (; next_ < pending_.size() && pending_[next_] == expected; ++next_, ++expected) {
      if (is_closed && expected >= *options_.closed_end) return absl::OkStatus();
      ASSIGN_OR_RETURN(std::shared_ptr<Segment> segment, Open(expected, !is_closed));
      ASSIGN_OR_RETURN(const bool is_empty, IsEmpty(*segment));
      if (is_empty && !is_closed) {
        const uint32_t offset = segment->header_found() ? kFileHeaderBytes : 0;
        end_ = {MakePosition(expected, offset), std::move(segment), offset};
        result_.segments_to_remove.push_back(expected);
        ++next_;
        return absl::OkStatus();
      }
      begin_(segment);
      SegmentReplay replay(segment, visit_, result_);
      RETURN_IF_ERROR(replay.Run());
      if (is_closed) RETURN_IF_ERROR(CheckClosed(*segment, replay, *options_.closed_end));
      result_.segments.push_back({segment, replay.offset()});
      end_.position = MakePosition(expected + 1, 0);
      if (!replay.ended()) {
        end_ = {MakePosition(expected, replay.offset()), std::move(segment),
                replay.unfinished_end()};
        ++next_;
        return absl::OkStatus();
      }
    }
    if (is_closed && expected < *options_.closed_end) {
      return DataLossError("{}: missing, though the log was closed with its end before {}",
                           SegmentFileName(expected), SegmentFileName(*options_.closed_end));
    }
    return absl::OkStatus();
  }

  // 2. What lies behind it.
  absl::Status LookBehind() {
    if (end_.stopped != nullptr) {
      RETURN_IF_ERROR(FindRecordsFrom(*end_.stopped, end_.unfinished_end, &behind_));
    }
    for (; next_ < pending_.size(); ++next_) {
      ASSIGN_OR_RETURN(const std::shared_ptr<Segment> segment, Open(pending_[next_], true));
      behind_.durable_max = std::max(behind_.durable_max, segment->durable());
      RETURN_IF_ERROR(FindRecordsFrom(*segment, kFileHeaderBytes, &behind_));
      result_.segments_to_remove.push_back(pending_[next_]);
    }
    return absl::OkStatus();
  }

  // 3. A legal cut, or corruption.
  absl::Status Judge() {
    const Position end = end_.position;
    if (behind_.durable_max > end) {
      return DataLossError("{} at {}: no valid record, though the log was durable up to {} at {}",
                           SegmentFileName(SegmentOf(end)), OffsetOf(end),
                           SegmentFileName(SegmentOf(behind_.durable_max)),
                           OffsetOf(behind_.durable_max));
    }
    if (behind_.records > 0 && options_.closed_end.has_value()) {
      return DataLossError(
          "{} at {}: {} valid records from here on, though the log was closed with its end before "
          "{}",
          SegmentFileName(SegmentOf(behind_.first)), OffsetOf(behind_.first), behind_.records,
          SegmentFileName(*options_.closed_end));
    }
    const bool has_header = end_.stopped != nullptr && end_.stopped->header_found();
    const uint64_t boot_id = has_header ? end_.stopped->boot_id() : options_.last_boot_id;
    if (behind_.records > 0 && boot_id == options_.current_boot_id &&
        !Planted(Bug::kResyncPastHoleSilently)) {
      return DataLossError(
          "{} at {}: no valid record, but {} valid ones behind it from {} at {} on, and no power "
          "was lost since they were written",
          SegmentFileName(SegmentOf(end)), OffsetOf(end), behind_.records,
          SegmentFileName(SegmentOf(behind_.first)), OffsetOf(behind_.first));
    }
    result_.records_cut = behind_.records;
    if (end_.stopped != nullptr) {
      ASSIGN_OR_RETURN(result_.bytes_cut, end_.stopped->UnfinishedBytes(OffsetOf(end)));
    }
    if (result_.records_cut > 0 || result_.bytes_cut > 0) {
      result_.cut_position = fmt::format("segment {} at {}", SegmentOf(end), OffsetOf(end));
    }
    return absl::OkStatus();
  }

  vfs::FileSystem& files_;
  const ReplayOptions& options_;
  const Beginner& begin_;
  const Visitor& visit_;
  std::vector<uint32_t> pending_;  // From the first segment on.
  size_t next_ = 0;                // Of them, the first that was not looked at.
  End end_;
  Behind behind_;
  ReplayResult result_;
};

}  // namespace

absl::StatusOr<ReplayResult> ReplaySegments(vfs::FileSystem& files,
                                            const std::vector<uint32_t>& numbers,
                                            const ReplayOptions& options, const Beginner& begin,
                                            const Visitor& visit) {
  return Replay(files, options, begin, visit).Run(numbers);
}

absl::Status WalkSealed(const Segment& segment,
                        const std::function<absl::Status(const Record&, Position)>& visit) {
  std::string scratch;
  uint32_t offset = kFileHeaderBytes;
  for (;;) {
    Record record;
    ASSIGN_OR_RETURN(const bool found, segment.Decode(offset, &record, &scratch));
    if (!found) {
      return DataLossError("{} at {}: no valid record in a segment that is sealed",
                           segment.file_name(), offset);
    }
    if (record.kind == RecordKind::kFooter) return absl::OkStatus();
    if (record.kind != RecordKind::kBatch && record.kind != RecordKind::kFiller) {
      RETURN_IF_ERROR(visit(record, MakePosition(segment.number(), offset)));
    }
    offset += static_cast<uint32_t>(AlignRecord(record.length));
  }
}

}  // namespace nokv::log
