#include "engine/lsm/level_iterator.h"

#include <algorithm>
#include <utility>

namespace nokv::lsm {
namespace {

class LevelIterator final : public table::TableIterator {
 public:
  LevelIterator(TableList tables, bool fill_cache)
      : tables_(std::move(tables)), fill_cache_(fill_cache) {}

  void SeekToFirst() override {
    Open(0);
    if (current_ != nullptr) current_->SeekToFirst();
    SkipEmptyForward();
  }

  void SeekToLast() override {
    Open(tables_.size() - 1);
    if (current_ != nullptr) current_->SeekToLast();
    SkipEmptyBackward();
  }

  void Seek(std::string_view key, Sequence sequence) override {
    Open(FirstTableFor(tables_, key));
    if (current_ != nullptr) current_->Seek(key, sequence);
    // The end of a range tombstone may stretch a table to a key whose versions the next one holds.
    while (AtEndOfTable()) {
      Open(index_ + 1);
      if (current_ != nullptr) current_->Seek(key, sequence);
    }
    Note();
  }

  void Next() override {
    current_->Next();
    if (!current_->Valid()) SkipEmptyForward();
  }

  void Prev() override {
    current_->Prev();
    if (!current_->Valid()) SkipEmptyBackward();
  }

  absl::Status status() const override {
    return current_ == nullptr ? absl::OkStatus() : current_->status();
  }

 private:
  void Open(size_t index) {
    if (index < tables_.size() && current_ != nullptr && index == index_) return;
    index_ = index;
    current_ = index < tables_.size() ? tables_[index]->table->NewIterator(fill_cache_) : nullptr;
  }

  // A failed table ends the walk: its status must be seen, not skipped.
  bool AtEndOfTable() const {
    return current_ != nullptr && !current_->Valid() && current_->status().ok();
  }

  void SkipEmptyForward() {
    while (AtEndOfTable()) {
      Open(index_ + 1);
      if (current_ != nullptr) current_->SeekToFirst();
    }
    Note();
  }

  void SkipEmptyBackward() {
    while (AtEndOfTable()) {
      Open(index_ - 1);  // Wraps past the first table, which Open() takes for the end.
      if (current_ != nullptr) current_->SeekToLast();
    }
    Note();
  }

  // A table's iterator keeps its entry in one place while it is valid.
  void Note() { StandAt(current_ != nullptr && current_->Valid() ? &current_->entry() : nullptr); }

  const TableList tables_;
  const bool fill_cache_;
  size_t index_ = 0;
  std::unique_ptr<table::TableIterator> current_;
};

bool IsAfter(const table::TableIterator* a, const table::TableIterator* b) {
  const table::Entry& x = a->entry();
  const table::Entry& y = b->entry();
  return table::CompareVersions(x.key, x.sequence, y.key, y.sequence) > 0;
}

}  // namespace

std::unique_ptr<table::TableIterator> NewLevelIterator(TableList tables, bool fill_cache) {
  return std::make_unique<LevelIterator>(std::move(tables), fill_cache);
}

MergingIterator::MergingIterator(std::vector<std::unique_ptr<table::TableIterator>> sources)
    : sources_(std::move(sources)) {}

void MergingIterator::SeekToFirst() {
  for (const auto& source : sources_) source->SeekToFirst();
  Rebuild();
}

void MergingIterator::Rebuild() {
  heap_.clear();
  for (const auto& source : sources_) {
    if (source->Valid()) heap_.push_back(source.get());
  }
  std::make_heap(heap_.begin(), heap_.end(), IsAfter);
}

void MergingIterator::Next() {
  // Taken off before it moves: the heap's order must not change under it.
  std::pop_heap(heap_.begin(), heap_.end(), IsAfter);
  table::TableIterator* const first = heap_.back();
  heap_.pop_back();
  first->Next();
  if (!first->Valid()) return;
  heap_.push_back(first);
  std::push_heap(heap_.begin(), heap_.end(), IsAfter);
}

absl::Status MergingIterator::status() const {
  for (const auto& source : sources_) RETURN_IF_ERROR(source->status());
  return absl::OkStatus();
}

}  // namespace nokv::lsm
