// Point reads: memtables, then tables from the newest level down, then the value.
#include "engine/base/epoch.h"
#include "engine/db/db_impl.h"
#include "engine/db/snapshot_impl.h"
#include "engine/db/stored_value.h"
#include "engine/db/user_iterator.h"

#include <algorithm>
#include <array>
#include <forward_list>
#include <utility>

namespace nokv {
namespace {

// Where the search for one key stands: what it wants, and the newest range tombstone it has met.
struct Search {
  std::string_view key;
  uint64_t hash;
  Sequence bound;
  Sequence covering = 0;

  void Meet(const lsm::RangeTombstones* tombstones) {
    if (tombstones == nullptr) return;
    covering = std::max(covering, tombstones->NewestCovering(key, bound));
  }
};

// Looks into one table. True when the search is over.
absl::StatusOr<bool> SearchTable(const lsm::TableFile& file, Search& search, table::Entry* entry,
                                 bool* found) {
  search.Meet(file.range_tombstones.get());
  ASSIGN_OR_RETURN(*found, file.table->Get(search.key, search.hash, search.bound, entry));
  // Whatever lies in older tables is older than the tombstone.
  return *found || search.covering != 0;
}

bool MayHold(const lsm::TableFile& file, std::string_view key) {
  return file.summary.smallest_key <= key && file.summary.largest_key >= key;
}

absl::StatusOr<bool> SearchTables(const lsm::Family& family, Search& search, table::Entry* entry) {
  bool found = false;
  for (const lsm::TableRef& file : family.levels[0]) {
    if (!MayHold(*file, search.key)) continue;
    ASSIGN_OR_RETURN(const bool over, SearchTable(*file, search, entry, &found));
    if (over) return found;
  }
  for (uint32_t number = 1; number < lsm::kLevels; ++number) {
    const lsm::TableList& level = family.levels[number];
    if (level.empty()) continue;
    bool over = false;
    for (size_t i = lsm::FirstTableFor(level, search.key);
         i < level.size() && level[i]->summary.smallest_key <= search.key && !found; ++i) {
      ASSIGN_OR_RETURN(const bool table_over, SearchTable(*level[i], search, entry, &found));
      over |= table_over;
    }
    if (over) return found;
  }
  return found;
}

// Lookups whose memory is fetched together: more than the processor keeps on its way at a time, few
// enough to stay in its first cache.
constexpr size_t kLookupsTogether = 32;

// Starts loading what finding each of at most kLookupsTogether keys in memtables will look at.
void Prefetch(const ReadState& state, uint16_t family, Sequence bound,
              std::span<const Lookup> lookups) {
  struct Wanted {
    const Lookup* lookup;
    uint64_t hash;
  };

  std::array<Wanted, kLookupsTogether> wanted;
  size_t count = 0;
  for (const Lookup& lookup : lookups) {
    wanted[count++] = {&lookup, table::Table::HashKey(lookup.key)};
  }
  for (const std::shared_ptr<Generation>& generation : state.generations()) {
    const lsm::MemTable* const memtable = generation->table(family);
    if (memtable == nullptr) continue;
    for (size_t i = 0; i < count; ++i) memtable->PrefetchSlot(wanted[i].hash);
    for (size_t i = 0; i < count; ++i) memtable->PrefetchNode(wanted[i].hash);
    size_t left = 0;
    for (size_t i = 0; i < count; ++i) {
      const Lookup& lookup = *wanted[i].lookup;
      const lsm::MemVersion* const version = memtable->Find(lookup.key, wanted[i].hash, bound);
      if (version == nullptr) {
        wanted[left++] = wanted[i];
      } else if (lookup.wants_value || version->has_expiry) {
        generation->Prefetch(*version);
      }
    }
    count = left;
  }
}

}  // namespace

absl::Status DBImpl::ReadEntry(const ReadState& state, const table::Entry& entry,
                               std::string* scratch, FoundValue* found) {
  if (entry.kind == table::EntryKind::kDelete) return absl::OkStatus();
  if (entry.expiry_ms != 0 && entry.expiry_ms <= clock_.WallMillis()) return absl::OkStatus();
  found->exists = true;
  found->expiry_ms = entry.expiry_ms;
  if (!found->wants_value) return absl::OkStatus();
  if (entry.kind == table::EntryKind::kInline) {
    found->value = entry.value;
    found->in_block = true;
    return absl::OkStatus();
  }
  const log::ValueHost* host = state.version().host(entry.handle.segment);
  if (host == nullptr) {
    return DataLossError("{}: a key refers to segment {}, which is not there", options_.directory,
                         entry.handle.segment);
  }
  ASSIGN_OR_RETURN(found->value,
                   ReadStored(*host, StoredValue::Of(entry), value_checks(), scratch));
  return absl::OkStatus();
}

absl::Status DBImpl::Find(const ReadState& state, uint16_t family, std::string_view key,
                          Sequence bound, std::string* scratch, FoundValue* found) {
  Search search{key, table::Table::HashKey(key), bound};
  for (const std::shared_ptr<Generation>& generation : state.generations()) {
    const lsm::MemTable* memtable = generation->table(family);
    if (memtable == nullptr) continue;
    search.Meet(memtable->range_tombstones());
    const lsm::MemVersion* version = memtable->Find(key, search.hash, bound);
    if (version == nullptr) {
      if (search.covering != 0) return absl::OkStatus();
      continue;
    }
    if (version->is_delete || version->sequence < search.covering) return absl::OkStatus();
    if (!found->wants_value && !version->has_expiry) {
      found->exists = true;  // Known without touching the log.
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const log::Record record, generation->ReadRecord(*version, scratch));
    if (version->has_expiry && record.expiry_ms <= clock_.WallMillis()) return absl::OkStatus();
    found->exists = true;
    found->expiry_ms = record.expiry_ms;
    found->value = record.value;
    return absl::OkStatus();
  }

  const lsm::Family* tables = state.version().family(family);
  if (tables == nullptr) {
    return InvalidArgumentError("no column family {}", family);
  }
  table::Entry entry;
  ASSIGN_OR_RETURN(const bool is_found, SearchTables(*tables, search, &entry));
  if (!is_found || entry.sequence < search.covering) return absl::OkStatus();
  return ReadEntry(state, entry, scratch, found);
}

Sequence DBImpl::BoundOf(const Snapshot* snapshot) const {
  return snapshot == nullptr ? visible_.load()
                             : static_cast<const SnapshotImpl*>(snapshot)->sequence();
}

absl::StatusOr<bool> DBImpl::Get(const ReadOptions& options, std::string_view key,
                                 std::string* value) {
  RETURN_IF_ERROR(CheckKey(key));
  FoundValue found;
  std::string scratch;
  {
    const EpochGuard guard;
    // The state before the bound: what is visible at the bound but came after this state is in a
    // younger memtable and is simply not seen, so the reader sees a prefix of the writes.
    const ReadState& state = *CurrentState();
    RETURN_IF_ERROR(
        Find(state, options.column_family.id, key, BoundOf(options.snapshot), &scratch, &found));
    if (found.exists) value->assign(found.value);
  }
  counters_.Add(Counter::kReads);
  if (found.exists) counters_.Add(Counter::kReadsFound);
  return found.exists;
}

absl::StatusOr<bool> DBImpl::Get(const ReadOptions& options, std::string_view key,
                                 PinnedValue* value) {
  RETURN_IF_ERROR(CheckKey(key));

  struct Pin {
    explicit Pin(const ReadState* state) : reference(state) {}

    ReadStateRef reference;
    std::string bytes;
  };

  FoundValue found;
  const EpochGuard guard;
  const ReadState* const state = CurrentState();
  auto pin = std::make_shared<Pin>(state);
  RETURN_IF_ERROR(
      Find(*state, options.column_family.id, key, BoundOf(options.snapshot), &pin->bytes, &found));
  counters_.Add(Counter::kReads);
  if (!found.exists) return false;
  counters_.Add(Counter::kReadsFound);
  if (found.in_block) {
    pin->bytes.assign(found.value);
    found.value = pin->bytes;
  }
  value->value_ = found.value;
  value->pin_ = std::move(pin);
  return true;
}

absl::StatusOr<bool> DBImpl::GetExpiry(const ReadOptions& options, std::string_view key,
                                       uint64_t* expiry_ms) {
  RETURN_IF_ERROR(CheckKey(key));
  FoundValue found;
  found.wants_value = false;
  std::string scratch;
  const EpochGuard guard;
  const ReadState& state = *CurrentState();  // Before the bound, as in Get().
  RETURN_IF_ERROR(
      Find(state, options.column_family.id, key, BoundOf(options.snapshot), &scratch, &found));
  *expiry_ms = found.expiry_ms;
  return found.exists;
}

absl::StatusOr<std::vector<std::optional<std::string>>> DBImpl::MultiGet(
    const ReadOptions& options, std::span<const std::string_view> keys) {
  std::vector<std::optional<std::string>> values(keys.size());
  std::string scratch;
  const EpochGuard guard;
  const ReadState& state = *CurrentState();
  const Sequence bound = BoundOf(options.snapshot);
  for (size_t i = 0; i < keys.size(); ++i) {
    RETURN_IF_ERROR(CheckKey(keys[i]));
    FoundValue found;
    RETURN_IF_ERROR(Find(state, options.column_family.id, keys[i], bound, &scratch, &found));
    if (found.exists) values[i] = std::string(found.value);
  }
  counters_.Add(Counter::kReads, keys.size());
  return values;
}

absl::Status DBImpl::MultiGet(const ReadOptions& options, std::span<Lookup> lookups,
                              PinnedValues* values) {
  struct Pin {
    explicit Pin(const ReadState* state) : reference(state) {}

    ReadStateRef reference;
    // Of values that nothing else keeps in place; the first is free.
    std::forward_list<std::string> copies;
  };

  for (const Lookup& lookup : lookups) RETURN_IF_ERROR(CheckKey(lookup.key));
  const EpochGuard guard;
  const ReadState* const state = CurrentState();  // Before the bound, as in Get().
  const Sequence bound = BoundOf(options.snapshot);
  auto pin = std::make_shared<Pin>(state);
  pin->copies.emplace_front();
  size_t found_count = 0;
  for (size_t i = 0; i < lookups.size(); ++i) {
    if (i % kLookupsTogether == 0) {
      Prefetch(*state, options.column_family.id, bound,
               lookups.subspan(i, std::min(kLookupsTogether, lookups.size() - i)));
    }
    Lookup& lookup = lookups[i];
    std::string& copy = pin->copies.front();
    FoundValue found;
    found.wants_value = lookup.wants_value;
    RETURN_IF_ERROR(Find(*state, options.column_family.id, lookup.key, bound, &copy, &found));
    if (found.in_block) {
      copy.assign(found.value);
      found.value = copy;
    }
    if (!copy.empty()) pin->copies.emplace_front();
    lookup.is_found = found.exists;
    lookup.expiry_ms = found.expiry_ms;
    lookup.value = found.value;
    found_count += found.exists ? 1 : 0;
  }
  counters_.Add(Counter::kReads, lookups.size());
  counters_.Add(Counter::kReadsFound, found_count);
  values->pin_ = std::move(pin);
  return absl::OkStatus();
}

std::unique_ptr<Iterator> DBImpl::NewIterator(const IteratorOptions& options) {
  counters_.Add(Counter::kIterators);
  const EpochGuard guard;
  const ReadState* const state = CurrentState();
  return std::make_unique<UserIterator>(*state, UserIterator::Context{&clock_, value_checks()},
                                        options, BoundOf(options.snapshot));
}

std::unique_ptr<Snapshot> DBImpl::NewSnapshot() {
  MutexLock lock(mutex_);
  const Sequence sequence = visible_.load();
  snapshots_.insert(sequence);
  return std::make_unique<SnapshotImpl>(*this, sequence);
}

void DBImpl::ReleaseSnapshot(Sequence sequence) {
  MutexLock lock(mutex_);
  const auto released = snapshots_.find(sequence);
  const bool was_oldest = released == snapshots_.begin();
  snapshots_.erase(released);
  // What only this snapshot could see may be merged away now.
  if (!was_oldest || !has_superseded_) return;
  compaction_idle_ = false;
  ScheduleLocked();
}

}  // namespace nokv
