// A placement driver as a process: its directory, its port, its ticks and its end.
//
// Thread-safety: the functions are of one thread, which is the driver's clock while Run() lasts.
#pragma once

#include "cmd/placement/settings.h"
#include "engine/base/status.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace nokv::placement {

// Whether somebody has asked the process to end.
using ShouldStop = std::function<bool()>;

struct Summary {
  uint64_t cluster_id = 0;
  size_t regions = 0;
};

class Process {
 public:
  virtual ~Process() = default;

  // Opens the directory, and makes the first regions known to a new one.
  static absl::StatusOr<std::unique_ptr<Process>> Open(const Settings& settings);

  virtual Summary summary() const = 0;

  // Serves.
  virtual absl::Status Start() = 0;

  // Ticks until `should_stop`, then takes nothing more, and answers what is under way. Not OK if
  // the driver can't go on.
  virtual absl::Status Run(const ShouldStop& should_stop) = 0;
};

}  // namespace nokv::placement
