#include "cmd/nokv/command.h"

namespace nokv::cli {

void AddClusterCommands(CLI::App& /*app*/, Action& /*chosen*/) {}

}  // namespace nokv::cli
