#include "engine/db/user_iterator.h"

#include "engine/db/stored_value.h"

#include <algorithm>
#include <utility>

namespace nokv {

UserIterator::UserIterator(const ReadState& state, const Context& context,
                           const IteratorOptions& options, Sequence bound)
    : state_(&state), context_(context), options_(options), bound_(bound) {
  AddSources(state, options.column_family.id);
}

void UserIterator::AddSources(const ReadState& state, uint16_t family) {
  for (const std::shared_ptr<Generation>& generation : state.generations()) {
    const lsm::MemTable* memtable = generation->table(family);
    if (memtable == nullptr) continue;
    if (const lsm::RangeTombstones* tombstones = memtable->range_tombstones()) {
      range_tombstones_.push_back(tombstones);
    }
    if (memtable->keys() > 0) {
      sources_.push_back({lsm::NewMemLayer(*memtable, bound_), generation.get()});
    }
  }
  const lsm::Family* tables = state.version().family(family);
  if (tables == nullptr) {
    status_ = unusable_ = InvalidArgumentError("no column family {}", family);
    return;
  }
  for (uint32_t number = 0; number < lsm::kLevels; ++number) {
    const lsm::TableList& level = tables->levels[number];
    for (const lsm::TableRef& file : level) {
      if (file->range_tombstones != nullptr) {
        range_tombstones_.push_back(file->range_tombstones.get());
      }
      if (number == 0) {
        sources_.push_back({lsm::NewTableLayer(file->table->NewIterator(), bound_), nullptr});
      }
    }
    if (number > 0 && !level.empty()) {
      sources_.push_back({lsm::NewTableLayer(lsm::NewLevelIterator(level, true), bound_), nullptr});
    }
  }
}

void UserIterator::Reset(Direction direction) {
  direction_ = direction;
  status_ = unusable_;
  is_lost_ = false;
  first_ = 0;
  count_ = 0;
  fetched_ = 0;
  ahead_ = kRowsFirst;
  at_end_ = false;
  leader_ = nullptr;
}

void UserIterator::SeekToFirst() {
  if (!options_.lower_bound.empty()) return Seek(options_.lower_bound);
  Reset(Direction::kForward);
  for (Source& source : sources_) source.layer->SeekToFirst();
  if (CheckAll()) FillForward();
}

void UserIterator::Seek(std::string_view target) {
  here_.assign(IsBelowLower(target) ? std::string_view(options_.lower_bound) : target);
  Reset(Direction::kForward);
  for (Source& source : sources_) source.layer->Seek(here_);
  if (CheckAll()) FillForward();
}

void UserIterator::SeekToLast() {
  Reset(Direction::kBackward);
  for (Source& source : sources_) {
    if (options_.upper_bound.empty()) {
      source.layer->SeekToLast();
    } else {
      source.layer->SeekBefore(options_.upper_bound);
    }
  }
  if (CheckAll()) FillBackward();
}

void UserIterator::SeekForPrev(std::string_view target) {
  if (IsAtUpper(target)) return SeekToLast();
  // The smallest key above `target`.
  here_.assign(target);
  here_.push_back('\0');
  Reset(Direction::kBackward);
  for (Source& source : sources_) source.layer->SeekBefore(here_);
  if (CheckAll()) FillBackward();
}

void UserIterator::Next() {
  if (direction_ == Direction::kBackward) {
    here_.assign(key());
    here_.push_back('\0');
    Reset(Direction::kForward);
    for (Source& source : sources_) source.layer->Seek(here_);
    if (CheckAll()) FillForward();
    return;
  }
  first_ = (first_ + 1) % kRowsMax;
  --count_;
  if (fetched_ > 0) --fetched_;
  ahead_ = std::min(ahead_ + 1, kRowsMax);
  FillForward();
}

void UserIterator::Prev() {
  if (direction_ == Direction::kForward) {
    here_.assign(key());
    Reset(Direction::kBackward);
    for (Source& source : sources_) source.layer->SeekBefore(here_);
    if (!CheckAll()) return;
  }
  FillBackward();
}

bool UserIterator::Check(const Source& source) {
  if (source.layer->Valid()) return true;
  // Never over an earlier failure: what failed would look like the end of its keys.
  if (absl::Status status = source.layer->status(); !status.ok()) status_ = std::move(status);
  return status_.ok();
}

bool UserIterator::CheckAll() {
  for (const Source& source : sources_) {
    if (!Check(source)) return false;
  }
  return true;
}

UserIterator::Source* UserIterator::PickSource(Direction direction) {
  const bool is_forward = direction == Direction::kForward;
  const auto precedes = [&](const Source& a, const Source& b) {
    const int order = a.layer->key().compare(b.layer->key());
    return is_forward ? order < 0 : order > 0;
  };
  // Most keys of a range are in one source, mostly: the one moved last is still the first.
  if (leader_ != nullptr && leader_->layer->Valid() &&
      (second_ == nullptr || precedes(*leader_, *second_))) {
    return leader_;
  }
  Source* picked = nullptr;
  second_ = nullptr;
  tied_.clear();
  for (Source& source : sources_) {
    if (!source.layer->Valid()) continue;
    if (picked == nullptr) {
      picked = &source;
      continue;
    }
    const int order = source.layer->key().compare(picked->layer->key());
    if (order == 0) {
      const bool is_newer = source.layer->sequence() > picked->layer->sequence();
      tied_.push_back(is_newer ? picked : &source);
      if (is_newer) picked = &source;
    } else if ((order < 0) == is_forward) {
      second_ = picked;
      picked = &source;
      tied_.clear();
    } else if (second_ == nullptr || precedes(source, *second_)) {
      second_ = &source;
    }
  }
  // Those that are tied move too, and `second_` with them or behind them.
  leader_ = tied_.empty() ? picked : nullptr;
  return picked;
}

void UserIterator::MovePast(const Row& row, Source* picked, Direction direction) {
  const auto move = [&](Source* source) {
    if (direction == Direction::kForward) {
      source->layer->NextAfter(row.key);
    } else {
      source->layer->Prev();
    }
    Check(*source);
  };
  move(picked);
  for (Source* source : tied_) move(source);
}

void UserIterator::FillForward() {
  while (count_ < ahead_ && !at_end_ && status_.ok()) {
    Source* const picked = PickSource(Direction::kForward);
    if (picked == nullptr || IsAtUpper(picked->layer->key())) {
      at_end_ = true;
      break;
    }
    Row& row = RowAt(count_);
    row.key.assign(picked->layer->key());
    const bool is_visible = MakeRow(*picked, &row);
    MovePast(row, picked, Direction::kForward);
    if (is_visible) ++count_;
  }
  if (options_.keys_only) return;
  // Only a few, for the processor's queue of misses is short, and behind the making of rows: where
  // a value stands is itself being fetched since its row was made.
  for (; fetched_ < std::min(count_, kPrefetchRows); ++fetched_) Prefetch(RowAt(fetched_));
}

void UserIterator::FillBackward() {
  first_ = 0;
  count_ = 0;
  while (status_.ok()) {
    Source* const picked = PickSource(Direction::kBackward);
    if (picked == nullptr || IsBelowLower(picked->layer->key())) return;
    Row& row = rows_[0];
    row.key.assign(picked->layer->key());
    const bool is_visible = MakeRow(*picked, &row);
    MovePast(row, picked, Direction::kBackward);
    if (is_visible) {
      count_ = 1;
      return;
    }
  }
}

bool UserIterator::MakeRow(const Source& source, Row* row) {
  const lsm::Layer& layer = *source.layer;
  for (const lsm::RangeTombstones* tombstones : range_tombstones_) {
    if (tombstones->NewestCovering(layer.key(), bound_) > layer.sequence()) return false;
  }
  row->expiry_ms = 0;
  row->generation = nullptr;
  row->version = nullptr;
  row->host = nullptr;
  row->loaded = Loaded::kNothing;
  return source.generation != nullptr ? MakeMemRow(source, row) : MakeTableRow(source, row);
}

bool UserIterator::MakeMemRow(const Source& source, Row* row) {
  const lsm::MemVersion& version = *source.layer->mem_version();
  if (version.is_delete) return false;
  row->generation = source.generation;
  row->version = &version;
  if (!version.has_expiry) return true;
  const absl::Status loaded = LoadValue(row);
  if (!loaded.ok()) {
    status_ = loaded;
    return false;
  }
  return row->expiry_ms > context_.clock->WallMillis();
}

bool UserIterator::MakeTableRow(const Source& source, Row* row) {
  const table::Entry& entry = *source.layer->table_entry();
  if (entry.kind == table::EntryKind::kDelete) return false;
  if (entry.expiry_ms != 0 && entry.expiry_ms <= context_.clock->WallMillis()) return false;
  row->expiry_ms = entry.expiry_ms;
  if (entry.kind == table::EntryKind::kInline) {
    if (!options_.keys_only) row->bytes.assign(entry.value);
    row->value = row->bytes;
    row->loaded = Loaded::kAll;
    return true;
  }
  row->handle = entry.handle;
  row->part = entry.part;
  row->is_part = entry.kind == table::EntryKind::kPart;
  if (row->is_part && !entry.value.empty() && !options_.keys_only) {
    row->bytes.assign(entry.value);
    row->value = row->bytes;
    row->loaded = Loaded::kHead;
  }
  row->host = state_->version().host(entry.handle.segment);
  if (row->host == nullptr) {
    status_ = DataLossError("a key refers to segment {}, which is not there", entry.handle.segment);
    return false;
  }
  if (!options_.keys_only) row->host->PrefetchPlace(entry.handle.ordinal);
  return true;
}

void UserIterator::Prefetch(const Row& row) const {
  if (row.loaded == Loaded::kAll) return;
  if (row.loaded == Loaded::kHead && !wants_values_) return;
  if (row.host != nullptr) {
    row.host->Prefetch(row.handle.ordinal, row.handle.record_bytes);
  } else {
    row.generation->Prefetch(*row.version);
  }
}

absl::Status UserIterator::LoadValue(Row* row) {
  row->loaded = Loaded::kNothing;  // A head may be in the memory that is read into.
  if (row->host != nullptr) {
    const StoredValue stored{row->key, row->is_part, row->handle, row->part};
    ASSIGN_OR_RETURN(row->value, ReadStored(*row->host, stored, context_.checks, &row->bytes));
  } else {
    ASSIGN_OR_RETURN(const log::Record record,
                     row->generation->ReadRecord(*row->version, &row->bytes));
    row->expiry_ms = record.expiry_ms;
    row->value = record.value;
  }
  row->loaded = Loaded::kAll;
  return absl::OkStatus();
}

absl::Status UserIterator::LoadHead(Row* row) {
  if (row->version != nullptr && row->version->is_part) {
    ASSIGN_OR_RETURN(row->value, row->generation->ReadHead(*row->version, &row->bytes));
    if (!row->value.empty()) {
      row->loaded = Loaded::kHead;
      return absl::OkStatus();
    }
  }
  return LoadValue(row);
}

std::string_view UserIterator::Lose(absl::Status status) {
  status_ = std::move(status);
  is_lost_ = true;
  return {};
}

std::string_view UserIterator::value() {
  if (options_.keys_only) return {};
  wants_values_ = true;
  Row& row = rows_[first_];
  if (row.loaded != Loaded::kAll) {
    if (absl::Status status = LoadValue(&row); !status.ok()) return Lose(std::move(status));
  }
  return row.value;
}

std::string_view UserIterator::value_head() {
  if (options_.keys_only) return {};
  wants_values_ = false;
  Row& row = rows_[first_];
  if (row.loaded == Loaded::kNothing) {
    if (absl::Status status = LoadHead(&row); !status.ok()) return Lose(std::move(status));
  }
  return row.value;
}

}  // namespace nokv
