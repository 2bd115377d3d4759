// Command lines of daemons: CLI11 with our exit codes and values.
//
// Thread-safety: none; before any thread.
#pragma once

#include "engine/base/status.h"

#include <CLI/App.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nokv::daemon {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

// The code to exit with, after printing help or what is wrong; nothing if the program should run.
std::optional<int> Parse(CLI::App& app, int argc, char** argv);

// "512MiB", "1g", "4096": powers of 1024, in any case, the "iB" or "B" optional.
absl::StatusOr<uint64_t> ParseBytes(std::string_view text);

}  // namespace nokv::daemon
