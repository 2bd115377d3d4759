#include "cmd/nokv/command.h"
#include "cmd/nokv/layout.h"
#include "cmd/nokv/text.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace nokv::cli {
namespace {

// What the data take. Not the whole directory: the segments that an open database keeps ready come
// and go, and would hide what was freed.
uint64_t DataBytes(const Stats& stats) { return stats.table_bytes + stats.segment_bytes; }

absl::Status Compact(const CommonFlags& flags) {
  ASSIGN_OR_RETURN(const std::unique_ptr<DB> db, OpenWritable(flags.workdir, IfMissing::kFail));
  const uint64_t before_bytes = DataBytes(db->GetStats());
  for (const auto& [name, family] : db->ListColumnFamilies()) {
    RETURN_IF_ERROR(db->CompactRange(family, "", ""));
  }
  // Only merged keys know which values are dead, so the collection comes second.
  RETURN_IF_ERROR(db->RunValueLogGC().status());
  RETURN_IF_ERROR(db->WaitForBackgroundWork());
  const Stats stats = db->GetStats();

  if (flags.json) {
    PrintLine(JsonText({{"data_bytes_before", before_bytes},
                        {"data_bytes", DataBytes(stats)},
                        {"tables", stats.tables},
                        {"segments", stats.segments}}));
  } else {
    PrintLine(fmt::format("compacted: {} before, {} now, in {} and {}", HumanBytes(before_bytes),
                          HumanBytes(DataBytes(stats)), Counted(stats.tables, "table", "tables"),
                          Counted(stats.segments, "segment", "segments")));
  }
  return absl::OkStatus();
}

}  // namespace

void AddCompact(CLI::App& app, Action& chosen) {
  AddCommand(app, chosen,
             {.name = "compact",
              .description = "Move the log into tables, merge all of them, free dead values",
              .example = "nokv compact --workdir ./nokv-data"},
             Compact);
}

}  // namespace nokv::cli
