// The summary and the range tombstones of a table, as values and as block contents.
//
// Thread-safety: pure functions.
#pragma once

#include "engine/table/entry.h"
#include "engine/table/table_builder.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::table {

// Count `entry` or `tombstone` into everything but size_bytes and segments. Any order will do.
void AddToSummary(const Entry& entry, TableSummary* summary);
void AddToSummary(const RangeTombstone& tombstone, TableSummary* summary);

// Without size_bytes (the file's) and segments (the directory's).
std::string EncodeSummary(const TableSummary& summary);
std::optional<TableSummary> DecodeSummary(std::string_view content);

// By start, then newest first.
bool TombstoneBefore(const RangeTombstone& a, const RangeTombstone& b);

std::string EncodeTombstones(const std::vector<RangeTombstone>& tombstones);

// None if the content breaks the grammar or the order.
std::optional<std::vector<RangeTombstone>> DecodeTombstones(std::string_view content);

}  // namespace nokv::table
