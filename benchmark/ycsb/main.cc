// nokv-ycsb: compares embedded storage engines under the YCSB core workloads.
#include "benchmark/ycsb/child.h"
#include "benchmark/ycsb/progress.h"
#include "benchmark/ycsb/report.h"
#include "benchmark/ycsb/settings.h"

#include <fmt/format.h>

#include <csignal>
#include <filesystem>
#include <unistd.h>

namespace nokv::bench {
namespace {

// Set by an interrupt from the keyboard, which ends the measuring process by itself; this one then
// removes the directory and shows what it has.
volatile std::sig_atomic_t interrupted = 0;

void OnInterrupt(int) { interrupted = 1; }

// Makes the directory of one run, which must not be there yet: nobody's data is overwritten.
absl::Status MakeFreshDirectory(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory.parent_path(), error);
  if (error) return ErrnoStatus(error.value(), "make", directory.parent_path().string());
  if (std::filesystem::create_directory(directory, error)) return absl::OkStatus();
  if (error) return ErrnoStatus(error.value(), "make", directory.string());
  return AlreadyExistsError("{} is left from an earlier run; remove it first", directory.string());
}

class Benchmark {
 public:
  Benchmark(const Settings& settings, std::vector<std::string> arguments)
      : settings_(settings),
        arguments_(std::move(arguments)),
        progress_(settings.progress, settings.engines.size() * settings.workloads.size() *
                                         static_cast<uint64_t>(settings.runs)) {}

  // Returns the exit code: 1 if any run failed.
  int Run() {
    if (!CanSaveJson()) return 1;
    fmt::print("{} records of {} B, {} operations, {} threads, durability {}, memory {} MiB\n",
               settings_.records, settings_.value_size, settings_.operations, settings_.threads,
               NameOf(settings_.durability), settings_.memory_bytes >> 20);
    int exit_code = 0;
    for (int run = 1; run <= settings_.runs; ++run) {
      for (size_t i = 0; i < settings_.engines.size() && interrupted == 0; ++i) {
        // Each run begins with another engine, so that none is always the first or the last.
        const size_t turn = (i + static_cast<size_t>(run) - 1) % settings_.engines.size();
        const absl::Status status = Measure(settings_.engines[turn], run);
        if (status.ok()) continue;
        progress_.Clear();
        fmt::print(stderr, "nokv-ycsb: {}, run {}: {}\n", settings_.engines[turn], run,
                   StdView(status.message()));
        exit_code = 1;
      }
    }
    progress_.Clear();
    fmt::print("{}", FormatTables(InOrderOfEngines()));
    return SaveJson() ? exit_code : 1;
  }

 private:
  absl::Status Measure(const std::string& engine, int run) {
    std::error_code error;
    const std::filesystem::path parent = std::filesystem::absolute(settings_.directory, error);
    if (error) return ErrnoStatus(error.value(), "find", settings_.directory);
    const std::filesystem::path directory = parent / fmt::format("{}-{}-{}", engine, run, getpid());
    RETURN_IF_ERROR(MakeFreshDirectory(directory));
    const ChildTask task = {.engine = engine, .run = run, .directory = directory.string()};
    const ChildListener listener = {
        .run = {.starting =
                    [&](const std::string& workload) {
                      progress_.Show(fmt::format("run {} {} {}", run, engine, workload));
                    },
                .measured =
                    [&](const Measurement& measurement) {
                      measurements_.push_back(measurement);
                      progress_.StepDone();
                    }},
        .tick = [&] { progress_.Tick(); }};
    absl::Status result = RunInChild(arguments_, task, listener);
    if (settings_.keep) {
      progress_.Clear();
      fmt::print("kept {}\n", directory.string());
      return result;
    }
    std::filesystem::remove_all(directory, error);
    if (error) result.Update(ErrnoStatus(error.value(), "remove", directory.string()));
    return result;
  }

  std::vector<Measurement> InOrderOfEngines() const {
    std::vector<Measurement> ordered;
    for (const std::string& engine : settings_.engines) {
      for (const Measurement& measurement : measurements_) {
        if (measurement.engine == engine) ordered.push_back(measurement);
      }
    }
    return ordered;
  }

  // Before anything is measured: an hour's figures must not end at a file that can't be written.
  bool CanSaveJson() const {
    return settings_.json_file.empty() || Succeeded(CheckTakesJson(settings_.json_file));
  }

  bool SaveJson() const {
    return settings_.json_file.empty() || Succeeded(WriteJson(settings_.json_file, measurements_));
  }

  // Whether `status` is good; the user is told if it is not.
  static bool Succeeded(const absl::Status& status) {
    if (!status.ok()) fmt::print(stderr, "nokv-ycsb: {}\n", StdView(status.message()));
    return status.ok();
  }

  const Settings& settings_;
  const std::vector<std::string> arguments_;
  Progress progress_;
  std::vector<Measurement> measurements_;
};

}  // namespace
}  // namespace nokv::bench

int main(int argc, char** argv) {
  int exit_code = 0;
  const auto settings = nokv::bench::ParseCommandLine(argc, argv, &exit_code);
  if (!settings) return exit_code;
  if (settings->child) return nokv::bench::ChildMain(*settings);
  std::signal(SIGINT, nokv::bench::OnInterrupt);
  return nokv::bench::Benchmark(*settings, {argv, argv + argc}).Run();
}
