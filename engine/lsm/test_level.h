// For tests: random versions, and sorted levels of tables that hold them.
//
// Thread-safety: none.
#pragma once

#include "engine/lsm/level_iterator.h"
#include "engine/table/test_table.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace nokv::lsm {
using table::BlockCache;
using Row = table::Version;

inline std::string Key(uint64_t number) { return fmt::format("k{:03}", number); }

// Versions of some of the keys below `keys`, sorted.
inline std::vector<Row> RandomVersions(Random& random, uint64_t keys, int count) {
  std::vector<Row> versions;
  std::set<Sequence> used;
  for (int i = 0; i < count; ++i) {
    const Sequence sequence = 1 + random.Uniform(1000);
    if (!used.insert(sequence).second) continue;
    const std::string key = Key(random.Uniform(keys));
    versions.push_back(random.OneIn(4) ? table::Deletion(key, sequence)
                                       : table::Inline(key, sequence, fmt::format("{}", sequence)));
  }
  table::Normalize(&versions);
  return versions;
}

// Cuts sorted versions into tables at changes of key.
inline TableList MakeLevel(const std::vector<Row>& versions, size_t per_table, BlockCache& cache) {
  TableList tables;
  for (size_t at = 0; at < versions.size();) {
    size_t end = std::min(at + per_table, versions.size());
    while (end < versions.size() && versions[end].key == versions[end - 1].key) ++end;
    const std::vector<Row> part(versions.begin() + static_cast<std::ptrdiff_t>(at),
                                versions.begin() + static_cast<std::ptrdiff_t>(end));
    table::BuiltTable built = table::Build(part, {}, {.block_bytes_target = 64});
    auto file = std::make_shared<TableFile>();
    file->number = tables.size() + 1;
    file->summary = built.summary;
    file->table = table::OpenOrDie(std::move(built.bytes), cache);
    tables.push_back(std::move(file));
    at = end;
  }
  return tables;
}

}  // namespace nokv::lsm
