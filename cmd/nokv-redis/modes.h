// What nokv-redis serves: an embedded database, or a cluster where the build has one.
//
// Thread-safety: none; the program's first thread.
#pragma once

#include "cmd/nokv-redis/flags.h"
#include "cmd/nokv-redis/metrics.h"
#include "gateway/backend/backend.h"
#include "gateway/command/host.h"

#include <functional>
#include <string>

namespace nokv::redis {

#ifdef NOKV_CLUSTER
inline constexpr bool kHasCluster = true;
#else
inline constexpr bool kHasCluster = false;
#endif

// Each serves until a signal, and returns why it could not.
absl::Status ServeEmbedded(const Settings& settings);
absl::Status ServeCluster(const Settings& settings);

// The address of the placement driver in a topology. InvalidArgument with all its problems if the
// file is none. `scope` is "host" or "docker".
absl::StatusOr<std::string> PdAddressOf(const std::string& config, const std::string& scope);

// What a mode brings along.
struct Service {
  backend::Backend& backend;
  DB* db = nullptr;        // For the metrics; null for a cluster.
  std::string durability;  // "L1" or "L2".
  std::string ready;       // Ends the line that says that we serve.
  std::function<absl::Status()> readiness;
};

// Serves clients until a signal.
absl::Status ServeClients(const Settings& settings, const Service& service);

}  // namespace nokv::redis
