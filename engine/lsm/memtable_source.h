// A memtable as a source of versions for a flush: small values are read from the log, large ones
// become handles.
//
// Thread-safety: none.
#pragma once

#include "engine/log/record.h"
#include "engine/lsm/memtable.h"
#include "engine/table/table.h"

#include <functional>
#include <memory>

namespace nokv::lsm {

// Reads the record of `version` from the log; views may point into `scratch`.
using RecordReader =
    std::function<absl::StatusOr<log::Record>(const MemVersion& version, std::string* scratch)>;

// Forward only, from SeekToFirst(). `memtable` takes no more writes and outlives the source.
std::unique_ptr<table::TableIterator> NewMemTableSource(const MemTable& memtable,
                                                        RecordReader reader);

}  // namespace nokv::lsm
