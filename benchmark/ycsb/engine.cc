#include "benchmark/ycsb/engine.h"

#include "benchmark/ycsb/engines/engines.h"

namespace nokv::bench {
namespace {

struct Entry {
  const char* name;
  EngineOr (*open)(const EngineOptions&);
};

// "rocksdb" is whichever of its variants is the faster overall; see the README for the figures.
constexpr Entry kEngines[] = {
#ifdef NOKV_BENCH_ENGINE
    {"nokv", OpenNokv},
#endif
    {"rocksdb", [](const EngineOptions& o) { return OpenRocksDB(o, RocksVariant::kMapped); }},
    {"rocksdb-cache", [](const EngineOptions& o) { return OpenRocksDB(o, RocksVariant::kCached); }},
    {"rocksdb-blob", [](const EngineOptions& o) { return OpenRocksDB(o, RocksVariant::kBlob); }},
    {"leveldb", OpenLevelDB},
    {"lmdb", OpenLmdb},
    {"null", OpenNull},
};

}  // namespace

std::vector<std::string> EngineNames() {
  std::vector<std::string> names;
  for (const Entry& entry : kEngines) names.emplace_back(entry.name);
  return names;
}

absl::StatusOr<std::unique_ptr<Engine>> OpenEngine(std::string_view name,
                                                   const EngineOptions& options) {
  for (const Entry& entry : kEngines) {
    if (name == entry.name) return entry.open(options);
  }
  return InvalidArgumentError("there is no engine '{}'", name);
}

}  // namespace nokv::bench
