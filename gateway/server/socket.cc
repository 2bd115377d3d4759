#include "gateway/server/socket.h"

#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>
#include <unistd.h>

namespace nokv::server {
namespace {

constexpr int kBacklog = 1024;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

std::optional<SocketAddress> Resolve(const HostAndPort& address) {
  SocketAddress resolved;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&resolved.storage);
  if (inet_pton(AF_INET, address.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(address.port);
    resolved.size = sizeof(*v4);
    return resolved;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&resolved.storage);
  if (inet_pton(AF_INET6, address.host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(address.port);
    resolved.size = sizeof(*v6);
    return resolved;
  }
  return std::nullopt;
}

HostAndPort Describe(SocketAddress& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (address.storage.ss_family == AF_INET) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
    return {text, ntohs(v4->sin_port)};
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
  return {text, ntohs(v6->sin6_port)};
}

HostAndPort EndOf(int socket, End end) {
  SocketAddress address;
  address.size = sizeof(address.storage);
  const int result = end == End::kLocal ? getsockname(socket, address.get(), &address.size)
                                        : getpeername(socket, address.get(), &address.size);
  return result == 0 ? Describe(address) : HostAndPort{"?", 0};
}

// Why we can't listen on `address`, and what the user can do about it.
absl::Status ListenFailure(int error, const std::string& address) {
  switch (error) {
    case EADDRINUSE:
      return AlreadyExistsError(
          "cannot listen on {}: another program does; stop it, or choose another --addr", address);
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
      return InvalidArgumentError(
          "cannot listen on {}: this machine has no such address; choose an --addr that `ip addr` "
          "shows, or 127.0.0.1 for this machine alone",
          address);
    case EACCES:
    case EPERM:
      return PermissionDeniedError(
          "cannot listen on {}: this user may not take that port; choose one from 1024 on with "
          "--addr, or give the program CAP_NET_BIND_SERVICE",
          address);
    default:
      return ErrnoStatus(error, "cannot listen on", address);
  }
}

absl::Status BindAndListen(int socket, SocketAddress& address, const std::string& text) {
  const int one = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  if (bind(socket, address.get(), address.size) == 0 && listen(socket, kBacklog) == 0) {
    return absl::OkStatus();
  }
  return ListenFailure(errno, text);
}

}  // namespace

absl::StatusOr<HostAndPort> ParseAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  HostAndPort address;
  if (colon != std::string_view::npos) {
    const std::string_view port = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    std::string_view host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    address.host = host.empty() ? "0.0.0.0" : host == "localhost" ? "127.0.0.1" : std::string(host);
    if (error == std::errc() && end == port.data() + port.size() && Resolve(address)) {
      return address;
    }
  }
  return InvalidArgumentError("\"{}\" is not an address such as 127.0.0.1:6380 or [::1]:6380",
                              text);
}

bool IsLoopback(const HostAndPort& address) {
  return address.host.starts_with("127.") || address.host == "::1";
}

std::string ToText(const HostAndPort& address) {
  const bool is_v6 = address.host.find(':') != std::string::npos;
  return is_v6 ? fmt::format("[{}]:{}", address.host, address.port)
               : fmt::format("{}:{}", address.host, address.port);
}

absl::StatusOr<int> Listen(const HostAndPort& address) {
  std::optional<SocketAddress> resolved = Resolve(address);
  if (!resolved) return InvalidArgumentError("\"{}\" is not a literal address", address.host);
  const int descriptor =
      socket(resolved->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return ListenFailure(errno, ToText(address));
  if (absl::Status status = BindAndListen(descriptor, *resolved, ToText(address)); !status.ok()) {
    close(descriptor);
    return status;
  }
  return descriptor;
}

std::string AddressOf(int socket, End end) { return ToText(EndOf(socket, end)); }

uint16_t LocalPort(int socket) { return EndOf(socket, End::kLocal).port; }

}  // namespace nokv::server
