// The client's end of KvBatch and the store's, with nothing but sockets between them.
#include "engine/base/mutex.h"
#include "engine/base/random.h"
#include "percolator/client/grpc/grpc_kv_network.h"
#include "raftstore/rpc/server.h"
#include "raftstore/rpc/testing/eventually.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace nokv {
namespace {

using rpc::testing::Eventually;

// A store of a single region that is never wrong: answers on a thread of its own, as a loop would.
class MapHandler final : public rpc::KvHandler {
 public:
  void Submit(kv::v1::Command command, rpc::KvDone done) override {
    executor_->Submit(Priority::kHigh, [this, command = std::move(command),
                                        done = std::move(done)] { done(Do(command)); });
  }

  size_t writes() const { return writes_; }

 private:
  kv::v1::CommandResult Do(const kv::v1::Command& command) {
    kv::v1::CommandResult result;
    if (command.has_prewrite()) {
      const kv::v1::Mutation& mutation = command.prewrite().mutations(0);
      values_[mutation.key()] = mutation.value();
      ++writes_;
      result.mutable_prewrite()->mutable_done()->set_one_phase_commit_ts(writes_);
    } else if (const auto found = values_.find(command.get().key()); found != values_.end()) {
      result.mutable_get()->mutable_found()->set_value(found->second);
    } else {
      result.mutable_get()->mutable_not_found();
    }
    return result;
  }

  std::map<std::string, std::string> values_;  // Of the executor's thread.
  std::atomic<size_t> writes_ = 0;
  std::unique_ptr<Executor> executor_ = NewThreadPool(1);
};

class NobodyCalls final : public transport::Acceptor {
 public:
  std::shared_ptr<transport::ConnectionEvents> Accept(
      std::shared_ptr<transport::Connection> connection) override {
    connection->Close();
    return nullptr;
  }
};

absl::StatusOr<std::unique_ptr<rpc::Server>> TryToServe(rpc::KvHandler& handler, uint16_t port,
                                                        std::shared_ptr<net::Poller> poller) {
  return rpc::Server::Start(
      {.address = fmt::format("127.0.0.1:{}", port)},
      {.handler = handler, .clock = SystemClock(), .acceptor = std::make_shared<NobodyCalls>()},
      std::move(poller));
}

std::unique_ptr<rpc::Server> Serve(rpc::KvHandler& handler, uint16_t port) {
  auto server = TryToServe(handler, port, net::Poller::OfServer());
  REQUIRE(server.ok());
  return *std::move(server);
}

kv::v1::Command Put(const std::string& key, const std::string& value) {
  kv::v1::Command command;
  kv::v1::Mutation& mutation = *command.mutable_prewrite()->add_mutations();
  mutation.set_key(key);
  mutation.set_value(value);
  return command;
}

kv::v1::Command Get(const std::string& key) {
  kv::v1::Command command;
  command.mutable_get()->set_key(key);
  return command;
}

std::string KeyOf(size_t i) { return fmt::format("key{:06}", i); }

std::string ValueOf(size_t i) {
  return std::string(i % 50 == 0 ? 100'000 : i % 300, static_cast<char>('a' + i % 26));
}

TEST_CASE("thousands of commands pass at once, and each gets its own answer", "[rpc][sockets]") {
  MapHandler handler;
  const auto server = Serve(handler, 0);
  const std::string address = fmt::format("127.0.0.1:{}", server->port());
  const auto executor = NewThreadPool(1);
  std::atomic<size_t> answered = 0;
  std::atomic<size_t> wrong = 0;
  constexpr size_t kKeys = 3'000;
  client::GrpcKvNetwork network({}, *executor, SystemClock(), net::Poller::OfCalls());
  for (size_t i = 0; i < kKeys; ++i) {
    network.Call(address, Put(KeyOf(i), ValueOf(i)), absl::Seconds(20), [&](const auto& answer) {
      wrong += answer.ok() && answer->prewrite().has_done() ? 0 : 1;
      ++answered;
    });
  }
  REQUIRE(Eventually([&] { return answered == kKeys; }));
  for (size_t i = 0; i < 2 * kKeys; ++i) {
    network.Call(address, Get(KeyOf(i)), absl::Seconds(20), [&, i](const auto& answer) {
      const bool is_right = answer.ok() && (i < kKeys ? answer->get().found().value() == ValueOf(i)
                                                      : answer->get().has_not_found());
      wrong += is_right ? 0 : 1;
      ++answered;
    });
  }
  REQUIRE(Eventually([&] { return answered == 3 * kKeys; }));
  CHECK(wrong == 0);
  CHECK(handler.writes() == kKeys);
}

TEST_CASE("who shares a poller with others begins and ends by himself", "[rpc][sockets]") {
  MapHandler handler;
  const auto other = Serve(handler, 0);
  const std::string address = fmt::format("127.0.0.1:{}", other->port());
  const auto executor = NewThreadPool(1);
  const auto poller = net::Poller::OfServer();
  client::GrpcKvNetwork network({}, *executor, SystemClock(), poller);
  std::atomic<size_t> served = 0;
  const auto is_served = [&] {
    const size_t before = served;
    network.Call(address, Put("k", "v"), absl::Seconds(20),
                 [&](const auto& answer) { served += answer.ok() ? 1 : 0; });
    return Eventually([&] { return served > before; });
  };
  REQUIRE(is_served());  // Before anybody serves on it.
  {
    client::GrpcKvNetwork brief({}, *executor, SystemClock(), poller);
    for (int i = 0; i < 100; ++i) {
      brief.Call(i % 2 == 0 ? address : "127.0.0.1:1", Put("k", "v"), absl::Seconds(20),
                 [](const auto&) {});
    }
  }
  REQUIRE(is_served());
  SECTION("a server that can't begin") {
    REQUIRE_FALSE(TryToServe(handler, other->port(), poller).ok());
  }
  SECTION("a server that begins and ends") {
    auto server = *TryToServe(handler, 0, poller);
    REQUIRE(is_served());
    server.reset();
  }
  REQUIRE(is_served());
}

TEST_CASE("a store that goes and comes back answers every call or none, never twice",
          "[rpc][sockets]") {
  MapHandler handler;
  auto server = Serve(handler, 0);
  const uint16_t port = server->port();
  const std::string address = fmt::format("127.0.0.1:{}", port);
  const auto executor = NewThreadPool(1);
  std::atomic<size_t> called = 0;
  std::atomic<size_t> answered = 0;
  std::atomic<size_t> served = 0;
  client::GrpcKvNetwork network({}, *executor, SystemClock(), net::Poller::OfCalls());
  const auto call = [&](int count) {
    for (int i = 0; i < count; ++i) {
      ++called;
      network.Call(address, Put("k", "v"), absl::Seconds(20), [&](const auto& answer) {
        served += answer.ok() ? 1 : 0;
        ++answered;
      });
    }
  };
  for (int round = 0; round < 10; ++round) {
    const size_t before = served;
    REQUIRE(Eventually([&] {
      call(1);
      return served > before;
    }));
    call(200);
    server.reset();
    call(20);
    REQUIRE(Eventually([&] { return answered == called; }));
    server = Serve(handler, port);
  }
  CHECK(served <= handler.writes());
  CHECK(answered == called);
}

}  // namespace
}  // namespace nokv
