#include "cmd/nokv-redis/flags.h"

#include "cmd/daemon/flags.h"
#include "cmd/nokv-redis/modes.h"

#include <CLI/CLI.hpp>

#include <array>
#include <cstdio>
#include <unistd.h>

namespace nokv::redis {
namespace {

constexpr uint64_t kMemoryBytesMin = 64 << 10;  // What the engine asks for.

// As written on the command line.
struct Words {
  std::string workdir = "./nokv-data";
  std::string address = "127.0.0.1:6380";
  std::string metrics_address;
  std::string durability = "L1";
  std::string memory = "512MiB";
  std::string password;
  std::string log_level = "info";
  size_t clients_max = 10'000;
  bool is_insecure = false;

  // Of a cluster.
  std::string config;
  std::string pd_address;
  std::string scope = "host";
  std::string timeout = "5s";
};

constexpr std::array kEmbeddedFlags = {"--workdir", "--durability", "--memory"};
constexpr std::array kClusterFlags = {"--scope", "--timeout"};

void DescribeCluster(CLI::App& app, Words& words) {
  app.add_option("--config", words.config,
                 "Topology of a cluster to serve, instead of a database of this process")
      ->type_name("FILE");
  app.add_option("--pd-addr", words.pd_address,
                 "Placement driver of the cluster, instead of the topology's")
      ->type_name("HOST:PORT");
  app.add_option("--scope", words.scope, "Which of the topology's addresses: host or docker")
      ->type_name("SCOPE")
      ->check(CLI::IsMember({"host", "docker"}));
  app.add_option("--timeout", words.timeout,
                 "Time after which a command that the cluster has not done fails")
      ->type_name("TIME");
}

void Describe(CLI::App& app, Words& words) {
  app.set_help_flag("--help,-h", "Print this and exit");
  app.set_version_flag("--version", "nokv-redis " NOKV_VERSION);
  app.option_defaults()->always_capture_default();
  app.add_option("--workdir", words.workdir, "Directory of the database, created if missing")
      ->type_name("DIR");
  app.add_option("--addr", words.address, "Where to serve the Redis protocol")
      ->type_name("HOST:PORT");
  app.add_option("--durability", words.durability,
                 "What an acknowledged write survives: L1 the death of the process, L2 a power cut")
      ->type_name("L1|L2");
  app.add_option("--memory", words.memory, "Memory for write buffers and caches")
      ->type_name("BYTES");
  app.add_option("--requirepass", words.password, "Password that clients must give")
      ->type_name("TEXT")
      ->envname("NOKV_REQUIREPASS");
  app.add_option("--maxclients", words.clients_max, "Connections served at once")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--metrics-addr", words.metrics_address,
                 "Where to serve /metrics, /debug/vars, /healthz and /readyz; not at all if empty")
      ->type_name("HOST:PORT");
  app.add_flag("--insecure", words.is_insecure,
               "Serve other machines without a password all the same");
  app.add_option("--log-level", words.log_level, "trace, debug, info, warning, error or off")
      ->type_name("LEVEL");
  if (kHasCluster) DescribeCluster(app, words);
  app.footer(
      "Example: nokv-redis --workdir /var/lib/nokv --durability L2 --metrics-addr 127.0.0.1:9100\n"
      "Exit codes: 0 stopped by a signal, 1 failed, 2 wrong command line.");
}

absl::StatusOr<server::HostAndPort> AddressOf(std::string_view flag, const std::string& text) {
  absl::StatusOr<server::HostAndPort> address = server::ParseAddress(text);
  if (address.ok()) return address;
  return InvalidArgumentError("{} {}", flag, StdView(address.status().message()));
}

absl::StatusOr<uint64_t> MemoryOf(const std::string& text) {
  absl::StatusOr<uint64_t> bytes = daemon::ParseBytes(text);
  if (!bytes.ok()) return InvalidArgumentError("--memory {}", StdView(bytes.status().message()));
  const uint64_t machine_bytes =
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  if (*bytes < kMemoryBytesMin || *bytes > machine_bytes) {
    return InvalidArgumentError("--memory {} is not from {} to the {} bytes of this machine", text,
                                kMemoryBytesMin, machine_bytes);
  }
  return bytes;
}

// Nothing for an embedded database. Flags of the other mode are mistakes.
absl::StatusOr<std::optional<ClusterSettings>> ClusterOf(const CLI::App& app, const Words& words) {
  const bool is_cluster = !words.config.empty() || !words.pd_address.empty();
  if (!kHasCluster) return std::nullopt;
  const auto was_given = [&app](const char* flag) { return app.count(flag) > 0; };
  if (!is_cluster) {
    for (const char* const flag : kClusterFlags) {
      if (!was_given(flag)) continue;
      return InvalidArgumentError("{} is of a cluster: give --config or --pd-addr with it", flag);
    }
    return std::nullopt;
  }
  for (const char* const flag : kEmbeddedFlags) {
    if (!was_given(flag)) continue;
    return InvalidArgumentError("{} is of a database of this process: leave it out of a cluster",
                                flag);
  }
  ClusterSettings cluster{.pd_address = words.pd_address};
  if (cluster.pd_address.empty()) {
    ASSIGN_OR_RETURN(cluster.pd_address, PdAddressOf(words.config, words.scope));
  } else {
    RETURN_IF_ERROR(AddressOf("--pd-addr", words.pd_address).status());
  }
  if (!absl::ParseDuration(AbslView(words.timeout), &cluster.command_timeout) ||
      cluster.command_timeout < absl::Milliseconds(1) || cluster.command_timeout > absl::Hours(1)) {
    return InvalidArgumentError("--timeout {} is not a time such as 500ms or 5s, up to 1h",
                                words.timeout);
  }
  return cluster;
}

absl::StatusOr<Settings> Interpret(const CLI::App& app, const Words& words) {
  Settings settings{.cluster = std::nullopt,
                    .workdir = words.workdir,
                    .address = {},
                    .metrics_address = std::nullopt,
                    .password = words.password,
                    .server = {.clients_max = words.clients_max},
                    .log_level = words.log_level};
  if (words.workdir.empty()) {
    return InvalidArgumentError("--workdir is empty: give the directory of the database");
  }
  ASSIGN_OR_RETURN(settings.cluster, ClusterOf(app, words));
  ASSIGN_OR_RETURN(settings.address, AddressOf("--addr", words.address));
  ASSIGN_OR_RETURN(settings.memory_bytes, MemoryOf(words.memory));
  if (!words.metrics_address.empty()) {
    ASSIGN_OR_RETURN(settings.metrics_address, AddressOf("--metrics-addr", words.metrics_address));
  }
  if (words.durability == "L2") {
    settings.durability = Durability::kPower;
  } else if (words.durability != "L1") {
    return InvalidArgumentError("--durability {} is neither L1 nor L2", words.durability);
  }
  if (!server::IsLoopback(settings.address) && settings.password.empty() && !words.is_insecure) {
    return InvalidArgumentError(
        "--addr {} can be reached from other machines and there is no password: give "
        "--requirepass, or --insecure if that is meant",
        words.address);
  }
  return settings;
}

}  // namespace

CommandLine ReadCommandLine(int argc, char** argv) {
  CLI::App app(kHasCluster
                   ? "A NoKV database of this process, or a cluster, over the Redis protocol"
                   : "An embedded NoKV database served over the Redis protocol",
               "nokv-redis");
  Words words;
  Describe(app, words);
  if (const std::optional<int> code = daemon::Parse(app, argc, argv)) {
    return {.settings = {}, .exit_code = code};
  }
  absl::StatusOr<Settings> settings = Interpret(app, words);
  if (!settings.ok()) {
    fmt::print(stderr, "nokv-redis: {}\n", StdView(settings.status().message()));
    return {.settings = {}, .exit_code = daemon::kExitUsage};
  }
  return {.settings = *std::move(settings), .exit_code = std::nullopt};
}

}  // namespace nokv::redis
