// Addresses HOST:PORT as the topology has them.
//
// HOST is a name, an IPv4 address or an IPv6 address in brackets; PORT is from 1 to 65535. Nothing
// is resolved: names are for the machine that uses them.
//
// Thread-safety: pure functions.
#pragma once

#include "engine/base/status.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace nokv::config {

struct Address {
  std::string host;  // Without brackets.
  uint16_t port = 0;
};

// InvalidArgument with the reason alone ("there is no port"): the caller knows the rest.
absl::StatusOr<Address> ParseAddress(std::string_view text);

// Whether it stands for every address of a machine: to be bound, but not to be reached at.
bool IsWildcard(const Address& address);

}  // namespace nokv::config
