// Writing a batch: plan without locks, append and index under the write path's, publish at once.
//
// A large value that is part of an entry is not written again: its record is a reference, made
// without locks and confirmed under them. If the entry has gone meanwhile, the batch is planned
// again with all its values.
#include "engine/base/planted.h"
#include "engine/db/db_impl.h"
#include "engine/db/groups_impl.h"
#include "engine/table/table.h"

#include <algorithm>
#include <utility>

namespace nokv {
namespace {

constexpr uint64_t kBatchBytesMax = uint64_t{1} << 30;
// Their memory is fetched together.
constexpr size_t kMembersTogether = 32;

// A change as it goes into the log. A batch may have millions: nothing that the draft knows.
struct Member {
  log::RecordDraft draft;
  std::string_view key;
  std::string_view value;  // Of a part, whose record has a reference for it: empty.
  uint64_t hash = 0;
  Sequence sequence = 0;

  bool is_part() const { return draft.kind() == log::RecordKind::kSetPart; }
};

static_assert(sizeof(Member) <= 96);
static_assert(kValueHeadBytesMax == kPartHeadBytesMax);

log::RecordDraft MakePartDraft(const Change& change, const log::PartReference& reference,
                               bool in_batch) {
  const log::EncodedReference bytes(reference);
  const int flags = (in_batch ? log::kInBatch : 0) | (change.expiry_ms != 0 ? log::kHasExpiry : 0);
  return log::RecordDraft({.kind = log::RecordKind::kSetPart,
                           .flags = static_cast<uint8_t>(flags),
                           .column_family = change.column_family.id,
                           .expiry_ms = change.expiry_ms,
                           .count = 0,
                           .key = change.key,
                           .value = bytes.view()});
}

// Starts loading what indexing each of the members will look at.
void Prefetch(const Generation& generation, std::span<const Member> members) {
  for (const Member& member : members) {
    generation.table(member.draft.column_family())->PrefetchSlot(member.hash);
  }
  for (const Member& member : members) {
    generation.table(member.draft.column_family())->PrefetchNode(member.hash);
  }
}

}  // namespace

struct DBImpl::PlannedBatch {
  std::vector<Member> members;
  std::vector<FoundPart> parts;  // Of the members that are parts, in their order.
  std::vector<DraftedRecord> marks;
  bool in_batch = false;  // More than one record.
  bool only_deletes = true;
  uint64_t user_bytes = 0;
  uint64_t record_bytes = 0;
};

absl::Status DBImpl::PlanBatch(const WriteBatch& batch, const WriteOptions& options,
                               bool with_parts, PlannedBatch* planned) const {
  planned->in_batch = batch.count() + options.marks.size() > 1;
  planned->members.reserve(batch.count());
  const auto add = [&](const Change& change) -> absl::Status {
    RETURN_IF_ERROR(CheckChange(change));
    planned->only_deletes &= change.kind != ChangeKind::kSet;
    planned->user_bytes += change.key.size() + change.value.size();
    std::optional<FoundPart> found;
    if (with_parts && MayBePart(change)) {
      ASSIGN_OR_RETURN(found, groups_->FindPart(change.part, change.value));
    }
    planned->members.push_back(
        {.draft = found.has_value() ? MakePartDraft(change, found->reference, planned->in_batch)
                                    : MakeDraft(change, planned->in_batch),
         .key = change.key,
         .value = found.has_value() ? std::string_view() : change.value,
         .hash = table::Table::HashKey(change.key)});
    planned->record_bytes += planned->members.back().draft.aligned_bytes();
    if (found.has_value()) planned->parts.push_back(*std::move(found));
    return absl::OkStatus();
  };
  absl::Status added;
  batch.ForEach([&](const Change& change) {
    if (added.ok()) added = add(change);
  });
  RETURN_IF_ERROR(added);
  ASSIGN_OR_RETURN(planned->marks, groups_->DraftMarks(options.marks, planned->in_batch));
  planned->record_bytes += AlignedBytes(planned->marks);
  if (planned->record_bytes > kBatchBytesMax + kValueBytesMax / 64) {
    return InvalidArgumentError("a batch of {} bytes; at most {} are allowed",
                                planned->record_bytes, kBatchBytesMax);
  }
  return absl::OkStatus();
}

// A small value stands in tables, and so is written.
bool DBImpl::MayBePart(const Change& change) const {
  return change.part.index != 0 && change.kind == ChangeKind::kSet && has_groups_ &&
         change.value.size() >= options_.value_threshold_bytes &&
         change.value.size() > log::kPartReferenceBytes + change.part.head_bytes;
}

absl::Status DBImpl::AppendMembers(PlannedBatch& planned) {
  auto part = planned.parts.begin();
  for (Member& member : planned.members) {
    member.sequence = log_->active()->NextPosition();
    if (member.is_part()) {
      const log::EncodedReference bytes((part++)->reference);
      RETURN_IF_ERROR(AppendRecord(member.draft, member.key, bytes.view()));
    } else {
      RETURN_IF_ERROR(AppendRecord(member.draft, member.key, member.value));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<log::Position>> DBImpl::AppendBatch(PlannedBatch& planned,
                                                                 const WriteOptions& options) {
  std::vector<Member>& members = planned.members;
  char total[8];
  StoreFixed(total, planned.record_bytes);
  const std::string_view total_view(total, sizeof(total));
  log::RecordDraft header = log::BatchDraft(members.size() + planned.marks.size(), total_view);
  const uint64_t header_bytes = planned.in_batch ? header.aligned_bytes() : 0;

  MutexLock lock(write_mutex_);
  RETURN_IF_ERROR(MakeRoom(planned.record_bytes + header_bytes, members.size(),
                           planned.only_deletes, options.never_wait));
  for (const Member& member : members) {
    if (!TakesWrites(member.draft.column_family())) {
      return InvalidArgumentError("no column family {}", member.draft.column_family());
    }
  }
  if (!groups_->AreThere(planned.parts)) return std::optional<log::Position>();
  // Before the records: from here on a flush or a collection keeps what they refer to.
  for (const FoundPart& part : planned.parts) active_->AddReferred(part.segment);
  if (planned.in_batch) RETURN_IF_ERROR(AppendRecord(header, {}, total_view));
  RETURN_IF_ERROR(AppendMembers(planned));
  RETURN_IF_ERROR(groups_->AppendMarks(planned.marks));
  for (size_t i = 0; i < members.size(); ++i) {
    if (i % kMembersTogether == 0) {
      const size_t count = std::min(kMembersTogether, members.size() - i);
      Prefetch(*active_, std::span<const Member>(members).subspan(i, count));
    }
    IndexRecord(members[i].draft, members[i].key, members[i].value, members[i].hash,
                members[i].sequence);
  }
  // The whole batch becomes visible with this one store.
  if (!members.empty()) visible_.store(members.back().sequence);
  log_->PublishAppended();
  groups_->SetMarks(planned.marks);
  return std::optional<log::Position>(log_->active()->NextPosition());
}

absl::Status DBImpl::Write(const WriteBatch& batch, const WriteOptions& options) {
  if (batch.empty() && options.marks.empty()) return absl::OkStatus();
  PlannedBatch planned;
  RETURN_IF_ERROR(PlanBatch(batch, options, /*with_parts=*/true, &planned));
  RETURN_IF_ERROR(Admit(planned.user_bytes, planned.only_deletes, options));
  ASSIGN_OR_RETURN(std::optional<log::Position> end, AppendBatch(planned, options));
  if (!end.has_value()) {
    planned = {};
    RETURN_IF_ERROR(PlanBatch(batch, options, /*with_parts=*/false, &planned));
    ASSIGN_OR_RETURN(end, AppendBatch(planned, options));
  }
  counters_.Add(Counter::kWrites, planned.members.size());
  counters_.Add(Counter::kWriteBytes, planned.user_bytes);
  return FinishWrite(options, *end);
}

}  // namespace nokv
