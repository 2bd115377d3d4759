// One run of one engine: the load and then each workload, on one database.
//
// Before a workload is timed, its operations are drawn and its warm-up has run; after it, the file
// system is synced, so that what it wrote is counted as its own. Background work of the engine that
// is still going on then runs into the next workload, as it would in production.
//
// Thread-safety: none.
#pragma once

#include "benchmark/ycsb/measurement.h"
#include "benchmark/ycsb/settings.h"

#include <functional>
#include <string>

namespace nokv::bench {

struct RunListener {
  std::function<void(const std::string& workload)> starting;
  std::function<void(const Measurement&)> measured;
};

// `settings.child` says which engine, and where.
absl::Status RunEngine(const Settings& settings, const RunListener& listener);

}  // namespace nokv::bench
