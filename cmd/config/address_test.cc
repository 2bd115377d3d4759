#include "cmd/config/address.h"

#include <catch2/catch.hpp>

namespace nokv::config {
namespace {

std::string Reason(std::string_view text) {
  return std::string(StdView(ParseAddress(text).status().message()));
}

TEST_CASE("an address is a host and a port", "[config]") {
  const auto check = [](std::string_view text, std::string_view host, int port) {
    CAPTURE(text);
    const auto address = ParseAddress(text);
    REQUIRE(address.ok());
    CHECK(address->host == host);
    CHECK(address->port == port);
  };
  check("127.0.0.1:1", "127.0.0.1", 1);
  check("0.0.0.0:65535", "0.0.0.0", 65535);
  check("[::1]:20160", "::1", 20160);
  check("[fe80::1:2]:80", "fe80::1:2", 80);
  check("localhost:80", "localhost", 80);
  check("nokv-node1:20160", "nokv-node1", 20160);
  check("a_b.example.com:80", "a_b.example.com", 80);
  check("3com:80", "3com", 80);
  check(std::string(63, 'a') + ":1", std::string(63, 'a'), 1);
}

TEST_CASE("what is no address is refused with the reason", "[config]") {
  for (const char* text : {"", "host", "127.0.0.1", "[::1]"}) {
    CAPTURE(text);
    CHECK(Reason(text) == "there is no port");
  }
  for (const char* text : {"h:", "h:0", "h:65536", "h:-1", "h:+1", "h: 1", "h:1 ", "h:1x", "h:1e3",
                           "h:99999999999999999999"}) {
    CAPTURE(text);
    CHECK(Reason(text) == "the port is not from 1 to 65535");
  }
  CHECK(Reason(":80") == "there is no host");
  for (const char* text : {"[]:80", "[::1:80", "[1.2.3.4]:80", "[::1]x:80", "[::g]:80"}) {
    CAPTURE(text);
    CHECK(Reason(text) == "the host is not an IPv6 address");
  }
  CHECK(Reason("::1:80") == "an IPv6 address stands in brackets");
  for (const char* text : {"256.0.0.1:80", "1.2.3:80", "1:80", "1.2.3.4.5:80", ".:80"}) {
    CAPTURE(text);
    CHECK(Reason(text) == "the host is not an IPv4 address");
  }
  for (const std::string& text :
       {std::string("a b:80"), std::string("a..b:80"), std::string("-a:80"), std::string("a-:80"),
        std::string(".a:80"), std::string("a.:80"), std::string("http//a:80"),
        std::string("a\0b:80", 6), std::string("\xc3\xa4:80"), std::string(64, 'a') + ":80",
        "a" + std::string(126, '.') + ":80"}) {
    CAPTURE(text);
    CHECK(Reason(text) == "the host is neither a name nor an address");
  }
  std::string longest = "a";
  while (longest.size() < 253) longest += ".a";
  CHECK(ParseAddress(longest + ":80").ok());
  CHECK_FALSE(ParseAddress(longest + ".a:80").ok());
}

TEST_CASE("a wildcard stands for every address of a machine", "[config]") {
  CHECK(IsWildcard(ParseAddress("0.0.0.0:1").value()));
  CHECK(IsWildcard(ParseAddress("[::]:1").value()));
  CHECK(IsWildcard(ParseAddress("[0:0:0:0:0:0:0:0]:1").value()));
  CHECK_FALSE(IsWildcard(ParseAddress("127.0.0.1:1").value()));
  CHECK_FALSE(IsWildcard(ParseAddress("[::1]:1").value()));
  CHECK_FALSE(IsWildcard(ParseAddress("a:1").value()));
}

}  // namespace
}  // namespace nokv::config
