// The subcommands of `nokv-config`.
//
// Each declares its flags and leaves behind what to do, which runs when the whole command line has
// been understood. It prints to standard output and returns a status whose message says what to do.
//
// Thread-safety: none; the program has one thread.
#pragma once

#include "engine/base/status.h"

#include <functional>

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11's name.
class App;
}

namespace nokv::config {

using Action = std::function<absl::Status()>;

void AddStores(CLI::App& app, Action& chosen);
void AddRegions(CLI::App& app, Action& chosen);
void AddManifest(CLI::App& app, Action& chosen);
void AddPd(CLI::App& app, Action& chosen);
void AddValidate(CLI::App& app, Action& chosen);

}  // namespace nokv::config
