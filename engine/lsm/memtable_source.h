// A memtable as a source of versions for a flush: small values are read from the log, large ones
// become handles.
//
// A small version that no reader can tell from a newer one is passed over without reading it: of a
// key that was overwritten a thousand times one record is looked up, not a thousand. Handles all
// come out, because whoever drops one has to count its value as dead; parts do as small ones do.
//
// Thread-safety: none.
#pragma once

#include "engine/log/part.h"
#include "engine/log/record.h"
#include "engine/lsm/memtable.h"
#include "engine/table/table.h"

#include <functional>
#include <memory>
#include <vector>

namespace nokv::lsm {

// Reads the record of `version` from the log; views may point into `scratch`.
using RecordReader =
    std::function<absl::StatusOr<log::Record>(const MemVersion& version, std::string* scratch)>;

// Finds the value that a version is part of.
using PartFinder =
    std::function<absl::StatusOr<table::ValueHandle>(const log::PartReference& reference)>;

// Forward only, from SeekToFirst(). `memtable` takes no more writes and outlives the source.
// `snapshots` are those that VersionFilter will be given: ascending.
std::unique_ptr<table::TableIterator> NewMemTableSource(const MemTable& memtable,
                                                        std::vector<Sequence> snapshots,
                                                        RecordReader reader,
                                                        PartFinder find_part = nullptr);

}  // namespace nokv::lsm
