// nokv-cluster-bench: the same closed loop against a cluster of ours and one of etcd.
#include "benchmark/cluster/closed_loop.h"
#include "benchmark/cluster/process_usage.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <charconv>
#include <cstdio>
#include <fstream>
#include <map>
#include <unistd.h>
#include <utility>

namespace nokv::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kFillClients = 128;

struct Settings {
  std::string target = "nokv";
  std::string pd_addr = "127.0.0.1:2379";
  std::vector<std::string> members = {"127.0.0.1:2379"};
  size_t connections = 8;
  std::vector<size_t> clients = {1, 64, 256};
  std::vector<std::string> operations = {"put", "get"};
  double seconds = 5;
  double warmup_seconds = 1;
  uint64_t seed = 1;
  Records records;
  bool is_filled = false;
  std::vector<std::string> processes;  // "NAME=PID".
  std::string json;
};

using Components = std::vector<std::pair<std::string, int>>;

absl::StatusOr<Components> ComponentsOf(const Settings& settings) {
  Components components = {{"client", static_cast<int>(getpid())}};
  for (const std::string& text : settings.processes) {
    const size_t equals = std::min(text.find('='), text.size());
    int id = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] =
        std::from_chars(text.data() + std::min(equals + 1, text.size()), end, id);
    if (equals == 0 || error != std::errc() || stop != end) {
      return InvalidArgumentError("--process {} is not NAME=PID", text);
    }
    RETURN_IF_ERROR(UsageOf(id).status());
    components.emplace_back(text.substr(0, equals), id);
  }
  return components;
}

std::vector<ProcessUsage> UsageOfAll(const Components& components) {
  std::vector<ProcessUsage> usages;
  for (const auto& [name, id] : components) usages.push_back(UsageOf(id).value_or(ProcessUsage()));
  return usages;
}

Json ToJson(const Settings& settings, const Load& load, const LoadResult& result,
            const Components& components, const std::vector<std::vector<ProcessUsage>>& marks) {
  const double count = static_cast<double>(std::max<uint64_t>(result.operations, 1));
  Json parts = Json::object();
  for (size_t i = 0; i < components.size(); ++i) {
    const ProcessUsage& before = marks[0][i];
    const ProcessUsage& after = marks[1][i];
    parts[components[i].first] = {
        {"cpu_us_per_op", (after.cpu_seconds - before.cpu_seconds) * 1e6 / count},
        {"written_bytes_per_op",
         static_cast<double>(after.written_bytes - before.written_bytes) / count},
        {"resident_bytes", after.resident_bytes}};
  }
  const auto micros = [&result](double fraction) {
    return static_cast<double>(result.nanos.Percentile(fraction)) * 1e-3;
  };
  return {{"target", settings.target},
          {"operation", load.is_put ? "put" : "get"},
          {"clients", load.clients},
          {"value_bytes", settings.records.value_bytes},
          {"records", settings.records.count},
          {"seconds", result.seconds},
          {"operations", result.operations},
          {"failures", result.failures},
          {"first_failure", result.first_failure},
          {"ops_per_second", static_cast<double>(result.operations) / result.seconds},
          {"p50_us", micros(0.5)},
          {"p99_us", micros(0.99)},
          {"max_us", static_cast<double>(result.nanos.max()) * 1e-3},
          {"components", std::move(parts)}};
}

void PrintRow(const Json& row) {
  std::string cpu;
  for (const auto& [name, part] : row["components"].items()) {
    cpu += fmt::format("  {} {:.1f}", name, part["cpu_us_per_op"].get<double>());
  }
  fmt::print(
      "{:6} {:4} {:5} clients  {:9.0f} ops/s  p50 {:8.0f} us  p99 {:8.0f} us  {} failures  "
      "CPU us/op:{}\n",
      row["target"].get<std::string>(), row["operation"].get<std::string>(),
      row["clients"].get<size_t>(), row["ops_per_second"].get<double>(),
      row["p50_us"].get<double>(), row["p99_us"].get<double>(), row["failures"].get<uint64_t>(),
      cpu);
  std::fflush(stdout);
}

absl::Status Measure(const Settings& settings) {
  ASSIGN_OR_RETURN(const Components components, ComponentsOf(settings));
  const std::unique_ptr<Target> target =
      settings.target == "nokv" ? NewNokvTarget(settings.pd_addr)
                                : NewEtcdTarget(settings.members, settings.connections);
  if (!settings.is_filled) RETURN_IF_ERROR(Fill(*target, settings.records, kFillClients));
  Json rows = Json::array();
  for (const std::string& operation : settings.operations) {
    for (const size_t clients : settings.clients) {
      const Load load{.is_put = operation == "put",
                      .clients = clients,
                      .warmup = absl::Seconds(settings.warmup_seconds),
                      .measured = absl::Seconds(settings.seconds),
                      .seed = settings.seed + rows.size()};
      std::vector<std::vector<ProcessUsage>> marks;
      const LoadResult result = Run(*target, SystemClock(), settings.records, load,
                                    [&] { marks.push_back(UsageOfAll(components)); });
      rows.push_back(ToJson(settings, load, result, components, marks));
      PrintRow(rows.back());
    }
  }
  if (settings.json.empty()) return absl::OkStatus();
  std::ofstream file(settings.json);
  file << rows.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  file.close();
  return file.good() ? absl::OkStatus() : InternalError("{} can't be written", settings.json);
}

void Describe(CLI::App& app, Settings& settings) {
  app.option_defaults()->always_capture_default();
  app.add_option("--target", settings.target, "What is measured")
      ->check(CLI::IsMember({"nokv", "etcd"}));
  app.add_option("--pd-addr", settings.pd_addr, "Placement driver of a cluster of ours");
  app.add_option("--members", settings.members, "Members of etcd to call")->delimiter(',');
  app.add_option("--connections", settings.connections, "To etcd, which its clients share")
      ->check(CLI::Range(1, 1024));
  app.add_option("--clients", settings.clients, "Numbers of clients, one after the other")
      ->delimiter(',')
      ->check(CLI::Range(1, 65'536));
  app.add_option("--operations", settings.operations, "What they do, one after the other")
      ->delimiter(',')
      ->check(CLI::IsMember({"put", "get"}));
  app.add_option("--seconds", settings.seconds, "That are measured, of each")
      ->check(CLI::Range(0.01, 3600.0));
  app.add_option("--warmup", settings.warmup_seconds, "Before them")
      ->check(CLI::Range(0.0, 3600.0));
  app.add_option("--records", settings.records.count, "That there are")
      ->check(CLI::Range(1, 1'000'000'000));
  app.add_option("--value-bytes", settings.records.value_bytes, "Of each")
      ->check(CLI::Range(0, 1 << 20));
  app.add_option("--seed", settings.seed, "Of the choice of records");
  app.add_flag("--filled", settings.is_filled, "The records are there: do not write them first");
  app.add_option("--process", settings.processes,
                 "A process of the target, whose processor time and writes are told. Repeatable")
      ->type_name("NAME=PID");
  app.add_option("--json", settings.json, "File for the results")->type_name("FILE");
}

int Main(int argc, char** argv) {
  CLI::App app("Puts and gets by clients in a closed loop, on a cluster of NoKV or of etcd",
               "nokv-cluster-bench");
  Settings settings;
  Describe(app, settings);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const absl::Status status = Measure(settings);
  if (status.ok()) return 0;
  fmt::print(stderr, "nokv-cluster-bench: {}\n", StdView(status.message()));
  return 1;
}

}  // namespace
}  // namespace nokv::bench

int main(int argc, char** argv) { return nokv::bench::Main(argc, argv); }
