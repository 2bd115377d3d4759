#include "benchmark/ycsb/report.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <fstream>

namespace nokv::bench {
namespace {

using Member = double (*)(const Measurement&);

// In the order of their first appearance.
std::vector<std::string> DistinctNames(const std::vector<Measurement>& measurements,
                                       std::string Measurement::*name) {
  std::vector<std::string> names;
  for (const Measurement& measurement : measurements) {
    if (std::find(names.begin(), names.end(), measurement.*name) == names.end()) {
      names.push_back(measurement.*name);
    }
  }
  return names;
}

// All runs of one engine and workload.
class Cell {
 public:
  Cell(const std::vector<Measurement>& all, const std::string& engine,
       const std::string& workload) {
    for (const Measurement& measurement : all) {
      if (measurement.engine == engine && measurement.workload == workload) {
        runs_.push_back(measurement);
      }
    }
  }

  bool empty() const { return runs_.empty(); }

  size_t size() const { return runs_.size(); }

  double Median(Member member) const {
    const std::vector<double> values = Sorted(member);
    const size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  }

  double Least(Member member) const { return Sorted(member).front(); }

  double Most(Member member) const { return Sorted(member).back(); }

  uint64_t errors() const {
    uint64_t errors = 0;
    for (const Measurement& run : runs_) errors += run.errors;
    return errors;
  }

 private:
  std::vector<double> Sorted(Member member) const {
    std::vector<double> values;
    for (const Measurement& run : runs_) values.push_back(member(run));
    std::sort(values.begin(), values.end());
    return values;
  }

  std::vector<Measurement> runs_;
};

double OpsPerSecond(const Measurement& m) { return m.ops_per_s; }

std::string WithThousands(double number) {
  std::string digits = fmt::format("{:.0f}", number);
  for (size_t i = digits.size(); i > 3;) {
    i -= 3;
    digits.insert(i, 1, ',');
  }
  return digits;
}

std::string Micros(double micros) {
  return micros < 100 ? fmt::format("{:.1f}", micros) : WithThousands(micros);
}

double Mebibytes(uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

std::string FormatRow(const std::string& engine, const Cell& cell, const Cell& reference) {
  const double median = cell.Median(OpsPerSecond);
  std::string row = fmt::format(
      "{:<14}{:>11}  {:<23}{:>8}{:>9}{:>10}{:>11}{:>12}{:>9.2f}{:>7.2f}{:>8.0f}{:>8.0f}", engine,
      WithThousands(median),
      WithThousands(cell.Least(OpsPerSecond)) + ".." + WithThousands(cell.Most(OpsPerSecond)),
      Micros(cell.Median([](const Measurement& m) { return m.p50_us; })),
      Micros(cell.Median([](const Measurement& m) { return m.p95_us; })),
      Micros(cell.Median([](const Measurement& m) { return m.p99_us; })),
      Micros(cell.Median([](const Measurement& m) { return m.p999_us; })),
      Micros(cell.Median([](const Measurement& m) { return m.max_us; })),
      cell.Median([](const Measurement& m) { return m.cpu_us_per_op; }),
      cell.Median([](const Measurement& m) { return m.device_bytes_per_user_byte; }),
      cell.Median([](const Measurement& m) { return Mebibytes(m.space_bytes); }),
      cell.Median([](const Measurement& m) { return Mebibytes(m.peak_rss_bytes); }));
  row += fmt::format("{:>8.2f}",
                     cell.Median([](const Measurement& m) { return m.others_processors; }));
  if (!reference.empty()) row += fmt::format("{:>8.2f}", reference.Median(OpsPerSecond) / median);
  if (cell.errors() > 0) row += fmt::format("  {} ERRORS", cell.errors());
  return row + "\n";
}

}  // namespace

nlohmann::ordered_json ToJson(const Measurement& m) {
  return {{"engine", m.engine},
          {"workload", m.workload},
          {"run", m.run},
          {"threads", m.threads},
          {"durability", m.durability},
          {"ops_per_s", m.ops_per_s},
          {"p50_us", m.p50_us},
          {"p95_us", m.p95_us},
          {"p99_us", m.p99_us},
          {"p999_us", m.p999_us},
          {"max_us", m.max_us},
          {"cpu_us_per_op", m.cpu_us_per_op},
          {"device_bytes_per_user_byte", m.device_bytes_per_user_byte},
          {"space_bytes", m.space_bytes},
          {"peak_rss_bytes", m.peak_rss_bytes},
          {"errors", m.errors},
          {"records", m.records},
          {"value_size", m.value_size}};
}

Measurement MeasurementFromJson(const nlohmann::json& json) {
  Measurement m;
  m.engine = json.at("engine").get<std::string>();
  m.workload = json.at("workload").get<std::string>();
  m.run = json.at("run").get<int>();
  m.threads = json.at("threads").get<uint32_t>();
  m.durability = json.at("durability").get<std::string>();
  m.ops_per_s = json.at("ops_per_s").get<double>();
  m.p50_us = json.at("p50_us").get<double>();
  m.p95_us = json.at("p95_us").get<double>();
  m.p99_us = json.at("p99_us").get<double>();
  m.p999_us = json.at("p999_us").get<double>();
  m.max_us = json.at("max_us").get<double>();
  m.cpu_us_per_op = json.at("cpu_us_per_op").get<double>();
  m.device_bytes_per_user_byte = json.at("device_bytes_per_user_byte").get<double>();
  m.space_bytes = json.at("space_bytes").get<uint64_t>();
  m.peak_rss_bytes = json.at("peak_rss_bytes").get<uint64_t>();
  m.errors = json.at("errors").get<uint64_t>();
  m.records = json.at("records").get<uint64_t>();
  m.value_size = json.at("value_size").get<uint32_t>();
  return m;
}

absl::Status CheckTakesJson(const std::string& file) {
  // Appends nothing: what is in the file stays until there is something new.
  const std::ofstream out(file, std::ios::app);
  if (out) return absl::OkStatus();
  return InvalidArgumentError("{}; give --json a file that can be written",
                              StdView(ErrnoStatus(errno, "open", file).message()));
}

absl::Status WriteJson(const std::string& file, const std::vector<Measurement>& measurements) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Measurement& measurement : measurements) list.push_back(ToJson(measurement));
  std::ofstream out(file);
  out << list.dump(2) << "\n";
  out.close();
  if (!out) return ErrnoStatus(errno, "write", file);
  return absl::OkStatus();
}

std::string FormatTables(const std::vector<Measurement>& measurements) {
  const std::vector<std::string> engines = DistinctNames(measurements, &Measurement::engine);
  const bool has_nokv = std::find(engines.begin(), engines.end(), "nokv") != engines.end();
  std::string text;
  for (const std::string& workload : DistinctNames(measurements, &Measurement::workload)) {
    const Cell reference(measurements, has_nokv ? "nokv" : "", workload);
    text += fmt::format(
        "\n{:<14}{:>11}  {:<23}{:>8}{:>9}{:>10}{:>11}{:>12}{:>9}{:>7}{:>8}{:>8}{:>8}{}\n", workload,
        "ops/s", "min..max", "p50 us", "p95", "p99", "p99.9", "max", "cpu us", "dev x", "disk MB",
        "rss MB", "others", has_nokv ? "  nokv x" : "");
    for (const std::string& engine : engines) {
      const Cell cell(measurements, engine, workload);
      if (!cell.empty()) text += FormatRow(engine, cell, reference);
    }
  }
  return text;
}

}  // namespace nokv::bench
