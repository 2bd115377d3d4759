// The few socket calls the gateway needs, with errors that say what to do.
//
// Thread-safety: pure functions.
#pragma once

#include "engine/base/status.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace nokv::server {

struct HostAndPort {
  std::string host;  // A literal address, without brackets.
  uint16_t port = 0;
};

// "127.0.0.1:6380" or "[::1]:6380"; "localhost" is 127.0.0.1, no host is every address.
absl::StatusOr<HostAndPort> ParseAddress(std::string_view text);

bool IsLoopback(const HostAndPort& address);

std::string ToText(const HostAndPort& address);

// A listening, non-blocking socket. AlreadyExists if somebody listens there, InvalidArgument if the
// address is not this machine's, PermissionDenied if this user may not have the port; each says
// what to do.
absl::StatusOr<int> Listen(const HostAndPort& address);

enum class End { kLocal, kPeer };

std::string AddressOf(int socket, End end);

uint16_t LocalPort(int socket);

}  // namespace nokv::server
