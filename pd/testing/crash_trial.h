// Placement drivers that die, one after the other, on the same disk.
//
// A life opens the driver and uses everything at random until its disk dies at a chosen change,
// with that change not made. Then the process is killed or the power goes, the clock may be set
// back, and the next life must not contradict what anybody was told in an earlier one.
//
// Thread-safety: none. The seed decides everything.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nokv::pd::testing {

struct Exploration {
  uint64_t seed = 1;
  uint64_t points_max = 60;  // Crash points of the first life, spread evenly.
  int lives = 3;             // The later ones crash at random points.
};

struct Findings {
  uint64_t changes = 0;  // Of the disk, by a life without a crash.
  uint64_t lives = 0;
  uint64_t timestamps = 0;  // Ranges given, as a measure of what was compared.
  std::vector<std::string> violations;
};

// Crashes at each point in each way, until the first violation.
Findings ExploreCrashes(const Exploration& exploration);

}  // namespace nokv::pd::testing
