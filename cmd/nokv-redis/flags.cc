#include "cmd/nokv-redis/flags.h"

#include "cmd/daemon/flags.h"

#include <CLI/CLI.hpp>

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
};

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

absl::StatusOr<Settings> Interpret(const Words& words) {
  Settings settings{.workdir = words.workdir,
                    .address = {},
                    .metrics_address = std::nullopt,
                    .password = words.password,
                    .server = {.clients_max = words.clients_max},
                    .log_level = words.log_level};
  if (words.workdir.empty()) {
    return InvalidArgumentError("--workdir is empty: give the directory of the database");
  }
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
  CLI::App app("An embedded NoKV database served over the Redis protocol", "nokv-redis");
  Words words;
  Describe(app, words);
  if (const std::optional<int> code = daemon::Parse(app, argc, argv)) {
    return {.settings = {}, .exit_code = code};
  }
  absl::StatusOr<Settings> settings = Interpret(words);
  if (!settings.ok()) {
    fmt::print(stderr, "nokv-redis: {}\n", StdView(settings.status().message()));
    return {.settings = {}, .exit_code = daemon::kExitUsage};
  }
  return {.settings = *std::move(settings), .exit_code = std::nullopt};
}

}  // namespace nokv::redis
