// The command line of nokv-redis.
//
// Thread-safety: values.
#pragma once

#include "engine/options.h"
#include "gateway/server/options.h"
#include "gateway/server/socket.h"

#include <absl/time/time.h>

#include <optional>
#include <string>

namespace nokv::redis {

// Which cluster to serve, instead of a database of this process.
struct ClusterSettings {
  std::string pd_address;
  absl::Duration command_timeout = absl::Seconds(5);
};

struct Settings {
  std::optional<ClusterSettings> cluster;
  std::string workdir = "./nokv-data";
  server::HostAndPort address;
  std::optional<server::HostAndPort> metrics_address;
  Durability durability = Durability::kProcess;
  uint64_t memory_bytes = 512ull << 20;
  std::string password;
  server::ServerOptions server;
  std::string log_level = "info";
};

struct CommandLine {
  Settings settings;
  std::optional<int> exit_code;  // Set if the program should not run: --help, or a mistake.
};

// Prints help, the version, or what is wrong.
CommandLine ReadCommandLine(int argc, char** argv);

}  // namespace nokv::redis
