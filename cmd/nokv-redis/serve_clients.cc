// What both modes do: sockets, metrics, signals.
#include "cmd/daemon/admin_server.h"
#include "cmd/daemon/metrics.h"
#include "cmd/daemon/signals.h"
#include "cmd/nokv-redis/modes.h"
#include "gateway/server/server.h"

#include <spdlog/spdlog.h>

#include <cstdio>
#include <unistd.h>

namespace nokv::redis {
namespace {

void DescribeTo(command::Host& host, const Settings& settings, const Service& service) {
  host.version = NOKV_VERSION;
  host.process_id = getpid();
  host.password = settings.password;
  host.durability = service.durability;
  host.memory_bytes = daemon::ProcessMemoryBytes;
  host.settings["appendfsync"] = service.durability == "L2" ? "always" : "everysec";
  host.settings["bind"] = settings.address.host;
  host.settings["dir"] = settings.cluster ? "" : settings.workdir;
  host.settings["maxclients"] = std::to_string(settings.server.clients_max);
}

absl::StatusOr<std::unique_ptr<daemon::AdminServer>> StartAdmin(const server::HostAndPort& address,
                                                                const Metrics& metrics,
                                                                const Service& service) {
  return daemon::AdminServer::Start(
      address.host, address.port,
      {.metrics = [&metrics] { return daemon::ToPrometheusText(metrics); },
       .variables = [&metrics] { return metrics.ToJson(); },
       .readiness = service.readiness});
}

// For whoever starts us and waits until we serve.
void AnnounceReady(const server::HostAndPort& address, const Service& service) {
  fmt::print("nokv-redis ready on {}, {}\n", server::ToText(address), service.ready);
  std::fflush(stdout);
}

}  // namespace

absl::Status ServeClients(const Settings& settings, const Service& service) {
  command::Host host(SystemClock(), service.backend);
  DescribeTo(host, settings, service);
  ASSIGN_OR_RETURN(
      const std::unique_ptr<server::Server> server,
      server::Server::Create(settings.address, settings.server, host, service.backend,
                             [](const std::string& line) { spdlog::warn("{}", line); }));
  host.settings["port"] = std::to_string(server->port());

  const Metrics metrics(
      {.statistics = host.statistics, .backend = service.backend, .db = service.db});
  std::unique_ptr<daemon::AdminServer> admin;
  if (settings.metrics_address) {
    ASSIGN_OR_RETURN(admin, StartAdmin(*settings.metrics_address, metrics, service));
    spdlog::info("metrics on {}", server::ToText({settings.metrics_address->host, admin->port()}));
  }
  daemon::SetUpSignals([&server] { server->Stop(); });
  AnnounceReady({settings.address.host, server->port()}, service);
  return server->Run();
}

}  // namespace nokv::redis
