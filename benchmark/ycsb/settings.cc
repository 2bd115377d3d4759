#include "benchmark/ycsb/settings.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <unistd.h>

namespace nokv::bench {
namespace {

constexpr const char* kDescription =
    "Runs the YCSB core workloads against embedded storage engines, side by side.\n"
    "Each engine is measured in a process and a fresh directory of its own: one load, then the\n"
    "other workloads on the same database. Runs are interleaved over the engines.";

// What the command line gives as words.
struct Words {
  std::string durability = NameOf(SyncLevel::kProcess);
  std::string distribution = "zipfian";
};

// For CLI::Option::check(): what is wrong with the name of a file or directory.
std::string RefuseEmpty(const std::string& name) {
  return name.empty() ? "is empty; give a path, or leave the flag out" : "";
}

void AddWorkOptions(CLI::App& app, Settings& settings, Words& words) {
  app.add_option("--engines", settings.engines, "Engines to compare, in this order")
      ->delimiter(',')
      ->check(CLI::IsMember(EngineNames()))
      ->capture_default_str();
  app.add_option("--workloads", settings.workloads, "Of: load,A,B,C,D,E,F. The load always runs")
      ->delimiter(',')
      ->check(CLI::IsMember({"load", "A", "B", "C", "D", "E", "F"}))
      ->capture_default_str();
  app.add_option("--durability", words.durability,
                 "L1: writes survive the death of the process; L2: a power cut too")
      ->check(CLI::IsMember({"L1", "L2"}))
      ->capture_default_str();
  const std::map<std::string, Distribution> distributions = {{"zipfian", Distribution::kZipfian},
                                                             {"uniform", Distribution::kUniform}};
  app.add_option("--distribution", words.distribution,
                 "Popularity of records: zipfian or uniform. D always prefers the latest")
      ->check(CLI::IsMember({"zipfian", "uniform"}))
      ->capture_default_str();
  app.add_option("--threads", settings.threads, "Client threads")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--records", settings.records, "Records loaded")
      ->check(CLI::Range(uint64_t{2}, uint64_t{4'000'000'000}))
      ->capture_default_str();
  app.add_option("--operations", settings.operations, "Operations measured in each workload")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1'000'000'000}))
      ->capture_default_str();
  app.add_option("--scans", settings.scans, "Operations of E; a fifth of the others if not given")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1'000'000'000}));
  app.add_option("--warmup", settings.warmup, "Operations before each workload, not measured")
      ->check(CLI::Range(uint64_t{0}, uint64_t{1'000'000'000}))
      ->capture_default_str();
  app.add_option("--value-size", settings.value_size, "Bytes of a value; k and m may follow")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->check(CLI::Range(8, 64 << 20))
      ->capture_default_str();
}

void AddRunOptions(CLI::App& app, Settings& settings) {
  app.add_option("--runs", settings.runs, "Times that each engine is measured")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--memory", settings.memory_bytes,
                 "What each engine is told to use for caches; k, m and g may follow")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->check(CLI::Range(uint64_t{16} << 20, uint64_t{1} << 40))
      ->capture_default_str();
  app.add_option("--value-threshold", settings.value_threshold_bytes,
                 "nokv only: size from which values stay in the log; 0 for its default")
      ->capture_default_str();
  app.add_option("--seed", settings.seed, "Of the operation streams")->capture_default_str();
  app.add_option("--dir", settings.directory, "Where the databases are made; on the disk to test")
      ->check(RefuseEmpty)
      ->capture_default_str();
  app.add_option("--json", settings.json_file, "Also write every single measurement to this file")
      ->check(RefuseEmpty);
  app.add_flag("--keep", settings.keep, "Leave the databases behind");
  app.add_flag("--progress", settings.progress,
               "Show progress although the error output is not a terminal");
}

// What a child is told by its parent; users have no use for it.
void AddChildOptions(CLI::App& app, ChildTask& child) {
  app.add_option("--child-engine", child.engine)->group("");
  app.add_option("--child-run", child.run)->group("");
  app.add_option("--child-dir", child.directory)->group("");
  app.add_option("--child-fd", child.result_fd)->group("");
}

}  // namespace

const char* NameOf(SyncLevel durability) { return durability == SyncLevel::kPower ? "L2" : "L1"; }

std::optional<Settings> ParseCommandLine(int argc, char** argv, int* exit_code) {
  Settings settings;
  settings.workloads = {"load", "A", "B", "C", "D", "E", "F"};
  const std::vector<std::string> known = EngineNames();
  for (const char* name : {"nokv", "rocksdb", "leveldb", "lmdb", "null"}) {
    if (std::find(known.begin(), known.end(), name) != known.end()) {
      settings.engines.emplace_back(name);
    }
  }
  settings.progress = isatty(STDERR_FILENO) == 1;

  CLI::App app(kDescription, "nokv-ycsb");
  app.set_version_flag("--version", "nokv-ycsb " NOKV_VERSION);
  ChildTask child;
  Words words;
  AddWorkOptions(app, settings, words);
  AddRunOptions(app, settings);
  AddChildOptions(app, child);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    *exit_code = app.exit(error) == 0 ? 0 : 2;
    return std::nullopt;
  }
  if (words.durability == NameOf(SyncLevel::kPower)) settings.durability = SyncLevel::kPower;
  if (words.distribution == "uniform") settings.distribution = Distribution::kUniform;
  if (settings.scans == 0) settings.scans = std::max<uint64_t>(settings.operations / 5, 1);
  if (!child.engine.empty()) settings.child = child;

  // The load comes first and once, the others in the order given.
  auto& workloads = settings.workloads;
  workloads.erase(std::remove(workloads.begin(), workloads.end(), "load"), workloads.end());
  workloads.insert(workloads.begin(), "load");
  return settings;
}

}  // namespace nokv::bench
