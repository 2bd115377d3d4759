// Proves that a table is what a builder writes.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/status.h"
#include "engine/table/table_file.h"

#include <cstdint>
#include <functional>

namespace nokv::table {

// Reads every byte of the file again, beside the cache, and checks what checksums can't: that the
// order is strict, that index, filter, liveness and summary say what the entries say.
absl::Status VerifyTable(const TableFile& table,
                         const std::function<void(uint64_t bytes)>& progress);

}  // namespace nokv::table
