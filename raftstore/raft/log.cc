#include "raftstore/raft/log.h"

#include "engine/base/check.h"
#include "engine/base/codec.h"
#include "raftstore/raft/planted.h"

#include <algorithm>

namespace nokv::raft {
namespace {

// What is larger gives its memory back when it runs empty.
constexpr size_t kTailKept = 8;
constexpr size_t kWritesKept = 4;

constexpr uint64_t kScanBytes = 1 << 20;

}  // namespace

Log::Log(const LogReader& durable, Index committed, Index applied)
    : durable_(&durable),
      tail_first_(durable.last_index() + 1),
      handed_(durable.last_index()),
      persisted_(durable.last_index()),
      committed_(committed),
      applying_(applied),
      applied_(applied) {
  NOKV_CHECK(durable.first_index() <= applied + 1 && applied <= committed);
  NOKV_CHECK(committed <= durable.last_index());
}

Index Log::first_index() const {
  return snapshot_ != nullptr ? snapshot_->index + 1 : durable_->first_index();
}

Term Log::last_term() const {
  const std::optional<Term> term = TermAt(last_index());
  NOKV_CHECK(term.has_value());
  return *term;
}

std::optional<Term> Log::TermAt(Index index) const {
  if (index >= tail_first_) {
    if (index > last_index()) return std::nullopt;
    return tail_[index - tail_first_].term;
  }
  if (snapshot_ != nullptr) {
    if (index != snapshot_->index) return std::nullopt;
    return snapshot_->term;
  }
  return durable_->TermAt(index);
}

bool Log::IsAtLeast(Index last, Term last_term_there) const {
  const Term term = last_term();
  return last_term_there > term || (last_term_there == term && last >= last_index());
}

Index Log::LastIndexOfTermAtMost(Index index, Term term) const {
  // Terms never fall along a log. What is before our first entry is committed and agrees with all.
  Index low = first_index() - 1;
  Index high = std::min(index, last_index());
  if (high <= low) return high;
  while (low < high) {
    const Index middle = low + (high - low + 1) / 2;
    const std::optional<Term> here = TermAt(middle);
    NOKV_CHECK(here.has_value());
    if (*here <= term) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

absl::StatusOr<std::vector<Entry>> Log::Read(Index first, uint64_t bytes_max) const {
  std::vector<Entry> entries;
  if (first > last_index()) return entries;
  if (first < first_index()) return NotFoundError("entry {} is compacted", first);
  uint64_t bytes = 0;
  if (first < tail_first_) {
    RETURN_IF_ERROR(durable_->ReadEntries(first, tail_first_, bytes_max, entries));
    NOKV_CHECK(!entries.empty() && entries.front().index == first);
    NOKV_CHECK(entries.back().index < tail_first_);
    for (const Entry& entry : entries) bytes += SizeBytes(entry);
    first = entries.back().index + 1;
    if (first < tail_first_) return entries;
  }
  for (size_t at = first - tail_first_; at < tail_.size(); ++at) {
    bytes += SizeBytes(tail_[at]);
    if (bytes > bytes_max && !entries.empty()) break;
    entries.push_back(tail_[at]);
  }
  return entries;
}

absl::StatusOr<bool> Log::HasUnappliedConfigChange() const {
  for (Index next = applied_ + 1; next <= committed_;) {
    ASSIGN_OR_RETURN(const std::vector<Entry> entries, Read(next, kScanBytes));
    for (const Entry& entry : entries) {
      if (entry.index > committed_) break;
      if (entry.kind == EntryKind::kConfigChange) return true;
    }
    next = entries.back().index + 1;
  }
  return false;
}

absl::StatusOr<Index> Log::FirstNew(std::span<const Entry> entries) const {
  for (const Entry& entry : entries) {
    if (Matches(entry.index, entry.term)) continue;
    if (entry.index <= committed_) {
      return FailedPreconditionError("entry {} of term {} differs from a committed one of term {}",
                                     entry.index, entry.term, TermAt(entry.index).value_or(0));
    }
    return entry.index;
  }
  return entries.empty() ? last_index() + 1 : entries.back().index + 1;
}

void Log::Append(std::span<const Entry> entries) {
  if (entries.empty()) return;
  const Index first = entries.front().index;
  NOKV_CHECK(first > committed_ && first <= last_index() + 1);
  if (first < tail_first_) {
    tail_.clear();
    tail_first_ = first;
  } else {
    tail_.erase(tail_.begin() + static_cast<std::ptrdiff_t>(first - tail_first_), tail_.end());
  }
  tail_.insert(tail_.end(), entries.begin(), entries.end());

  // What is replaced is no longer durable, and not made so by the writes on their way.
  handed_ = std::min(handed_, first - 1);
  persisted_ = std::min(persisted_, first - 1);
  if (Planted(Bug::kReplacedWriteCounts)) return;
  for (Write& write : writes_) write.last = std::min(write.last, first - 1);
}

void Log::Restore(std::shared_ptr<const Snapshot> snapshot) {
  NOKV_CHECK(snapshot->index > committed_);
  committed_ = snapshot->index;
  handed_ = snapshot->index;
  persisted_ = std::min(persisted_, applied_);
  for (Write& write : writes_) write.last = 0;
  tail_.clear();
  tail_first_ = snapshot->index + 1;
  snapshot_ = std::move(snapshot);
  is_snapshot_handed_ = false;
}

void Log::CommitTo(Index index) {
  if (index <= committed_) return;
  NOKV_CHECK(index <= last_index());
  committed_ = index;
}

std::vector<Entry> Log::TakeUnwritten(uint64_t write, std::shared_ptr<const Snapshot>& snapshot) {
  if (!has_unwritten()) return {};
  Write taken{.number = write, .last = last_index()};
  if (HasUnwrittenSnapshot()) {
    snapshot = snapshot_;
    is_snapshot_handed_ = true;
    taken.snapshot = snapshot_->index;
  }
  NOKV_CHECK(handed_ + 1 >= tail_first_);
  std::vector<Entry> entries(tail_.begin() + static_cast<std::ptrdiff_t>(handed_ + 1 - tail_first_),
                             tail_.end());
  handed_ = last_index();
  writes_.push_back(taken);
  return entries;
}

void Log::Persisted(uint64_t write) {
  size_t done = 0;
  for (; done < writes_.size() && writes_[done].number <= write; ++done) {
    const Write& durable = writes_[done];
    if (snapshot_ != nullptr && durable.snapshot == snapshot_->index) {
      // The state machine is at the snapshot now, and what was being applied is behind it.
      applying_ = applied_ = snapshot_->index;
      applying_now_.Clear();
      snapshot_ = nullptr;
      NOKV_CHECK(durable_->first_index() == applied_ + 1);
    }
    persisted_ = std::max(persisted_, std::min(durable.last, last_index()));
  }
  if (done == 0) return;
  writes_.erase(writes_.begin(), writes_.begin() + static_cast<std::ptrdiff_t>(done));
  if (writes_.empty() && writes_.capacity() > kWritesKept) std::vector<Write>().swap(writes_);
  TrimTail();
}

absl::StatusOr<std::vector<Entry>> Log::TakeAppliable() {
  std::vector<Entry> entries;
  if (!has_appliable()) return entries;
  ASSIGN_OR_RETURN(entries, Read(applying_ + 1, applying_bytes_max_ - applying_now_.bytes()));
  const Index end = AppliableEnd();
  while (!entries.empty() && entries.back().index > end) entries.pop_back();
  NOKV_CHECK(!entries.empty() && entries.front().index == applying_ + 1);
  uint64_t bytes = 0;
  for (const Entry& entry : entries) bytes += SizeBytes(entry);
  applying_ = entries.back().index;
  applying_now_.Add(applying_, bytes);
  TrimTail();
  return entries;
}

void Log::Applied(Index index) {
  if (index <= applied_) return;  // A snapshot has overtaken it.
  NOKV_CHECK(index <= applying_);
  applied_ = index;
  applying_now_.FreeTo(index);
}

void Log::TrimTail() {
  // What is durable can be read back; what is about to be applied is kept to spare that.
  const Index unneeded = std::min(persisted_, applying_);
  if (unneeded < tail_first_) return;
  const size_t count = std::min<size_t>(unneeded + 1 - tail_first_, tail_.size());
  tail_.erase(tail_.begin(), tail_.begin() + static_cast<std::ptrdiff_t>(count));
  tail_first_ += count;
  if (tail_.empty() && tail_.capacity() > kTailKept) std::vector<Entry>().swap(tail_);
}

void Log::AppendStateTo(std::string& out) const {
  for (const Index value : {tail_first_, handed_, persisted_, committed_, applying_, applied_}) {
    PutVarint(out, value);
  }
  PutVarint(out, tail_.size());
  for (const Entry& entry : tail_) {
    PutVarint(out, entry.term);
    out.push_back(static_cast<char>(entry.kind));
    PutLengthPrefixed(out, entry.data.view());
  }
  PutVarint(out, snapshot_ == nullptr ? 0 : snapshot_->index);
  out.push_back(static_cast<char>(is_snapshot_handed_));
  PutVarint(out, writes_.size());
  for (const Write& write : writes_) {
    PutVarint(out, write.last);
    PutVarint(out, write.snapshot);
  }
}

}  // namespace nokv::raft
