// The program `nokv`: tools for a database's directory.

#include "cmd/nokv/command.h"

#include <CLI/CLI.hpp>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace nokv::cli {
namespace {

// "nokv: what went wrong", then the lines that say what to do, indented.
void PrintError(const absl::Status& status) {
  std::string_view rest = StdView(status.message());
  const char* lead = "nokv: ";
  while (true) {
    const size_t end = rest.find('\n');
    fmt::print(stderr, "{}{}\n", lead, rest.substr(0, end));
    if (end == std::string_view::npos) return;
    rest.remove_prefix(end + 1);
    lead = "  ";
  }
}

int ExitCode(const absl::Status& status) {
  if (status.ok()) return kExitOk;
  return status.code() == absl::StatusCode::kInvalidArgument ? kExitUsage : kExitFailure;
}

int Main(int argc, char** argv) {
  CLI::App app("Looks into the directory of a NoKV database, checks it and changes single keys.",
               "nokv");
  app.set_version_flag("--version", "nokv " NOKV_VERSION);
  app.require_subcommand(1);
  app.footer("`nokv COMMAND --help` shows the flags of a command and an example.");

  Action chosen;
  AddStats(app, chosen);
  AddManifest(app, chosen);
  AddVlog(app, chosen);
  AddVerify(app, chosen);
  AddGet(app, chosen);
  AddScan(app, chosen);
  AddSet(app, chosen);
  AddDel(app, chosen);
  AddCheckpoint(app, chosen);
  AddCompact(app, chosen);
  AddClusterCommands(app, chosen);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // --help and --version come here too, with code 0.
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }

  const absl::Status status = chosen();
  if (!status.ok()) PrintError(status);
  // A result that did not reach the reader (a full disk behind a redirection) is a failure too.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    fmt::print(stderr, "nokv: write to standard output: {}\n", std::strerror(errno));
    return kExitFailure;
  }
  return ExitCode(status);
}

}  // namespace
}  // namespace nokv::cli

int main(int argc, char** argv) { return nokv::cli::Main(argc, argv); }
