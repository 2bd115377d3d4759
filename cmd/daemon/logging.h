// Where a daemon's log lines go: standard error, one line each, with time and level.
//
// Thread-safety: SetUpLogging() runs once, before any thread; spdlog itself is safe.
#pragma once

#include "engine/base/status.h"

#include <string>

namespace nokv::daemon {

// `level` is trace, debug, info, warning, error or off.
absl::Status SetUpLogging(const std::string& level);

}  // namespace nokv::daemon
