// A client in a TestWorld, for tests.
//
// Thread-safety: none.
#pragma once

#include "percolator/client/blocking_client.h"
#include "percolator/client/client.h"
#include "percolator/client/test_world.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace nokv::client {

struct Fixture {
  explicit Fixture(const std::vector<std::string>& borders = {}, const ClientOptions& options = {})
      : world(borders),
        client({.network = world,
                .pd = world,
                .timer = world.time,
                .clock = world.time,
                .executor = world.time},
               options),
        blocking(client, world.time) {}

  std::string Get(const std::string& key, absl::Duration timeout = kDefaultTimeout) {
    const auto value = blocking.Get({.key = key, .timeout = timeout});
    if (!value.ok()) return std::string(StdView(value.status().message()));
    return *value ? (*value)->bytes : "(absent)";
  }

  mvcc::Timestamp Put(const std::string& key, const std::string& value) {
    const auto outcome = blocking.Write({.key = key, .value = value});
    if (!outcome.ok()) FAIL(StdView(outcome.status().message()));
    return std::get<Committed>(*outcome).at;
  }

  mvcc::Timestamp Now() { return *blocking.DrawTimestamp(); }

  TestWorld world;
  Client client;
  BlockingClient blocking;
};

}  // namespace nokv::client
