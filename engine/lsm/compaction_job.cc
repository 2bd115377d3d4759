#include "engine/lsm/compaction_job.h"

#include <algorithm>
#include <utility>

namespace nokv::lsm {
namespace {

std::vector<RangeTombstones::Fragment> KeptFragments(
    const RangeTombstones& tombstones, const VersionFilter& filter,
    const std::function<bool(std::string_view, std::string_view)>& is_bottom) {
  std::vector<RangeTombstones::Fragment> kept;
  for (const RangeTombstones::Fragment& fragment : tombstones.fragments()) {
    std::vector<Sequence> sequences = filter.KeepTombstones(
        fragment.sequences, is_bottom != nullptr && is_bottom(fragment.start, fragment.end));
    if (!sequences.empty()) kept.push_back({fragment.start, fragment.end, std::move(sequences)});
  }
  return kept;
}

VersionFilterOptions WithTombstones(VersionFilterOptions options,
                                    const RangeTombstones* tombstones) {
  options.range_tombstones = tombstones->empty() ? nullptr : tombstones;
  return options;
}

}  // namespace

std::string TableFileName(uint64_t number) { return fmt::format("{:06}.sst", number); }

absl::Status TableOutputs::Open() {
  open_number_ = options_.next_number();
  const std::string path = vfs::JoinPath(options_.directory, TableFileName(open_number_));
  ASSIGN_OR_RETURN(file_, options_.files->Create(path));
  builder_ = std::make_unique<table::TableBuilder>(options_.builder, *file_);
  return absl::OkStatus();
}

absl::Status TableOutputs::Add(const table::Entry& entry) {
  if (builder_ != nullptr && entry.key != last_key_ &&
      (builder_->size_bytes() >= options_.table_bytes_target ||
       builder_->value_bytes() >= options_.value_bytes_target)) {
    RETURN_IF_ERROR(Cut(entry.key));
  }
  if (builder_ == nullptr) RETURN_IF_ERROR(Open());
  builder_->Add(entry);
  last_key_.assign(entry.key);
  return absl::OkStatus();
}

void TableOutputs::AddTombstonesBefore(std::string_view end) {
  while (next_tombstone_ < tombstones_.size()) {
    RangeTombstones::Fragment& fragment = tombstones_[next_tombstone_];
    if (!end.empty() && fragment.start >= end) return;
    const bool is_split = !end.empty() && fragment.end > end;
    for (const Sequence sequence : fragment.sequences) {
      builder_->AddRangeTombstone(
          {fragment.start, is_split ? std::string(end) : fragment.end, sequence});
    }
    if (is_split) {
      fragment.start.assign(end);
      return;
    }
    ++next_tombstone_;
  }
}

absl::Status TableOutputs::Cut(std::string_view end) {
  AddTombstonesBefore(end);
  ASSIGN_OR_RETURN(table::TableSummary summary, builder_->Finish());
  tables_.push_back({options_.column_family, options_.level, open_number_, std::move(summary)});
  builder_.reset();
  file_.reset();
  return absl::OkStatus();
}

absl::Status TableOutputs::Finish() {
  if (builder_ == nullptr && next_tombstone_ < tombstones_.size()) RETURN_IF_ERROR(Open());
  return builder_ == nullptr ? absl::OkStatus() : Cut({});
}

void TableOutputs::Discard() {
  const auto remove = [this](uint64_t number) {
    options_.files->Remove(vfs::JoinPath(options_.directory, TableFileName(number))).IgnoreError();
  };
  if (builder_ != nullptr) {
    builder_.reset();
    file_.reset();
    remove(open_number_);
  }
  for (const NewTable& table : tables_) remove(table.number);
  tables_.clear();
}

uint64_t TableOutputs::bytes_written() const {
  uint64_t bytes = 0;
  for (const NewTable& table : tables_) bytes += table.summary.size_bytes;
  return bytes;
}

CompactionJob::CompactionJob(
    const OutputOptions& output, std::vector<std::unique_ptr<table::TableIterator>> inputs,
    std::vector<table::RangeTombstone> tombstones, VersionFilterOptions filter_options,
    const std::function<bool(std::string_view, std::string_view)>& is_bottom_for_range)
    : tombstones_(std::make_unique<const RangeTombstones>(tombstones)),
      filter_(WithTombstones(std::move(filter_options), tombstones_.get())),
      outputs_(output, KeptFragments(*tombstones_, filter_, is_bottom_for_range)),
      inputs_(std::move(inputs)) {}

absl::StatusOr<bool> CompactionJob::Step(size_t entries) {
  if (!started_) {
    started_ = true;
    inputs_.SeekToFirst();
  }
  for (size_t i = 0; i < entries && inputs_.Valid(); ++i) {
    table::Entry entry = inputs_.entry();
    ++entries_read_;
    if (filter_.Keep(entry)) {
      RETURN_IF_ERROR(outputs_.Add(entry));
    } else {
      ++entries_dropped_;
    }
    inputs_.Next();
  }
  RETURN_IF_ERROR(inputs_.status());
  if (inputs_.Valid()) return false;
  RETURN_IF_ERROR(outputs_.Finish());
  return true;
}

}  // namespace nokv::lsm
