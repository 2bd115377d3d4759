// What each refusal asks for: a change of the routes, a wait, or the end. The table is in
// README.md.
//
// Thread-safety: none; only inside the gate.
#pragma once

#include "engine/base/status.h"
#include "percolator/client/backoff.h"
#include "percolator/client/region_cache.h"
#include "proto/errors.pb.h"

#include <absl/time/time.h>

namespace nokv::client {

struct Reaction {
  // Not OK: trying again is of no use.
  absl::Status failure = absl::OkStatus();
  Wait wait = Wait::kMoved;
  absl::Duration wait_min = absl::ZeroDuration();  // What the store asked for.
};

// Takes into the cache what the refusal of `target` tells.
Reaction ReactTo(const errors::v1::RegionError& error, const Target& target, RegionCache& cache);

// The target could not be reached, or gave no answer.
Reaction ReactToSilence(const Target& target, RegionCache& cache);

}  // namespace nokv::client
