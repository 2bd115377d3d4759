// Table iterators put together: the tables of one sorted level as one, and several sources merged.
//
// Thread-safety: none.
#pragma once

#include "engine/lsm/version.h"
#include "engine/table/table.h"

#include <memory>
#include <vector>

namespace nokv::lsm {

// Walks `tables`, which do not overlap and are in key order, one open at a time. Keeps them alive.
std::unique_ptr<table::TableIterator> NewLevelIterator(TableList tables, bool fill_cache);

// Walks all versions of all `sources` in the order of CompareVersions. Forward only: SeekToLast and
// Prev are not offered.
class MergingIterator {
 public:
  explicit MergingIterator(std::vector<std::unique_ptr<table::TableIterator>> sources);

  void SeekToFirst();
  void Next();

  bool Valid() const { return !heap_.empty(); }

  const table::Entry& entry() const { return heap_.front()->entry(); }

  absl::Status status() const;

 private:
  void Rebuild();

  const std::vector<std::unique_ptr<table::TableIterator>> sources_;
  std::vector<table::TableIterator*> heap_;  // The smallest first.
};

}  // namespace nokv::lsm
