// Makes the iterators of an open table.
//
// Thread-safety: safe; each iterator belongs to one thread.
#pragma once

#include "engine/table/table.h"
#include "engine/table/table_file.h"

#include <memory>

namespace nokv::table {

// `file` outlives the iterator.
std::unique_ptr<TableIterator> NewTableIterator(const TableFile& file, bool fill_cache);

}  // namespace nokv::table
