// The simulated network itself: whether each fault is what it is called.
#include "tests/simulation/network.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace nokv::simulation {
namespace {

using transport::Connection;
using transport::ConnectionEvents;
using transport::Frame;
using transport::Lane;
using transport::Pieces;

// One end that writes down what it hears and says what it has to say when it may.
class Endpoint final : public ConnectionEvents {
 public:
  void OnWritable() override {
    is_writable = true;
    SayNext();
  }

  void OnReceived(Pieces frame) override {
    std::string text;
    for (std::string_view piece : frame) text += piece;
    heard.push_back(text);
  }

  void OnClosed(const absl::Status& why) override {
    REQUIRE_FALSE(why.ok());
    is_closed = true;
  }

  void Say(const std::string& text) {
    to_say.push_back(text);
    SayNext();
  }

  std::shared_ptr<Connection> connection;
  std::vector<std::string> heard;
  std::vector<std::string> to_say;
  size_t said = 0;
  bool is_writable = false;
  bool is_closed = false;

 private:
  void SayNext() {
    if (!is_writable || said == to_say.size()) return;
    is_writable = false;
    const std::string& text = to_say[said++];
    connection->Send({.slices = {raft::Payload(text)}, .size_bytes = text.size()});
  }
};

class OneEndpoint final : public transport::Acceptor {
 public:
  std::shared_ptr<ConnectionEvents> Accept(std::shared_ptr<Connection> connection) override {
    accepted = std::make_shared<Endpoint>();
    accepted->connection = std::move(connection);
    return accepted;
  }

  std::shared_ptr<Endpoint> accepted;
};

// Hosts 1 and 2, and a stream from one to the other.
struct Pair {
  explicit Pair(const NetworkOptions& options = {}) : queue(3), network(queue, options) {
    acceptor = std::make_shared<OneEndpoint>();
    network.Listen(2, "two", acceptor);
    caller = Call();
    queue.RunFor(absl::Milliseconds(10));
  }

  ~Pair() {
    network.Kill(1);
    network.Kill(2);
  }

  std::shared_ptr<Endpoint> Call() {
    auto endpoint = std::make_shared<Endpoint>();
    const auto view = network.ViewOf(1);
    endpoint->connection = view->Open("two", Lane::kControl, endpoint);
    return endpoint;
  }

  Endpoint& called() { return *acceptor->accepted; }

  EventQueue queue;
  SimNetwork network;
  std::shared_ptr<OneEndpoint> acceptor;
  std::shared_ptr<Endpoint> caller;
};

TEST_CASE("a stream keeps order in both directions, however late frames are", "[simulation]") {
  Pair pair(NetworkOptions{.late_per_mille = 300});
  std::vector<std::string> expected;
  for (int i = 0; i < 100; ++i) {
    expected.push_back(std::to_string(i));
    pair.caller->Say(expected.back());
    pair.called().Say(expected.back());
  }
  pair.queue.RunFor(absl::Seconds(60));
  REQUIRE(pair.called().heard == expected);
  REQUIRE(pair.caller->heard == expected);
}

TEST_CASE("what was said before closing arrives, then the end", "[simulation]") {
  Pair pair;
  pair.caller->Say("last words");
  pair.caller->connection->Close();
  pair.queue.RunFor(absl::Seconds(1));
  REQUIRE(pair.called().heard == std::vector<std::string>{"last words"});
  REQUIRE(pair.called().is_closed);
  REQUIRE_FALSE(pair.caller->is_closed);  // It knows.
}

TEST_CASE("where nobody listens a call ends soon, where nobody is only with patience",
          "[simulation]") {
  Pair pair;
  pair.network.Kill(2);
  const auto refused = pair.Call();
  pair.queue.RunFor(absl::Milliseconds(10));
  REQUIRE(refused->is_closed);
  pair.network.Listen(2, "two", pair.acceptor);
  pair.network.Vanish(2);
  const auto unanswered = pair.Call();
  pair.queue.RunFor(absl::Seconds(12));
  REQUIRE_FALSE(unanswered->is_closed);
  pair.queue.RunFor(absl::Seconds(2));
  REQUIRE(unanswered->is_closed);
}

TEST_CASE("a cut in one direction holds what goes there until it is healed", "[simulation]") {
  Pair pair;
  pair.network.Cut(1, 2);
  pair.caller->Say("a");
  pair.called().Say("b");
  pair.queue.RunFor(absl::Seconds(5));
  REQUIRE(pair.called().heard.empty());
  REQUIRE(pair.caller->heard == std::vector<std::string>{"b"});
  pair.network.Heal();
  pair.queue.RunFor(absl::Seconds(20));
  REQUIRE(pair.called().heard == std::vector<std::string>{"a"});
  REQUIRE_FALSE(pair.caller->is_closed);
}

TEST_CASE("a cut that stays ends streams by keep-alive, and what was held is lost",
          "[simulation]") {
  Pair pair;
  pair.network.Cut(1, 2);
  pair.caller->Say("a");
  pair.queue.RunFor(absl::Seconds(14));
  REQUIRE(pair.caller->is_closed);
  REQUIRE(pair.called().is_closed);
  pair.network.Heal();
  pair.queue.RunFor(absl::Seconds(5));
  REQUIRE(pair.called().heard.empty());
}

TEST_CASE("of a half-open stream one end goes on talking to nobody", "[simulation]") {
  Pair pair(NetworkOptions{.break_per_mille = 1000, .half_open_per_mille = 1000});
  pair.caller->Say("a");
  pair.queue.RunFor(absl::Seconds(5));
  REQUIRE(pair.caller->is_closed != pair.called().is_closed);
  Endpoint& deaf = pair.caller->is_closed ? pair.called() : *pair.caller;
  const size_t said = deaf.said;
  deaf.Say("b");
  deaf.Say("c");
  pair.queue.RunFor(absl::Seconds(1));
  REQUIRE(deaf.said == said + 2);
  pair.queue.RunFor(absl::Seconds(10));
  REQUIRE(deaf.is_closed);
  REQUIRE(pair.called().heard.empty());
  REQUIRE(pair.caller->heard.empty());
}

TEST_CASE("a full buffer is not writable until something has arrived", "[simulation]") {
  Pair pair(NetworkOptions{.buffer_bytes = 1000});
  pair.network.Cut(1, 2);
  for (int i = 0; i < 10; ++i) pair.caller->Say(std::string(400, 'x'));
  pair.queue.RunFor(absl::Seconds(1));
  REQUIRE(pair.caller->said == 3);
  REQUIRE(pair.network.BytesTo(2) == 1200);
  pair.network.Heal();
  pair.queue.RunFor(absl::Seconds(1));
  REQUIRE(pair.called().heard.size() == 10);
}

TEST_CASE("bandwidth is shared by the streams between two hosts", "[simulation]") {
  Pair pair(NetworkOptions{.bytes_per_second = 1000});
  const auto other = pair.Call();
  const auto first_called = pair.acceptor->accepted;
  pair.queue.RunFor(absl::Milliseconds(10));
  pair.caller->Say(std::string(1000, 'x'));
  other->Say(std::string(1000, 'y'));
  pair.queue.RunFor(absl::Milliseconds(1500));
  REQUIRE(first_called->heard.size() + pair.called().heard.size() == 1);
  pair.queue.RunFor(absl::Seconds(1));
  REQUIRE(first_called->heard.size() + pair.called().heard.size() == 2);
}

TEST_CASE("damage turns over one bit, and a repetition comes on the next stream", "[simulation]") {
  Pair pair(NetworkOptions{.damage_per_mille = 1000});
  pair.caller->Say("abc");
  pair.queue.RunFor(absl::Seconds(1));
  REQUIRE(pair.called().heard.size() == 1);
  REQUIRE(pair.called().heard[0].size() == 3);
  REQUIRE(pair.called().heard[0] != "abc");
  const std::string damaged = pair.called().heard[0];

  pair.network.set_options({.repeat_per_mille = 1000});
  const auto next = pair.Call();
  pair.queue.RunFor(absl::Milliseconds(10));
  next->Say("d");
  pair.queue.RunFor(absl::Seconds(1));
  std::vector<std::string> heard = pair.called().heard;
  REQUIRE(heard.size() == 2);
  REQUIRE(std::count(heard.begin(), heard.end(), "d") == 1);
  REQUIRE(std::count(heard.begin(), heard.end(), damaged) == 1);
}

}  // namespace
}  // namespace nokv::simulation
