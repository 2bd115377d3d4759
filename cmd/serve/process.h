// A store as a process: its database, its loop, its network and its end.
//
// Thread-safety: the functions are of one thread, which is the store's clock while Run() lasts.
#pragma once

#include "cmd/serve/settings.h"
#include "engine/base/status.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace nokv::serve {

// Whether somebody has asked the process to end.
using ShouldStop = std::function<bool()>;

struct Summary {
  uint64_t cluster_id = 0;
  uint64_t store_id = 0;
  size_t regions = 0;
  double recovery_seconds = 0;
};

class Process {
 public:
  virtual ~Process() = default;

  // Opens the directory, learns the cluster from the placement driver if the directory is new, and
  // makes the regions that are not there yet. Cancelled: `should_stop` said so first.
  static absl::StatusOr<std::unique_ptr<Process>> Open(const Settings& settings,
                                                       const ShouldStop& should_stop);

  virtual Summary summary() const = 0;

  // Listens, and takes part in the cluster.
  virtual absl::Status Start() = 0;

  // Serves until `should_stop`, then takes nothing more, and answers what it can of what is under
  // way. Not OK if the store cannot go on.
  virtual absl::Status Run(const ShouldStop& should_stop) = 0;
};

}  // namespace nokv::serve
