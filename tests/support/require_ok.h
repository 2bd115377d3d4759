// Requires a status to be OK, and shows it if it is not.
//
// Thread-safety: as Catch2's assertions.
#pragma once

#include <absl/status/status.h>
#include <catch2/catch.hpp>

#define REQUIRE_OK(expression)                     \
  do {                                             \
    const absl::Status required_ok = (expression); \
    INFO(required_ok.ToString());                  \
    REQUIRE(required_ok.ok());                     \
  } while (false)
