// nokv-check-history: whether histories that real clients recorded are linearizable.
//
// Exit codes: 0 linearizable, 1 not, 2 wrong command line or a file that can't be read, 3 a limit
// was reached before it was decided.
#include "engine/base/clock.h"
#include "tests/checker/linearizability.h"
#include "tests/checker/picture.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace nokv::checker {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kExitUnreadable = 2;
constexpr std::streamoff kFileBytesMax = std::streamoff{256} << 20;

struct Settings {
  std::vector<std::string> files;
  std::string picture;
  bool is_json = false;
  double seconds_max = 60;
  size_t memory_mib_max = 1024;  // For one key.
};

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size_bytes = file.tellg();
  if (!file.good() || size_bytes < 0) return InvalidArgumentError("{} can't be read", path);
  if (size_bytes > kFileBytesMax) {
    return InvalidArgumentError("{} has {} bytes; at most {} are read", path, size_bytes,
                                kFileBytesMax);
  }
  std::string text(static_cast<size_t>(size_bytes), '\0');
  file.seekg(0);
  file.read(text.data(), size_bytes);
  if (!file.good()) return InvalidArgumentError("{} can't be read", path);
  return text;
}

absl::StatusOr<Report> Check(const Settings& settings) {
  History history;
  for (const std::string& path : settings.files) {
    ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
    const absl::Status parsed = ParseHistory(text, history);
    if (!parsed.ok()) return InvalidArgumentError("{}: {}", path, StdView(parsed.message()));
  }
  const Limits limits{.time_max = absl::Seconds(settings.seconds_max),
                      .memory_bytes_max = settings.memory_mib_max << 20};
  return CheckLinearizable(history, NewCounter, SystemClock(), limits);
}

std::string_view WordOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kLinearizable:
      return "linearizable";
    case Verdict::kNotLinearizable:
      return "not-linearizable";
    case Verdict::kUnknown:
      return "undecided";
  }
  return "";
}

int CodeOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kLinearizable:
      return 0;
    case Verdict::kNotLinearizable:
      return 1;
    case Verdict::kUnknown:
      return 3;
  }
  return kExitUnreadable;
}

std::string ToJson(const Report& report) {
  Json json = {{"verdict", WordOf(report.verdict)},
               {"operations", report.operations},
               {"keys", report.keys},
               {"steps", report.steps}};
  if (!report.unknown_keys.empty()) json["undecided_keys"] = report.unknown_keys;
  if (report.bad.has_value()) {
    Json operations = Json::array();
    for (const Operation& operation : report.bad->operations) {
      operations.push_back({{"client", operation.client},
                            {"call", operation.call},
                            {"end", operation.is_known() ? Json(operation.end) : Json()},
                            {"what", Describe(operation)}});
    }
    json["bad"] = {{"key", report.bad->key},
                   {"operations", std::move(operations)},
                   {"order", report.bad->order},
                   {"stuck", report.bad->stuck}};
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::Status Draw(const BadKey& bad, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  file << DrawHtml(bad);
  file.close();
  return file.good() ? absl::OkStatus() : InvalidArgumentError("{} can't be written", path);
}

void Describe(CLI::App& app, Settings& settings) {
  app.option_defaults()->always_capture_default();
  app.add_option("FILE", settings.files, "Histories of one run, together one history")
      ->required()
      ->type_name("")
      ->default_str("");
  app.add_option("--picture", settings.picture, "Where to draw a violation, as a page of HTML")
      ->type_name("FILE");
  app.add_flag("--json", settings.is_json, "Print the verdict as JSON");
  app.add_option("--seconds", settings.seconds_max, "Time for the search")
      ->check(CLI::Range(0.0, 86'400.0));
  app.add_option("--memory", settings.memory_mib_max, "MiB for the search of one key")
      ->check(CLI::Range(1, 1 << 20));
  app.footer(
      "tests/checker/README.md explains the files. A key holds a number, a text or nothing.\n"
      "Exit codes: 0 linearizable, 1 not, 2 wrong command line or file, 3 undecided.");
}

int Main(int argc, char** argv) {
  CLI::App app("Checks whether one object that does one thing at a time could have answered so.",
               "nokv-check-history");
  Settings settings;
  Describe(app, settings);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUnreadable;
  }
  const absl::StatusOr<Report> report = Check(settings);
  if (!report.ok()) {
    fmt::print(stderr, "nokv-check-history: {}\n", StdView(report.status().message()));
    return kExitUnreadable;
  }
  fmt::print("{}", settings.is_json ? ToJson(*report) : Describe(*report));
  if (!settings.picture.empty() && report->bad.has_value()) {
    const absl::Status drawn = Draw(*report->bad, settings.picture);
    if (!drawn.ok()) fmt::print(stderr, "nokv-check-history: {}\n", StdView(drawn.message()));
  }
  return CodeOf(report->verdict);
}

}  // namespace
}  // namespace nokv::checker

int main(int argc, char** argv) { return nokv::checker::Main(argc, argv); }
