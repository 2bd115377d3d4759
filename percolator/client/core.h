// A client behind its gate: all that operations share.
//
// Thread-safety: none; only inside the gate.
#pragma once

#include "percolator/client/environment.h"
#include "percolator/client/region_cache.h"
#include "percolator/client/route_source.h"
#include "percolator/client/timestamp_source.h"
#include "percolator/client/used_starts.h"

#include <cstddef>
#include <memory>
#include <utility>

namespace nokv::client {

struct Core {
  Core(const Seams& seams, const ClientOptions& options, std::shared_ptr<Gate> gate)
      : environment{.seams = seams,
                    .options = options,
                    .gate = std::move(gate),
                    .random = Random(options.seed)},
        cache(options.regions_max),
        routes(environment, cache),
        timestamps(environment) {}

  Environment environment;
  RegionCache cache;
  RouteSource routes;
  TimestampSource timestamps;
  UsedStarts used_starts;
  size_t operations = 0;  // Under way.
};

}  // namespace nokv::client
