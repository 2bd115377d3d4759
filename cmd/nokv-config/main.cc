// The program `nokv-config`: shows what a topology file says, and what is wrong with it.

#include "cmd/daemon/flags.h"
#include "cmd/nokv-config/commands.h"

#include <CLI/CLI.hpp>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace nokv::config {
namespace {

int Main(int argc, char** argv) {
  CLI::App app("Reads the topology file of a NoKV cluster for people and scripts, and checks it.",
               "nokv-config");
  app.set_version_flag("--version", "nokv-config " NOKV_VERSION);
  app.require_subcommand(1);
  app.footer("`nokv-config COMMAND --help` shows the flags of a command and an example.");

  Action chosen;
  AddStores(app, chosen);
  AddRegions(app, chosen);
  AddManifest(app, chosen);
  AddPd(app, chosen);
  AddValidate(app, chosen);
  if (const std::optional<int> code = daemon::Parse(app, argc, argv)) return *code;

  const absl::Status status = chosen();
  if (!status.ok()) fmt::print(stderr, "nokv-config: {}\n", StdView(status.message()));
  // A result that did not reach the reader (a full disk behind a redirection) is a failure too.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    fmt::print(stderr, "nokv-config: write to standard output: {}\n", std::strerror(errno));
    return daemon::kExitFailed;
  }
  return status.ok() ? daemon::kExitOk : daemon::kExitFailed;
}

}  // namespace
}  // namespace nokv::config

int main(int argc, char** argv) { return nokv::config::Main(argc, argv); }
