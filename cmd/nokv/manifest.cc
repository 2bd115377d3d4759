#include "cmd/nokv/command.h"
#include "cmd/nokv/layout.h"
#include "cmd/nokv/text.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <map>
#include <optional>

namespace nokv::cli {
namespace {

using Json = nlohmann::ordered_json;
using Level = std::vector<TableInfo>;

struct Family {
  std::string name;
  std::map<uint32_t, Level> levels;
};

struct Manifest {
  std::map<uint16_t, Family> families;
  std::optional<uint64_t> boundary_segment;  // The first that recovery replays.
  uint64_t unflushed_bytes = 0;
  uint64_t last_sequence = 0;
};

struct Sizes {
  uint64_t total_bytes = 0;
  uint64_t value_bytes = 0;
  uint64_t entries = 0;
};

Sizes SizesOf(const Level& tables) {
  Sizes sizes;
  for (const TableInfo& table : tables) {
    sizes.total_bytes += table.size_bytes;
    sizes.value_bytes += table.value_bytes;
    sizes.entries += table.entries;
  }
  return sizes;
}

Manifest ReadManifest(DB& db) {
  Manifest manifest;
  for (const auto& [name, handle] : db.ListColumnFamilies()) {
    manifest.families[handle.id].name = name;
  }
  for (TableInfo& table : db.ListTables()) {
    manifest.families[table.column_family].levels[table.level].push_back(std::move(table));
  }
  for (const SegmentInfo& segment : db.ListSegments()) {
    if (segment.flushed) continue;
    if (!manifest.boundary_segment || segment.number < *manifest.boundary_segment) {
      manifest.boundary_segment = segment.number;
    }
  }
  const Stats stats = db.GetStats();
  manifest.unflushed_bytes = stats.unflushed_log_bytes;
  manifest.last_sequence = stats.last_sequence;
  return manifest;
}

Json LevelJson(const CommonFlags& flags, uint32_t number, const Level& tables) {
  const Sizes sizes = SizesOf(tables);
  Json out;
  out["level"] = number;
  out["file_count"] = tables.size();
  out["total_bytes"] = sizes.total_bytes;
  out["value_bytes"] = sizes.value_bytes;
  out["entries"] = sizes.entries;
  out["file_ids"] = Json::array();
  out["tables"] = Json::array();
  for (const TableInfo& table : tables) {
    out["file_ids"].push_back(table.number);
    out["tables"].push_back({{"id", table.number},
                             {"size_bytes", table.size_bytes},
                             {"value_bytes", table.value_bytes},
                             {"entries", table.entries},
                             {"smallest_key", KeyToText(flags, table.smallest_key)},
                             {"largest_key", KeyToText(flags, table.largest_key)}});
  }
  return out;
}

void PrintJson(const CommonFlags& flags, const Manifest& manifest) {
  Json out;
  out["log_pointer"] = {{"segment", nullptr}, {"unflushed_bytes", manifest.unflushed_bytes}};
  if (manifest.boundary_segment) out["log_pointer"]["segment"] = *manifest.boundary_segment;
  out["last_sequence"] = manifest.last_sequence;
  out["column_families"] = Json::array();
  for (const auto& [id, family] : manifest.families) {
    Json levels = Json::array();
    for (const auto& [number, tables] : family.levels) {
      levels.push_back(LevelJson(flags, number, tables));
    }
    out["column_families"].push_back({{"id", id}, {"name", Escape(family.name)}});
    out["column_families"].back()["levels"] = std::move(levels);
  }
  PrintLine(JsonText(out));
}

void PrintLevel(const CommonFlags& flags, uint32_t number, const Level& tables) {
  const Sizes sizes = SizesOf(tables);
  PrintLine(fmt::format("  level {}: {}, {}, {}, {} of values", number,
                        Counted(tables.size(), "table", "tables"), HumanBytes(sizes.total_bytes),
                        Counted(sizes.entries, "entry", "entries"), HumanBytes(sizes.value_bytes)));
  TextTable table({{"table"},
                   {"size"},
                   {"entries"},
                   {"values"},
                   {"smallest key", Align::kLeft},
                   {"largest key", Align::kLeft}});
  for (const TableInfo& info : tables) {
    table.AddRow({std::to_string(info.number), HumanBytes(info.size_bytes),
                  std::to_string(info.entries), HumanBytes(info.value_bytes),
                  KeyToText(flags, info.smallest_key), KeyToText(flags, info.largest_key)});
  }
  Print(table.ToString("    "));
}

void PrintText(const CommonFlags& flags, const Manifest& manifest) {
  if (manifest.boundary_segment) {
    PrintLine(fmt::format("log: {} behind the boundary, from segment {} on",
                          HumanBytes(manifest.unflushed_bytes), *manifest.boundary_segment));
  } else {
    PrintLine("log: everything is in tables");
  }
  PrintLine(fmt::format("last sequence: {}", manifest.last_sequence));
  for (const auto& [id, family] : manifest.families) {
    PrintLine(fmt::format("column family {} \"{}\"{}", id, Escape(family.name),
                          family.levels.empty() ? ": no tables" : ""));
    for (const auto& [number, tables] : family.levels) PrintLevel(flags, number, tables);
  }
}

absl::Status ShowManifest(const CommonFlags& flags) {
  ASSIGN_OR_RETURN(const std::unique_ptr<DB> db, OpenReadOnly(flags.workdir));
  const Manifest manifest = ReadManifest(*db);
  flags.json ? PrintJson(flags, manifest) : PrintText(flags, manifest);
  return absl::OkStatus();
}

}  // namespace

void AddManifest(CLI::App& app, Action& chosen) {
  const auto [command, flags] = AddCommand(
      app, chosen,
      {.name = "manifest",
       .description = "List the tables by column family and level, and where the log is replayed",
       .example = "nokv manifest --workdir ./nokv-data"},
      ShowManifest);
  command.add_flag("--hex", flags.hex, "Print keys as hex digits");
}

}  // namespace nokv::cli
