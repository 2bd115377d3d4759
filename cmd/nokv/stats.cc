#include "cmd/nokv/command.h"
#include "cmd/nokv/expvar.h"
#include "cmd/nokv/layout.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace nokv::cli {
namespace {

using Json = nlohmann::ordered_json;

struct StatsFlags : CommonFlags {
  std::string expvar;
  bool no_region_metrics = false;
};

Json RecoveryJson(const RecoveryReport& report) {
  return {{"records_replayed", report.records_replayed}, {"bytes_replayed", report.bytes_replayed},
          {"records_cut", report.records_cut},           {"cut_bytes", report.bytes_cut},
          {"cut_position", report.cut_position},         {"seconds", report.seconds}};
}

Json LsmJson(const Stats& stats) {
  Json out;
  out["tables"] = stats.tables;
  out["total_bytes"] = stats.table_bytes;
  out["memtable_bytes"] = stats.memtable_bytes;
  out["levels"] = Json::array();
  for (size_t level = 0; level < stats.level_tables.size(); ++level) {
    if (stats.level_tables[level] == 0) continue;
    const uint64_t size_bytes = level < stats.level_bytes.size() ? stats.level_bytes[level] : 0;
    out["levels"].push_back(
        {{"level", level}, {"tables", stats.level_tables[level]}, {"size_bytes", size_bytes}});
  }
  return out;
}

// Only what is true of a directory at rest. Counters since opening would all be zeros here: a
// running process shows them, see --expvar.
Json DirectoryJson(const Stats& stats, const RecoveryReport& report) {
  Json out;
  out["disk_bytes"] = stats.disk_bytes;
  out["last_sequence"] = stats.last_sequence;
  out["lsm"] = LsmJson(stats);
  out["value_log"] = {{"segments", stats.segments},
                      {"total_bytes", stats.segment_bytes},
                      {"live_bytes", stats.value_bytes_live},
                      {"dead_bytes", stats.value_bytes_dead}};
  out["wal"] = {{"unflushed_bytes", stats.unflushed_log_bytes}};
  out["recovery"] = RecoveryJson(report);
  return out;
}

absl::StatusOr<Json> Collect(const StatsFlags& flags) {
  if (flags.workdir.empty() && flags.expvar.empty()) {
    return InvalidArgumentError("give a directory with --workdir, or an address with --expvar");
  }
  if (!flags.expvar.empty()) {
    ASSIGN_OR_RETURN(Json stats, FetchStats(flags.expvar));
    if (flags.no_region_metrics) {
      stats.erase("region");
      stats.erase("raft");
    }
    return stats;
  }
  RecoveryReport report;
  ASSIGN_OR_RETURN(const std::unique_ptr<DB> db, OpenReadOnly(flags.workdir, &report));
  return DirectoryJson(db->GetStats(), report);
}

absl::Status ShowStats(const StatsFlags& flags) {
  ASSIGN_OR_RETURN(const Json stats, Collect(flags));
  flags.json ? PrintLine(JsonText(stats)) : Print(FlattenedText(stats));
  return absl::OkStatus();
}

}  // namespace

void AddStats(CLI::App& app, Action& chosen) {
  auto flags = std::make_shared<StatsFlags>();
  CLI::App& command =
      AddBareCommand(app,
                     {.name = "stats",
                      .description = "Show the figures of a directory, or of a running process",
                      .example = "nokv stats --workdir ./nokv-data\n"
                                 "  nokv stats --expvar http://127.0.0.1:9100"},
                     [flags, &chosen] { chosen = [flags] { return ShowStats(*flags); }; });
  CLI::Option* workdir =
      command.add_option("--workdir", flags->workdir, "Directory of the database")
          ->type_name("DIR");
  CLI::Option* expvar =
      command.add_option("--expvar", flags->expvar, "Metrics address of a running process")
          ->type_name("URL");
  workdir->excludes(expvar);
  AddJsonFlag(command, *flags);
  command.add_flag("--no-region-metrics", flags->no_region_metrics,
                   "Leave out what a store says about its regions");
}

}  // namespace nokv::cli
