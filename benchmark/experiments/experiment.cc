#include "benchmark/experiments/experiment.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <barrier>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <pthread.h>
#include <sched.h>
#include <thread>
#include <unistd.h>

namespace nokv::bench {
namespace {

uint64_t NanosOf(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

uint64_t ThreadCpuNanos() { return NanosOf(CLOCK_THREAD_CPUTIME_ID); }

uint64_t ProcessCpuNanos() { return NanosOf(CLOCK_PROCESS_CPUTIME_ID); }

double PercentileOf(std::vector<double>& values, double fraction) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto last = static_cast<double>(values.size() - 1);
  return values[static_cast<size_t>(fraction * last + 0.5)];
}

void PinToProcessor(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(processor), &set);
  Must(pthread_setaffinity_np(pthread_self(), sizeof(set), &set) == 0, "bind to a processor");
}

uint64_t TimeThreads(int threads, const std::function<void(int)>& body) {
  std::barrier gate(threads);
  std::mutex mutex;
  uint64_t start = UINT64_MAX;
  uint64_t end = 0;
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      gate.arrive_and_wait();
      const uint64_t own_start = MonotonicNanos();
      body(i);
      const uint64_t own_end = MonotonicNanos();
      const std::lock_guard<std::mutex> lock(mutex);
      start = std::min(start, own_start);
      end = std::max(end, own_end);
    });
  }
  for (std::thread& thread : running) thread.join();
  return end - start;
}

void Must(bool ok, std::string_view what) {
  if (ok) return;
  fmt::print(stderr, "failed to {}: {}\n", what, std::strerror(errno));
  std::exit(1);
}

Experiment::Experiment(std::string name, std::string question)
    : name_(std::move(name)), question_(std::move(question)) {}

Experiment::~Experiment() {
  std::error_code ignored;
  if (!scratch_.empty()) std::filesystem::remove_all(scratch_, ignored);
}

bool Experiment::Parse(int argc, char** argv, int* exit_code) {
  CLI::App app(question_, name_);
  app.add_option("--dir", directory_, "Where the scratch directory is made; on the disk to test")
      ->check(CLI::ExistingDirectory)
      ->capture_default_str();
  app.add_option("--rounds", rounds_, "Measurements of each thing; the median is shown")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--json", json_file_, "Also write the figures to this file");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    *exit_code = app.exit(error) == 0 ? 0 : 2;
    return false;
  }
  std::string scratch = directory_ + "/" + name_ + ".XXXXXX";
  Must(mkdtemp(scratch.data()) != nullptr, "make a scratch directory");
  scratch_ = scratch;
  return true;
}

std::string Experiment::FileInScratch(std::string_view name) const {
  return fmt::format("{}/{}", scratch_, name);
}

void Experiment::Record(std::string_view what, std::string_view unit, double value) {
  auto found = std::find_if(series_.begin(), series_.end(), [&](const Series& series) {
    return series.what == what && series.unit == unit;
  });
  if (found == series_.end()) {
    series_.push_back({std::string(what), std::string(unit), {}});
    found = series_.end() - 1;
  }
  found->values.push_back(value);
}

int Experiment::Finish() const {
  fmt::print("{}: {}\n", name_, question_);
  fmt::print("{:<58}{:>12}  {:<26}{}\n", "", "median", "min..max", "unit");
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Series& series : series_) {
    std::vector<double> values = series.values;
    const double median = PercentileOf(values, 0.5);
    fmt::print("{:<58}{:>12.2f}  {:<26}{}\n", series.what, median,
               fmt::format("{:.2f}..{:.2f}", values.front(), values.back()), series.unit);
    list.push_back({{"experiment", name_},
                    {"what", series.what},
                    {"unit", series.unit},
                    {"median", median},
                    {"min", values.front()},
                    {"max", values.back()},
                    {"rounds", values.size()}});
  }
  if (json_file_.empty()) return 0;
  std::ofstream out(json_file_);
  out << list.dump(2) << "\n";
  out.close();
  Must(static_cast<bool>(out), "write the JSON file");
  return 0;
}

}  // namespace nokv::bench
