// nokv-redis: an embedded database behind the Redis protocol.

#include "cmd/daemon/admin_server.h"
#include "cmd/daemon/flags.h"
#include "cmd/daemon/logging.h"
#include "cmd/daemon/metrics.h"
#include "cmd/daemon/signals.h"
#include "cmd/nokv-redis/flags.h"
#include "cmd/nokv-redis/metrics.h"
#include "gateway/backend/embedded.h"
#include "gateway/server/server.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <sys/resource.h>
#include <unistd.h>

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

Options EngineOptions(const Settings& settings) {
  Options options;
  options.directory = settings.workdir;
  options.durability = settings.durability;
  options.memory_bytes = settings.memory_bytes;
  return options;
}

void DescribeTo(command::Host& host, const Settings& settings) {
  const bool survives_power_cuts = settings.durability == Durability::kPower;
  host.version = NOKV_VERSION;
  host.process_id = getpid();
  host.password = settings.password;
  host.durability = survives_power_cuts ? "L2" : "L1";
  host.memory_bytes = daemon::ProcessMemoryBytes;
  host.settings["appendfsync"] = survives_power_cuts ? "always" : "everysec";
  host.settings["bind"] = settings.address.host;
  host.settings["dir"] = settings.workdir;
  host.settings["maxclients"] = std::to_string(settings.server.clients_max);
}

// What the failure to open the database leaves the user to do.
std::string_view AdviceFor(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kNotFound:
      return "make the directory above it first, or give another --workdir";
    case absl::StatusCode::kAlreadyExists:
      return "a file is in the way: give a directory with --workdir";
    case absl::StatusCode::kFailedPrecondition:
      return "give this process a --workdir of its own";
    case absl::StatusCode::kDataLoss:
      return "keep a copy of the directory as it is, then restore it from a checkpoint";
    case absl::StatusCode::kUnimplemented:
      return "use the nokv-redis of the version that wrote the directory, or a newer one";
    case absl::StatusCode::kResourceExhausted:
      return "free space on the disk, then start again";
    case absl::StatusCode::kPermissionDenied:
      return "or give a --workdir that this user may read and write";
    default:
      return "if the message does not help, look into the system's log for errors of the disk";
  }
}

absl::StatusOr<std::unique_ptr<DB>> OpenDatabase(const Settings& settings, RecoveryReport* report) {
  absl::StatusOr<std::unique_ptr<DB>> db = DB::Open(EngineOptions(settings), report);
  if (db.ok()) return db;
  const std::string text =
      fmt::format("{}; {}", StdView(db.status().message()), AdviceFor(db.status().code()));
  return absl::Status(db.status().code(), AbslView(text));
}

// For whoever starts us and waits until we serve.
void AnnounceReady(const Settings& settings, const RecoveryReport& report, uint16_t port) {
  if (report.bytes_cut > 0) {
    spdlog::warn("recovery cut {} bytes ({} whole records) at {}: they were never acknowledged",
                 report.bytes_cut, report.records_cut, report.cut_position);
  }
  fmt::print("nokv-redis ready on {}, data in {}, recovered {} {} in {:.2f} s\n",
             server::ToText({settings.address.host, port}), settings.workdir,
             report.records_replayed, report.records_replayed == 1 ? "record" : "records",
             report.seconds);
  std::fflush(stdout);
}

absl::StatusOr<std::unique_ptr<daemon::AdminServer>> StartAdmin(const server::HostAndPort& address,
                                                                const Metrics& metrics, DB& db) {
  return daemon::AdminServer::Start(
      address.host, address.port,
      {.metrics = [&metrics] { return daemon::ToPrometheusText(metrics); },
       .variables = [&metrics] { return metrics.ToJson(); },
       .readiness = [&db]() -> absl::Status {
         const Stats stats = db.GetStats();
         if (!stats.read_only) return absl::OkStatus();
         return FailedPreconditionError("read-only: {}", stats.read_only_cause);
       }});
}

absl::Status Serve(const Settings& settings) {
  MakeRoomForClients(settings.server.clients_max);
  RecoveryReport report;
  ASSIGN_OR_RETURN(const std::unique_ptr<DB> db, OpenDatabase(settings, &report));
  ASSIGN_OR_RETURN(const std::unique_ptr<backend::EmbeddedBackend> backend,
                   backend::EmbeddedBackend::Create(*db, SystemClock()));
  command::Host host(SystemClock(), *backend);
  DescribeTo(host, settings);
  ASSIGN_OR_RETURN(
      const std::unique_ptr<server::Server> server,
      server::Server::Create(settings.address, settings.server, host, *backend,
                             [](const std::string& line) { spdlog::warn("{}", line); }));
  host.settings["port"] = std::to_string(server->port());

  const Metrics metrics({.statistics = host.statistics, .backend = *backend, .db = *db});
  std::unique_ptr<daemon::AdminServer> admin;
  if (settings.metrics_address) {
    ASSIGN_OR_RETURN(admin, StartAdmin(*settings.metrics_address, metrics, *db));
    spdlog::info("metrics on {}", server::ToText({settings.metrics_address->host, admin->port()}));
  }
  daemon::SetUpSignals([&server] { server->Stop(); });
  AnnounceReady(settings, report, server->port());
  RETURN_IF_ERROR(server->Run());
  spdlog::info("stopping: the round is finished, the database is being closed");
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  const CommandLine line = ReadCommandLine(argc, argv);
  if (line.exit_code) return *line.exit_code;
  absl::Status status = daemon::SetUpLogging(line.settings.log_level);
  if (!status.ok()) {
    fmt::print(stderr, "nokv-redis: {}\n", StdView(status.message()));
    return daemon::kExitUsage;
  }
  status = Serve(line.settings);
  if (status.ok()) return daemon::kExitOk;
  fmt::print(stderr, "nokv-redis: {}\n", StdView(status.message()));
  return daemon::kExitFailed;
}

}  // namespace
}  // namespace nokv::redis

int main(int argc, char** argv) { return nokv::redis::Main(argc, argv); }
