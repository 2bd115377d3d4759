#include "cmd/nokv/command.h"
#include "cmd/nokv/layout.h"
#include "cmd/nokv/text.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace nokv::cli {
namespace {

constexpr uint64_t kQuietBytesMax = 16 << 20;  // Read in a moment: not worth ten lines in a log.

// Shows on stderr how far a long check is: one line that changes on a terminal, one line for each
// tenth elsewhere.
class Progress {
 public:
  ~Progress() {
    if (is_terminal_ && shown_percent_ > 0) fmt::print(stderr, "\n");
  }

  void Show(uint64_t done, uint64_t total) {
    if (total < (is_terminal_ ? 1 : kQuietBytesMax)) return;
    const uint64_t percent = std::min<uint64_t>(100, done * 100 / total);
    const uint64_t step = is_terminal_ ? 1 : 10;
    if (percent < shown_percent_ + step) return;
    shown_percent_ = percent - percent % step;
    fmt::print(stderr, "{}verify: {} of {}, {}%{}", is_terminal_ ? "\r" : "", HumanBytes(done),
               HumanBytes(total), percent, is_terminal_ ? "  " : "\n");
  }

 private:
  const bool is_terminal_ = isatty(STDERR_FILENO) != 0;
  uint64_t shown_percent_ = 0;
};

struct Findings {
  absl::Status status;
  RecoveryReport recovery;
  Stats stats;
  uint64_t bytes_checked = 0;
};

Findings Check(const std::string& workdir) {
  Findings findings;
  auto db = OpenReadOnly(workdir, &findings.recovery);
  findings.status = db.status();
  if (!db.ok()) return findings;
  findings.stats = (*db)->GetStats();
  Progress progress;
  findings.status = (*db)->Verify([&](uint64_t done, uint64_t total) {
    findings.bytes_checked = done;
    progress.Show(done, total);
  });
  return findings;
}

// Only the first line: the rest of a message is advice.
std::string Damage(const absl::Status& status) {
  const std::string message(StdView(status.message()));
  return message.substr(0, message.find('\n'));
}

void PrintJson(const Findings& findings, const std::string& workdir) {
  nlohmann::ordered_json out;
  out["workdir"] = workdir;
  out["ok"] = findings.status.ok();
  if (!findings.status.ok()) {
    out["damaged"] = findings.status.code() == absl::StatusCode::kDataLoss;
    out["error"] = Damage(findings.status);
  }
  out["bytes_checked"] = findings.bytes_checked;
  out["tables"] = findings.stats.tables;
  out["segments"] = findings.stats.segments;
  out["unfinished_tail"] = {{"position", findings.recovery.cut_position},
                            {"bytes", findings.recovery.bytes_cut},
                            {"records", findings.recovery.records_cut}};
  PrintLine(JsonText(out));
}

void PrintText(const Findings& findings) {
  const RecoveryReport& recovery = findings.recovery;
  if (!recovery.cut_position.empty()) {
    PrintLine(fmt::format("the log ends with an unfinished write, {}: {}, {} behind it",
                          recovery.cut_position, HumanBytes(recovery.bytes_cut),
                          Counted(recovery.records_cut, "whole record", "whole records")));
  }
  if (!findings.status.ok()) return;
  PrintLine(fmt::format("no damage found: {} checked, {}, {}", HumanBytes(findings.bytes_checked),
                        Counted(findings.stats.tables, "table", "tables"),
                        Counted(findings.stats.segments, "segment", "segments")));
}

absl::Status Verify(const CommonFlags& flags) {
  const Findings findings = Check(flags.workdir);
  flags.json ? PrintJson(findings, flags.workdir) : PrintText(findings);
  if (findings.status.code() != absl::StatusCode::kDataLoss) return findings.status;
  return WithHint(
      DataLossError("damage found: {}", Damage(findings.status)),
      fmt::format(
          "keep a copy of {} as it is, then restore it from a checkpoint or another replica",
          flags.workdir));
}

}  // namespace

void AddVerify(CLI::App& app, Action& chosen) {
  AddCommand(app, chosen,
             {.name = "verify",
              .description = "Read every byte of the database and name the first damage",
              .example = "nokv verify --workdir ./nokv-data"},
             Verify);
}

}  // namespace nokv::cli
