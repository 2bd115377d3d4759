// Interrupts a scenario at every change of the disk, and looks at what is left.
//
//   1. Run the scenario once and count its changes N.
//   2. Run it again, copying the disk before change k, for every k of 1..N.
//   3. Crash each copy in several ways: the process dies (with change k done by half, or not at
//      all), or the power goes and unsynced pages and names are kept, lost and torn at random.
//   4. Recover, compare with the history, write at L2, cut the power, recover, compare.
//   5. Do 3 and 4 again for the changes that the recovery makes, `depth` deep.
//
// Thread-safety: none. The seed decides everything.
#pragma once

#include "tests/engine/scenarios.h"

#include <cstdint>
#include <string>
#include <vector>

namespace nokv::tests {

struct Exploration {
  uint64_t seed = 1;
  uint64_t points_max = 40;   // Crash points of the scenario itself, spread evenly.
  int power_cuts = 2;         // For each crash point, besides the two that lose all and nothing.
  int depth = 3;              // Crashes in a row.
  uint64_t nested_max = 1;    // Crash points tried of each recovery, chosen at random.
  size_t violations_max = 3;  // Stops there.
};

struct Findings {
  uint64_t changes = 0;
  uint64_t crash_points = 0;
  uint64_t recoveries = 0;
  std::vector<std::string> violations;

  void Add(const Findings& other);
};

Findings Explore(const Scenario& scenario, const Exploration& exploration);

// How much more than the short form to do: 1, or 20 if NOKV_TEST_SCALE is "long".
uint64_t Scale();

}  // namespace nokv::tests
