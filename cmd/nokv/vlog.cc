#include "cmd/nokv/command.h"
#include "cmd/nokv/layout.h"
#include "cmd/nokv/text.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace nokv::cli {
namespace {

struct Totals {
  uint64_t size_bytes = 0;
  uint64_t values = 0;
  uint64_t live_bytes = 0;
  uint64_t dead_bytes = 0;
};

Totals TotalsOf(const std::vector<SegmentInfo>& segments) {
  Totals totals;
  for (const SegmentInfo& segment : segments) {
    totals.size_bytes += segment.size_bytes;
    totals.values += segment.values;
    totals.live_bytes += segment.live_bytes;
    totals.dead_bytes += segment.dead_bytes;
  }
  return totals;
}

std::string DeadPercent(uint64_t live_bytes, uint64_t dead_bytes) {
  const uint64_t total = live_bytes + dead_bytes;
  if (total == 0) return "-";
  return fmt::format("{:.1f}%",
                     100.0 * static_cast<double>(dead_bytes) / static_cast<double>(total));
}

// In the directory that the user has named.
std::string FileName(const SegmentInfo& segment) {
  return segment.file.substr(segment.file.rfind('/') + 1);
}

const char* StateOf(const SegmentInfo& segment) {
  if (!segment.sealed) return "active";
  return segment.flushed ? "sealed, flushed" : "sealed, to replay";
}

void PrintJson(const std::vector<SegmentInfo>& segments) {
  using Json = nlohmann::ordered_json;
  const Totals totals = TotalsOf(segments);
  Json out;
  out["active_fid"] = nullptr;
  out["total_bytes"] = totals.size_bytes;
  out["values"] = totals.values;
  out["live_bytes"] = totals.live_bytes;
  out["dead_bytes"] = totals.dead_bytes;
  out["segments"] = Json::array();
  for (const SegmentInfo& segment : segments) {
    if (!segment.sealed) out["active_fid"] = segment.number;
    out["segments"].push_back({{"fid", segment.number},
                               {"file", FileName(segment)},
                               {"size_bytes", segment.size_bytes},
                               {"values", segment.values},
                               {"live_bytes", segment.live_bytes},
                               {"dead_bytes", segment.dead_bytes},
                               {"sealed", segment.sealed},
                               {"flushed", segment.flushed}});
  }
  PrintLine(JsonText(out));
}

void PrintText(const std::vector<SegmentInfo>& segments) {
  TextTable table({{"segment"},
                   {"file", Align::kLeft},
                   {"size"},
                   {"values"},
                   {"live"},
                   {"dead"},
                   {"dead %"},
                   {"state", Align::kLeft}});
  for (const SegmentInfo& segment : segments) {
    table.AddRow({std::to_string(segment.number), FileName(segment), HumanBytes(segment.size_bytes),
                  std::to_string(segment.values), HumanBytes(segment.live_bytes),
                  HumanBytes(segment.dead_bytes),
                  DeadPercent(segment.live_bytes, segment.dead_bytes), StateOf(segment)});
  }
  const Totals totals = TotalsOf(segments);
  table.AddRow({"total", "", HumanBytes(totals.size_bytes), std::to_string(totals.values),
                HumanBytes(totals.live_bytes), HumanBytes(totals.dead_bytes),
                DeadPercent(totals.live_bytes, totals.dead_bytes), ""});
  Print(table.ToString());
}

absl::Status Vlog(const CommonFlags& flags) {
  ASSIGN_OR_RETURN(const std::unique_ptr<DB> db, OpenReadOnly(flags.workdir));
  const std::vector<SegmentInfo> segments = db->ListSegments();
  flags.json ? PrintJson(segments) : PrintText(segments);
  return absl::OkStatus();
}

}  // namespace

void AddVlog(CLI::App& app, Action& chosen) {
  AddCommand(app, chosen,
             {.name = "vlog",
              .description =
                  "List the segments of the log, where the values live, with live and dead bytes",
              .example = "nokv vlog --workdir ./nokv-data --json"},
             Vlog);
}

}  // namespace nokv::cli
