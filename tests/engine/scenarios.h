// The scripts that crash tests interrupt at every change of the disk.
//
// Each is deterministic and short (some hundred changes), and leads through one part of the
// engine: a part that no scenario reaches is a part whose crashes nobody has tried.
//
// Thread-safety: pure functions.
#pragma once

#include "tests/engine/trial.h"

#include <span>
#include <string_view>

namespace nokv::tests {

struct Scenario {
  std::string_view name;
  Options (*options)();
  void (*run)(Trial& trial);
};

std::span<const Scenario> Scenarios();

// Aborts if there is none of this name.
const Scenario& FindScenario(std::string_view name);

}  // namespace nokv::tests
