#include "cmd/config/address.h"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <optional>
#include <utility>

namespace nokv::config {
namespace {

constexpr size_t kNameBytesMax = 253;  // RFC 1035, and so is the next.
constexpr size_t kLabelBytesMax = 63;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Underscores are not for host names, but container networks have them.
bool IsNameCharacter(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

bool IsLabel(std::string_view label) {
  return !label.empty() && label.size() <= kLabelBytesMax && label.front() != '-' &&
         label.back() != '-' && std::all_of(label.begin(), label.end(), IsNameCharacter);
}

bool IsName(std::string_view host) {
  if (host.size() > kNameBytesMax) return false;
  while (true) {
    const size_t dot = host.find('.');
    if (!IsLabel(host.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    host.remove_prefix(dot + 1);
  }
}

bool IsIp(int family, const std::string& host) {
  unsigned char bytes[sizeof(in6_addr)];
  return host.find('\0') == std::string::npos && inet_pton(family, host.c_str(), bytes) == 1;
}

// Digits and dots alone are meant to be an IPv4 address, never a name.
bool LooksLikeIpv4(std::string_view host) {
  return std::all_of(host.begin(), host.end(), [](char c) { return IsDigit(c) || c == '.'; });
}

std::optional<uint16_t> ParsePort(std::string_view text) {
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || parsed != end || port == 0) return std::nullopt;
  return port;
}

}  // namespace

absl::StatusOr<Address> ParseAddress(std::string_view text) {
  const bool has_brackets = text.starts_with('[');
  const size_t colon = text.rfind(':');
  const size_t bracket = text.rfind(']');
  if (colon == std::string_view::npos ||
      (has_brackets && bracket != std::string_view::npos && bracket > colon)) {
    return InvalidArgumentError("there is no port");
  }
  const std::optional<uint16_t> port = ParsePort(text.substr(colon + 1));
  if (!port) return InvalidArgumentError("the port is not from 1 to 65535");

  std::string host(text.substr(0, colon));
  if (host.empty()) return InvalidArgumentError("there is no host");
  if (has_brackets) {
    host = host.ends_with(']') ? host.substr(1, host.size() - 2) : "";
    if (!IsIp(AF_INET6, host)) return InvalidArgumentError("the host is not an IPv6 address");
  } else if (host.find(':') != std::string::npos) {
    return InvalidArgumentError("an IPv6 address stands in brackets");
  } else if (LooksLikeIpv4(host)) {
    if (!IsIp(AF_INET, host)) return InvalidArgumentError("the host is not an IPv4 address");
  } else if (!IsName(host)) {
    return InvalidArgumentError("the host is neither a name nor an address");
  }
  return Address{.host = std::move(host), .port = *port};
}

bool IsWildcard(const Address& address) {
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  if (!is_ipv6) return address.host == "0.0.0.0";
  return std::all_of(address.host.begin(), address.host.end(),
                     [](char c) { return c == '0' || c == ':'; });
}

}  // namespace nokv::config
