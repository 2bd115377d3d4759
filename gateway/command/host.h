// What commands know of the process around them: its clients, its settings, its figures.
//
// Thread-safety: none but for the statistics; the event loop's thread owns it.
#pragma once

#include "engine/base/clock.h"
#include "gateway/backend/backend.h"
#include "gateway/command/session.h"
#include "gateway/command/statistics.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace nokv::command {

// The version whose behaviour clients may rely on.
inline constexpr std::string_view kRedisVersion = "7.0.15";

struct Host {
  Host(Clock& host_clock, const backend::Backend& host_backend);

  Clock& clock;
  const backend::Backend& backend;
  Statistics statistics;

  std::string password;  // Empty: none is asked for.
  std::string version;   // Of this program.
  std::string durability = "L1";
  int64_t process_id = 0;
  uint16_t port = 0;
  uint64_t started_ms = 0;
  std::function<uint64_t()> memory_bytes;  // Of the process.

  std::map<std::string, std::string, std::less<>> settings;  // CONFIG's; names in lower case.
  std::map<uint64_t, const Session*> sessions;               // By id.

  // One line for CLIENT LIST, without its end.
  std::string Describe(const Session& session) const;
};

}  // namespace nokv::command
