// A backend over a cluster in one thread and virtual time, and the commands of its clients, for
// tests.
//
// Thread-safety: none.
#pragma once

#include "gateway/cluster/cluster_backend.h"
#include "gateway/server/client_round.h"
#include "percolator/client/test_world.h"

#include <catch2/catch.hpp>

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nokv::cluster {

using client::TestWorld;
using Fate = TestWorld::Fate;
using Words = std::vector<std::string>;

inline constexpr std::string_view kOk = "+OK\r\n";
inline constexpr std::string_view kNil = "$-1\r\n";

inline std::string Bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

struct Fixture {
  explicit Fixture(const ClusterOptions& options = {},
                   const std::vector<std::string>& borders = {"\xff", "\xffr\x01", "\xffs"})
      : world(borders),
        client({.network = world,
                .pd = world,
                .timer = world.time,
                .clock = world.time,
                .executor = world.time},
               {.key_owner = mvcc::KeyOwner::kSystem}),
        backend(client, world.time, world.time, options),
        host(world.time, backend),
        round(host) {}

  // Adds a command of the client to the round.
  void Add(uint64_t client_id, const Words& words) {
    command::Session& session = sessions[client_id];
    session.id = client_id;
    session.is_authenticated = true;
    const size_t first = round.words()->size();
    for (const std::string& word : words) {
      kept.push_back(word);
      round.words()->push_back(kept.back());
    }
    round.Add(session, first, words.size());
  }

  void Run() {
    bool is_done = false;
    backend.Execute(round, [&] { is_done = true; });
    REQUIRE(is_done);
    round.Clear();
  }

  std::string TakeReplies(uint64_t client_id) {
    return std::exchange(sessions[client_id].output, {});
  }

  // One command of the first client, in a round of its own.
  std::string operator()(const Words& words) {
    Add(1, words);
    Run();
    return TakeReplies(1);
  }

  TestWorld world;
  client::Client client;
  ClusterBackend backend;
  command::Host host;
  server::ClientRound round;
  std::map<uint64_t, command::Session> sessions;
  std::deque<std::string> kept;
};

}  // namespace nokv::cluster
