// A cluster: the gateway keeps no data, and needs nothing but the placement driver's address.
#include "cmd/cluster/connection.h"
#include "cmd/config/topology.h"
#include "cmd/nokv-redis/modes.h"
#include "engine/vfs/file_system.h"
#include "gateway/cluster/cluster_backend.h"
#include "percolator/client/blocking_client.h"

#include <spdlog/spdlog.h>

namespace nokv::redis {
namespace {

constexpr absl::Duration kReadinessTimeout = absl::Seconds(1);

}  // namespace

absl::Status ServeCluster(const Settings& settings) {
  ASSIGN_OR_RETURN(const std::unique_ptr<cluster::Connection> connection,
                   cluster::Connection::Open({.pd_address = settings.cluster->pd_address,
                                              .key_owner = mvcc::KeyOwner::kSystem}));
  cluster::ClusterBackend backend(connection->client(), connection->executor(), SystemClock(),
                                  {.command_timeout = settings.cluster->command_timeout});
  client::BlockingClient client(connection->client(), connection->executor());
  RETURN_IF_ERROR(ServeClients(
      settings,
      {.backend = backend,
       .db = nullptr,
       .durability = "L2",
       .ready = fmt::format("placement driver at {}", settings.cluster->pd_address),
       .readiness = [&client] { return client.DrawTimestamp(kReadinessTimeout).status(); }}));
  spdlog::info("stopping: the round is finished");
  return absl::OkStatus();
}

absl::StatusOr<std::string> PdAddressOf(const std::string& config, const std::string& scope) {
  ASSIGN_OR_RETURN(const config::Topology topology,
                   config::LoadFile(vfs::PosixFileSystem(), config));
  if (topology.tls) {
    return UnimplementedError("{}: \"tls\" is not supported by the gateway yet", config);
  }
  return topology.pd.At(scope == "docker" ? config::Scope::kDocker : config::Scope::kHost).addr;
}

}  // namespace nokv::redis
