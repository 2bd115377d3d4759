// The event loop over real loopback sockets with a backend in memory. Each exchange is bounded by
// the sockets' receive timeout; nothing sleeps.
#include "gateway/server/server.h"

#include "engine/base/mutex.h"
#include "gateway/command/fake_keyspace.h"

#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace nokv::server {
namespace {

class MapBackend final : public backend::Backend {
 public:
  explicit MapBackend(Clock& clock) : keyspace_(clock) {}

  // With `from_elsewhere`, a round is finished by another thread after Execute() has returned.
  void Execute(backend::Round& round, std::function<void()> done) override {
    for (size_t i = 0; i < round.size(); ++i) {
      if (const absl::Status status = round.Run(i, keyspace_); !status.ok()) round.Fail(i, status);
      if (fails) round.Fail(i, ResourceExhaustedError("the disk is full"));
    }
    for (size_t i = 0; i < round.size() && runs_twice; ++i) {
      CHECK(round.Run(i, keyspace_).ok());
    }
    if (!finishes_elsewhere) return done();
    if (finisher_.joinable()) finisher_.join();
    finisher_ = std::thread(std::move(done));
  }

  backend::KeyCounts Counts(int) const override { return {}; }

  uint64_t expired_keys() const override { return 0; }

  ~MapBackend() override {
    if (finisher_.joinable()) finisher_.join();
  }

  std::atomic<bool> fails{false};
  std::atomic<bool> finishes_elsewhere{false};
  std::atomic<bool> runs_twice{false};

 private:
  command::FakeKeyspace keyspace_;
  std::thread finisher_;
};

class Peer {
 public:
  explicit Peer(uint16_t port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval timeout{.tv_sec = 10, .tv_usec = 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  }

  ~Peer() { close(socket_); }

  void Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(count));
    }
  }

  void FinishSending() { shutdown(socket_, SHUT_WR); }

  // `size` bytes, or what came before the end.
  std::string Receive(size_t size) {
    std::string bytes(size, '\0');
    size_t received = 0;
    while (received < size) {
      const ssize_t count = recv(socket_, bytes.data() + received, size - received, 0);
      if (count <= 0) break;
      received += static_cast<size_t>(count);
    }
    bytes.resize(received);
    return bytes;
  }

  std::string ReceiveToEnd() { return Receive(16 << 20); }

  std::string Ask(std::string_view request, size_t reply_bytes) {
    Send(request);
    return Receive(reply_bytes);
  }

 private:
  const int socket_;
};

class Fixture {
 public:
  explicit Fixture(const ServerOptions& options = {}, std::string_view password = "") {
    host.password = password;
    auto made = Server::Create({"127.0.0.1", 0}, options, host, backend, [this](const auto& line) {
      MutexLock lock(mutex_);
      log_ += line + "\n";
    });
    REQUIRE(made.ok());
    server = *std::move(made);
    loop_ = std::thread([this] { status_ = server->Run(); });
  }

  ~Fixture() { Stop(); }

  void Stop() {
    if (!loop_.joinable()) return;
    server->Stop();
    loop_.join();
    CHECK(status_.ok());
  }

  std::string log() {
    MutexLock lock(mutex_);
    return log_;
  }

  uint16_t port() const { return server->port(); }

  MapBackend backend{SystemClock()};
  command::Host host{SystemClock(), backend};
  std::unique_ptr<Server> server;

 private:
  std::thread loop_;
  absl::Status status_;
  Mutex mutex_;
  std::string log_;
};

std::string SetCommand(std::string_view key, std::string_view value) {
  return fmt::format("*3\r\n$3\r\nSET\r\n${}\r\n{}\r\n${}\r\n{}\r\n", key.size(), key, value.size(),
                     value);
}

TEST_CASE("replies come in the order of a pipeline", "[server]") {
  Fixture fixture;
  Peer peer(fixture.port());
  CHECK(peer.Ask("PING\r\nSET k 1\r\nINCR k\r\nGET k\r\n", 7 + 5 + 4 + 7) ==
        "+PONG\r\n+OK\r\n:2\r\n$1\r\n2\r\n");
}

TEST_CASE("a pipeline longer than a round is answered completely", "[server]") {
  Fixture fixture({.commands_per_round = 3, .round_commands_max = 5});
  Peer peer(fixture.port());
  Peer other(fixture.port());
  std::string request;
  std::string expected;
  for (int i = 1; i <= 1000; ++i) {
    request += "INCR n\r\n";
    expected += fmt::format(":{}\r\n", i);
  }
  CHECK(peer.Ask(request, expected.size()) == expected);
  CHECK(other.Ask("GET n\r\n", 10) == "$4\r\n1000\r\n");
}

TEST_CASE("a command may come byte by byte", "[server]") {
  Fixture fixture;
  Peer peer(fixture.port());
  for (const char c : SetCommand("k", "value")) peer.Send({&c, 1});
  CHECK(peer.Receive(5) == "+OK\r\n");
}

TEST_CASE("a value of megabytes goes in and out", "[server]") {
  Fixture fixture;
  Peer peer(fixture.port());
  const std::string big(5'000'000, 'b');
  CHECK(peer.Ask(SetCommand("k", big), 5) == "+OK\r\n");
  const std::string expected = fmt::format("${}\r\n{}\r\n", big.size(), big);
  CHECK(peer.Ask("GET k\r\n", expected.size()) == expected);
}

TEST_CASE("garbage closes the connection it came on, and no other", "[server]") {
  Fixture fixture;
  Peer good(fixture.port());
  Peer bad(fixture.port());
  bad.Send("PING\r\n*1\r\nnonsense\r\n");
  CHECK(bad.ReceiveToEnd() == "+PONG\r\n-ERR Protocol error: expected '$', got 'n'\r\n");
  CHECK(good.Ask("PING\r\n", 7) == "+PONG\r\n");
  CHECK(fixture.log().find("Protocol error: expected '$'") != std::string::npos);
  Peer browser(fixture.port());
  browser.Send("POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET k v\r\n");
  CHECK(browser.ReceiveToEnd().empty());
}

TEST_CASE("QUIT ends a connection and what is behind it", "[server]") {
  Fixture fixture;
  Peer peer(fixture.port());
  peer.Send("SET k 1\r\nQUIT\r\nSET k 2\r\n");
  CHECK(peer.ReceiveToEnd() == "+OK\r\n+OK\r\n");
  Peer other(fixture.port());
  CHECK(other.Ask("GET k\r\n", 7) == "$1\r\n1\r\n");
}

TEST_CASE("a client that has finished sending still gets its replies", "[server]") {
  Fixture fixture;
  Peer peer(fixture.port());
  peer.Send("SET k 1\r\nGET k\r\n");
  peer.FinishSending();
  CHECK(peer.ReceiveToEnd() == "+OK\r\n$1\r\n1\r\n");
}

TEST_CASE("a client that has finished sending gets the replies of later rounds too", "[server]") {
  Fixture fixture({.commands_per_round = 2});
  Peer peer(fixture.port());
  std::string request;
  std::string expected;
  for (int i = 1; i <= 500; ++i) {
    request += "INCR n\r\n";
    expected += fmt::format(":{}\r\n", i);
  }
  peer.Send(request);
  peer.FinishSending();
  CHECK(peer.ReceiveToEnd() == expected);
}

TEST_CASE("clients past the limit are told so", "[server]") {
  Fixture fixture({.clients_max = 1});
  Peer first(fixture.port());
  CHECK(first.Ask("PING\r\n", 7) == "+PONG\r\n");
  Peer second(fixture.port());
  CHECK(second.ReceiveToEnd() == "-ERR max number of clients reached\r\n");
  CHECK(first.Ask("PING\r\n", 7) == "+PONG\r\n");
}

TEST_CASE("a client that does not read its replies is disconnected", "[server]") {
  Fixture fixture({.output_pause_bytes = 1 << 20, .output_bytes_max = 16 << 20});
  Peer slow(fixture.port());
  CHECK(slow.Ask(SetCommand("k", std::string(1 << 20, 'v')), 5) == "+OK\r\n");
  std::string request;
  for (int i = 0; i < 64; ++i) request += "GET k\r\n";
  slow.Send(request);
  Peer other(fixture.port());
  CHECK(other.Ask("PING\r\n", 7) == "+PONG\r\n");
  CHECK(slow.Receive(64 << 20).size() < size_t{64} << 20);
  CHECK(fixture.log().find("does not read its replies") != std::string::npos);
}

TEST_CASE("an unfinished command may not grow past the query buffer", "[server]") {
  Fixture fixture({.query_bytes_max = 100'000});
  Peer peer(fixture.port());
  peer.Send("*2\r\n$4\r\nECHO\r\n$1000000\r\n" + std::string(500'000, 'x'));
  CHECK(peer.ReceiveToEnd().empty());
  CHECK(fixture.log().find("query buffer") != std::string::npos);
}

TEST_CASE("the password is asked for before anything large is believed", "[server]") {
  Fixture fixture({}, "secret");
  Peer peer(fixture.port());
  CHECK(peer.Ask("GET k\r\n", 34) == "-NOAUTH Authentication required.\r\n");
  // One piece: the large command is acceptable only because AUTH came before it.
  const std::string large = SetCommand("k", std::string(20'000, 'x'));
  CHECK(peer.Ask("AUTH secret\r\n" + large, 10) == "+OK\r\n+OK\r\n");
  Peer stranger(fixture.port());
  stranger.Send(large);
  CHECK(stranger.ReceiveToEnd() == "-ERR Protocol error: unauthenticated bulk length\r\n");
}

TEST_CASE("a round that another thread finishes is answered", "[server]") {
  Fixture fixture;
  fixture.backend.finishes_elsewhere = true;
  Peer a(fixture.port());
  Peer b(fixture.port());
  for (int i = 1; i <= 200; i += 2) {
    a.Send("INCR n\r\n");
    const std::string first = fmt::format(":{}\r\n", i);
    REQUIRE(a.Receive(first.size()) == first);
    const std::string second = fmt::format(":{}\r\n", i + 1);
    REQUIRE(b.Ask("INCR n\r\n", second.size()) == second);
  }
}

TEST_CASE("a failed command says why in place of its reply", "[server]") {
  Fixture fixture;
  Peer peer(fixture.port());
  fixture.backend.fails = true;
  const std::string failure = "-OOM NoKV: the disk is full\r\n";
  CHECK(peer.Ask("SET k 1\r\nSET k 2\r\n", 2 * failure.size()) == failure + failure);
  fixture.backend.fails = false;
  CHECK(peer.Ask("PING\r\n", 7) == "+PONG\r\n");
}

TEST_CASE("a command that runs again does so for the session as it was", "[server]") {
  Fixture fixture({}, "secret");
  Peer peer(fixture.port());
  CHECK(peer.Ask("AUTH secret\r\n", 5) == "+OK\r\n");
  fixture.backend.runs_twice = true;
  const std::string replies =
      "+OK\r\n+OK\r\n$1\r\n1\r\n+OK\r\n$-1\r\n:0\r\n+RESET\r\n-NOAUTH Authentication required.\r\n";
  CHECK(
      peer.Ask("SELECT 1\r\nSET k 1\r\nGET k\r\nSELECT 2\r\nGET k\r\nDBSIZE\r\nRESET\r\nGET k\r\n",
               replies.size()) == replies);
}

TEST_CASE("stopping answers what was asked", "[server]") {
  Fixture fixture;
  Peer peer(fixture.port());
  CHECK(peer.Ask("PING\r\n", 7) == "+PONG\r\n");
  fixture.Stop();
  fixture.server.reset();
  CHECK(peer.ReceiveToEnd().empty());
}

TEST_CASE("an address that can't be listened on is refused, with what to do", "[server]") {
  Fixture fixture;
  const absl::Status in_use = Listen({"127.0.0.1", fixture.port()}).status();
  CHECK(absl::IsAlreadyExists(in_use));
  CHECK_THAT(std::string(in_use.message()),
             Catch::StartsWith(
                 fmt::format("cannot listen on 127.0.0.1:{}: another program", fixture.port())) &&
                 Catch::Contains("stop it, or choose another --addr"));
  // Of a block that is kept for documentation.
  const absl::Status not_ours = Listen({"192.0.2.1", 0}).status();
  CHECK(absl::IsInvalidArgument(not_ours));
  CHECK_THAT(std::string(not_ours.message()),
             Catch::StartsWith("cannot listen on 192.0.2.1:0: this machine has no such address") &&
                 Catch::Contains("choose an --addr"));
}

TEST_CASE("addresses are read strictly", "[server]") {
  CHECK(ToText(*ParseAddress("127.0.0.1:6380")) == "127.0.0.1:6380");
  CHECK(ToText(*ParseAddress("[::1]:6380")) == "[::1]:6380");
  CHECK(ToText(*ParseAddress("localhost:1")) == "127.0.0.1:1");
  CHECK(ToText(*ParseAddress(":1")) == "0.0.0.0:1");
  for (const char* text : {"", "6380", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000",
                           "nowhere:1", "127.0.0.1:1 "}) {
    CAPTURE(text);
    CHECK_FALSE(ParseAddress(text).ok());
  }
}

}  // namespace
}  // namespace nokv::server
