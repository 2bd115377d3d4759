// Measurements as JSON and as the tables at the end.
//
// Thread-safety: all functions are pure but for the file that the JSON goes to.
#pragma once

#include "benchmark/ycsb/measurement.h"
#include "engine/base/status.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace nokv::bench {

nlohmann::ordered_json ToJson(const Measurement& measurement);

// Of what ToJson() made.
Measurement MeasurementFromJson(const nlohmann::json& json);

// Whether WriteJson() could write to `file` now; makes an empty one if there is none.
absl::Status CheckTakesJson(const std::string& file);

// A list with one object for each measurement.
absl::Status WriteJson(const std::string& file, const std::vector<Measurement>& measurements);

// A table for each workload: medians over the runs with the smallest and largest throughput, and
// how many times as fast as each engine nokv is, if it is there.
std::string FormatTables(const std::vector<Measurement>& measurements);

}  // namespace nokv::bench
