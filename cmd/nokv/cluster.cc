#include "cmd/nokv/command.h"

namespace nokv::cli {

void AddClusterCommands(CLI::App& app, Action& chosen) {
  AddRegions(app, chosen);
  AddKv(app, chosen);
  AddPd(app, chosen);
  AddServe(app, chosen);
}

}  // namespace nokv::cli
