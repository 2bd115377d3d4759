#include "cmd/daemon/logging.h"
#include "cmd/daemon/signals.h"
#include "cmd/nokv/command.h"
#include "cmd/nokv/layout.h"
#include "cmd/nokv/text.h"
#include "cmd/serve/process.h"
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

bool ShouldStop() { return is_stopping; }

absl::Status Serve(const serve::Words& words) {
  RETURN_IF_ERROR(daemon::SetUpLogging(words.log_level));
  net::SendLogTo([](std::string_view line) { spdlog::debug("grpc: {}", line); });
  std::optional<config::Topology> topology;
  if (!words.config.empty()) {
    ASSIGN_OR_RETURN(topology, config::LoadFile(vfs::PosixFileSystem(), words.config));
  }
  ASSIGN_OR_RETURN(const serve::Settings settings,
                   serve::Interpret(words, topology ? &*topology : nullptr));
  daemon::SetUpSignals([] { is_stopping = true; });

  absl::StatusOr<std::unique_ptr<serve::Process>> process =
      serve::Process::Open(settings, ShouldStop);
  if (absl::IsCancelled(process.status())) return absl::OkStatus();
  if (!process.ok()) {
    return WithDaemonHint(process.status(), "give each store a --workdir of its own",
                          fmt::format("keep a copy of {} as it is; the other replicas of its "
                                      "regions have the data",
                                      settings.workdir));
  }
  const serve::Summary summary = (*process)->summary();
  const std::string what = fmt::format(
      "store {} of cluster {:016x}, {}, data in {}", summary.store_id, summary.cluster_id,
      Counted(summary.regions, "region", "regions"), settings.workdir);
  if (settings.is_bootstrap_only) {
    PrintLine(what);
    return absl::OkStatus();
  }
  RETURN_IF_ERROR((*process)->Start());
  PrintLine(fmt::format("nokv serve ready on {}: {}, recovered in {:.2f} s",
                        settings.listen_address, what, summary.recovery_seconds));
  std::fflush(stdout);
  const absl::Status status = (*process)->Run(ShouldStop);
  spdlog::info("stopping: the store is being closed");
  return status;
}

void AddFlags(CLI::App& command, serve::Words& words) {
  command.option_defaults()->always_capture_default();
  command
      .add_option("--config", words.config,
                  "Topology of the cluster: where stores and the placement driver are, and with "
                  "which regions they begin")
      ->type_name("FILE");
  command.add_option("--scope", words.scope, "Whose addresses of the topology: host or docker")
      ->type_name("SCOPE");
  command.add_option("--store-id", words.store_id, "Which store this is, for ever")
      ->required()
      ->check(CheckWhole)
      ->type_name("ID");
  command
      .add_option("--workdir", words.workdir,
                  "Directory of the store, made if missing; the topology's if not given")
      ->type_name("DIR");
  command
      .add_option("--addr", words.addr,
                  "Where to serve; the topology's, or 127.0.0.1:20160, if not given")
      ->type_name("HOST:PORT");
  command
      .add_option("--advertise-addr", words.advertise_addr,
                  "Where others reach this store; the topology's, or --addr, if not given")
      ->type_name("HOST:PORT");
  command
      .add_option("--pd-addr", words.pd_addr, "The placement driver; the topology's if not given")
      ->type_name("HOST:PORT");
  command.add_option("--pd-timeout", words.pd_timeout, "For a call to the placement driver")
      ->type_name("TIME");
  command
      .add_option("--peer", words.peers,
                  "Where another store was last; the placement driver knows better. Repeatable")
      ->type_name("ID=HOST:PORT");
  command.add_option("--raft-tick-interval", words.tick_interval, "Raft's unit of time")
      ->type_name("TIME");
  command.add_option("--election-tick", words.election_ticks,
                     "Ticks without a leader before an election");
  command.add_option("--heartbeat-tick", words.heartbeat_ticks, "Ticks between heartbeats");
  command.add_option("--memory", words.memory, "Memory for write buffers and caches")
      ->type_name("BYTES");
  command
      .add_option("--metrics-addr", words.metrics_addr,
                  "Where to serve /metrics, /debug/vars, /healthz and /readyz; not at all if "
                  "empty")
      ->type_name("HOST:PORT");
  command.add_flag("--bootstrap-only", words.is_bootstrap_only,
                   "Make the directory and its regions, and end");
  command.add_option("--log-level", words.log_level, "trace, debug, info, warning, error or off")
      ->type_name("LEVEL");
}

}  // namespace

void AddServe(CLI::App& app, Action& chosen) {
  const auto words = std::make_shared<serve::Words>();
  CLI::App& command = AddBareCommand(
      app,
      {.name = "serve",
       .description = "Serve a store of a cluster until SIGTERM or SIGINT",
       .example = "nokv serve --config deploy/raft_config.example.json --store-id 1"},
      [words, &chosen] { chosen = [words] { return Serve(*words); }; });
  AddFlags(command, *words);
}

}  // namespace nokv::cli
