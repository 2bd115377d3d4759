#include "cmd/nokv/command.h"
#include "cmd/nokv/layout.h"
#include "cmd/nokv/text.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace nokv::cli {
namespace {

struct CheckpointFlags : CommonFlags {
  std::string to;
};

absl::Status Checkpoint(const CheckpointFlags& flags) {
  RETURN_IF_ERROR(CheckCanBeMade(flags.to, "--to"));
  ASSIGN_OR_RETURN(const std::unique_ptr<DB> db, OpenWritable(flags.workdir, IfMissing::kFail));
  if (absl::Status status = db->Checkpoint(flags.to); !status.ok()) {
    return WithHint(status, status.code() == absl::StatusCode::kAlreadyExists
                                ? "give a directory with --to that is not there yet"
                                : "check that --to is on a disk with room, where you may write");
  }
  // What was copied counts, so the new directory is asked, and with it that it opens.
  ASSIGN_OR_RETURN(const std::unique_ptr<DB> copy, OpenReadOnly(flags.to));
  const Stats stats = copy->GetStats();
  if (flags.json) {
    PrintLine(JsonText({{"directory", flags.to},
                        {"tables", stats.tables},
                        {"segments", stats.segments},
                        {"disk_bytes", stats.disk_bytes},
                        {"last_sequence", stats.last_sequence}}));
  } else {
    PrintLine(fmt::format(
        "checkpoint in {}: {}, {}, {}", flags.to, Counted(stats.tables, "table", "tables"),
        Counted(stats.segments, "segment", "segments"), HumanBytes(stats.disk_bytes)));
  }
  return absl::OkStatus();
}

}  // namespace

void AddCheckpoint(CLI::App& app, Action& chosen) {
  const auto [command, flags] =
      AddCommand(app, chosen,
                 {.name = "checkpoint",
                  .description = "Make a copy of the database, with hard links where possible",
                  .example = "nokv checkpoint --workdir ./nokv-data --to ./backup-monday"},
                 Checkpoint);
  command.add_option("--to", flags.to, "Directory to make; must not be there")
      ->required()
      ->type_name("DIR");
}

}  // namespace nokv::cli
