// What must hold between the parts of a topology: everything unique that names something, peers on
// stores that are there, and every key in exactly one region.
//
// Thread-safety: pure functions.
#pragma once

#include "cmd/config/draft.h"

namespace nokv::config {

// `root` is what the draft was read from: problems are noted at its values.
void CheckStores(const Value& root, const Topology& topology, ProblemList& problems);
void CheckRegions(const Value& root, const Topology& topology, ProblemList& problems);

// Only for a draft that has all bounds: else every gap would be a consequence, not a mistake.
void CheckCoverage(const Value& root, const Topology& topology, ProblemList& problems);

}  // namespace nokv::config
