#include "cmd/daemon/logging.h"
#include "cmd/daemon/signals.h"
#include "cmd/nokv/command.h"
#include "cmd/nokv/layout.h"
#include "cmd/nokv/text.h"
#include "cmd/placement/process.h"
#include "engine/vfs/file_system.h"
#include "proto/net/log.h"

#include <CLI/CLI.hpp>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <optional>

namespace nokv::cli {
namespace {

std::atomic<bool> is_stopping = false;

absl::Status RunDriver(const placement::Words& words) {
  RETURN_IF_ERROR(daemon::SetUpLogging(words.log_level));
  net::SendLogTo([](std::string_view line) { spdlog::debug("grpc: {}", line); });
  std::optional<config::Topology> topology;
  if (!words.config.empty()) {
    ASSIGN_OR_RETURN(topology, config::LoadFile(vfs::PosixFileSystem(), words.config));
  }
  ASSIGN_OR_RETURN(const placement::Settings settings,
                   placement::Interpret(words, topology ? &*topology : nullptr));
  daemon::SetUpSignals([] { is_stopping = true; });

  absl::StatusOr<std::unique_ptr<placement::Process>> process = placement::Process::Open(settings);
  if (!process.ok()) {
    return WithDaemonHint(
        process.status(), "give each placement driver a --workdir of its own",
        fmt::format("keep a copy of {} as it is, then restore it from a checkpoint",
                    settings.workdir));
  }
  RETURN_IF_ERROR((*process)->Start());
  const placement::Summary summary = (*process)->summary();
  PrintLine(fmt::format("nokv pd ready on {}: cluster {:016x}, {}, data in {}",
                        settings.listen_address, summary.cluster_id,
                        Counted(summary.regions, "region", "regions"), settings.workdir));
  std::fflush(stdout);
  const absl::Status status = (*process)->Run([] { return is_stopping.load(); });
  spdlog::info("stopping: the placement driver is being closed");
  return status;
}

void AddFlags(CLI::App& command, placement::Words& words) {
  command.option_defaults()->always_capture_default();
  command
      .add_option("--config", words.config,
                  "Topology of the cluster: where the placement driver is, and with which regions "
                  "the cluster begins")
      ->type_name("FILE");
  command.add_option("--scope", words.scope, "Whose addresses of the topology: host or docker")
      ->type_name("SCOPE");
  command
      .add_option("--workdir", words.workdir,
                  "Directory of the driver, made if missing; the topology's if not given")
      ->type_name("DIR");
  command
      .add_option("--addr", words.addr,
                  "Where to serve; the topology's, or 127.0.0.1:2379, if not given")
      ->type_name("HOST:PORT");
  command
      .add_option("--metrics-addr", words.metrics_addr,
                  "Where to serve /metrics, /debug/vars, /healthz and /readyz; not at all if "
                  "empty")
      ->type_name("HOST:PORT");
  command
      .add_option("--cluster-id", words.cluster_id,
                  "Cluster that the directory must belong to, or that a new one begins")
      ->type_name("HEX");
  command.add_option("--id-start", words.id_start, "Lowest id to give out")->check(CheckWhole);
  command.add_option("--ts-start", words.ts_start, "Lowest timestamp to give out")
      ->check(CheckWhole);
  command.add_option("--log-level", words.log_level, "trace, debug, info, warning, error or off")
      ->type_name("LEVEL");
}

}  // namespace

void AddPd(CLI::App& app, Action& chosen) {
  const auto words = std::make_shared<placement::Words>();
  CLI::App& command =
      AddBareCommand(app,
                     {.name = "pd",
                      .description = "Serve the placement driver of a cluster until SIGTERM or "
                                     "SIGINT: routes, timestamps, ids",
                      .example = "nokv pd --config deploy/raft_config.example.json"},
                     [words, &chosen] { chosen = [words] { return RunDriver(*words); }; });
  AddFlags(command, *words);
}

}  // namespace nokv::cli
