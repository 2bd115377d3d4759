// One function per engine, for the list in engine.cc.
//
// Thread-safety: safe.
#pragma once

#include "benchmark/ycsb/engine.h"

namespace nokv::bench {

using EngineOr = absl::StatusOr<std::unique_ptr<Engine>>;

// Nothing is stored or copied: what remains is the cost of the benchmark itself.
EngineOr OpenNull(const EngineOptions& options);

#ifdef NOKV_BENCH_ENGINE
EngineOr OpenNokv(const EngineOptions& options);
#endif

enum class RocksVariant {
  kMapped,  // Reads from mapped files, no block cache.
  kCached,  // Reads through a block cache of the whole memory.
  kBlob,    // As cached, with values in blob files.
};

EngineOr OpenRocksDB(const EngineOptions& options, RocksVariant variant);
EngineOr OpenLevelDB(const EngineOptions& options);
EngineOr OpenLmdb(const EngineOptions& options);

}  // namespace nokv::bench
