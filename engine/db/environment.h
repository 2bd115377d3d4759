// What a database runs on when its options name nothing else.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/executor.h"

namespace nokv {

// Two threads for the background work of all databases of the process. Lives as long as it does.
Executor& SharedExecutor();

}  // namespace nokv
