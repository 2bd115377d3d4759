#include "cmd/nokv/expvar.h"

#include <catch2/catch.hpp>

namespace nokv::cli {
namespace {

TEST_CASE("an address with or without scheme and path leads to the same variables", "[cli]") {
  for (const char* url : {"127.0.0.1:9100", "http://127.0.0.1:9100", "http://127.0.0.1:9100/",
                          "http://127.0.0.1:9100/debug/vars"}) {
    CAPTURE(url);
    const auto address = ParseExpvarUrl(url);
    REQUIRE(address.ok());
    CHECK(address->origin == "http://127.0.0.1:9100");
    CHECK(address->path == "/debug/vars");
  }
}

TEST_CASE("what is no HTTP address is refused", "[cli]") {
  for (const char* url : {"", "http://", "/debug/vars", "https://127.0.0.1:9100", "ftp://host"}) {
    CAPTURE(url);
    CHECK(ParseExpvarUrl(url).status().code() == absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace nokv::cli
