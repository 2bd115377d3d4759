// nokv-redis: an embedded database, or a cluster, behind the Redis protocol.
#include "cmd/daemon/flags.h"
#include "cmd/daemon/logging.h"
#include "cmd/nokv-redis/flags.h"
#include "cmd/nokv-redis/modes.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <sys/resource.h>

namespace nokv::redis {
namespace {

constexpr rlim_t kOtherDescriptors = 1024;  // Files of the database, the admin server, ourselves.

// Clients past the system's limit would be refused one by one; say so once, at the start.
void MakeRoomForClients(size_t clients_max) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = clients_max + kOtherDescriptors;
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < wanted) {
    spdlog::warn("the system allows {} file descriptors, {} clients would need {}: see ulimit -n",
                 limit.rlim_cur, clients_max, wanted);
  }
}

int Main(int argc, char** argv) {
  const CommandLine line = ReadCommandLine(argc, argv);
  if (line.exit_code) return *line.exit_code;
  absl::Status status = daemon::SetUpLogging(line.settings.log_level);
  if (!status.ok()) {
    fmt::print(stderr, "nokv-redis: {}\n", StdView(status.message()));
    return daemon::kExitUsage;
  }
  MakeRoomForClients(line.settings.server.clients_max);
  status = line.settings.cluster ? ServeCluster(line.settings) : ServeEmbedded(line.settings);
  if (status.ok()) return daemon::kExitOk;
  fmt::print(stderr, "nokv-redis: {}\n", StdView(status.message()));
  return daemon::kExitFailed;
}

}  // namespace
}  // namespace nokv::redis

int main(int argc, char** argv) { return nokv::redis::Main(argc, argv); }
