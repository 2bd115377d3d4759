// Crashes a database that holds groups before changes of its disk, and looks at what is left.
//
// A run makes random changes and copies the disk at crash points. Each copy is killed or loses its
// power, is opened, compared with the states that it may have, changed again, and loses its power
// once more; the changes of its own recovery are crash points too, `depth` deep.
//
// Thread-safety: none. The seed decides everything.
#pragma once

#include "tests/engine/crash_explorer.h"

#include <cstdint>

namespace nokv::tests {

struct GroupExploration {
  uint64_t seed = 1;
  int steps = 400;
  uint64_t stride = 23;  // Between crash points.
  int depth = 1;
};

// Stops at the first violation.
Findings ExploreGroups(const GroupExploration& exploration);

}  // namespace nokv::tests
