#include "raftstore/rpc/raft_network.h"

#include "proto/raft.grpc.pb.h"
#include "raftstore/rpc/server.h"
#include "raftstore/rpc/testing/eventually.h"
#include "raftstore/transport/transport.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace nokv::rpc {
namespace {

using testing::Eventually;
using transport::Envelope;
using transport::StoreId;

class NoCommands final : public KvHandler {
 public:
  void Submit(kv::v1::Command, KvDone) override {}
};

class Addresses final : public transport::Resolver {
 public:
  void Resolve(StoreId store,
               std::function<void(const absl::StatusOr<std::string>&)> done) override {
    std::string address;
    {
      MutexLock lock(mutex_);
      address = fmt::format("127.0.0.1:{}", ports_[store]);
    }
    done(address);
  }

  void Set(StoreId store, uint16_t port) {
    MutexLock lock(mutex_);
    ports_[store] = port;
  }

  uint16_t port(StoreId store) {
    MutexLock lock(mutex_);
    return ports_[store];
  }

 private:
  Mutex mutex_;
  std::map<StoreId, uint16_t> ports_ ABSL_GUARDED_BY(mutex_);
};

class Messages final : public transport::Inbox {
 public:
  void OnMessages(StoreId, std::vector<Envelope> messages) override {
    MutexLock lock(mutex_);
    for (Envelope& message : messages) taken_.push_back(std::move(message));
  }

  void OnUndelivered(StoreId, std::vector<transport::Undelivered> undelivered) override {
    MutexLock lock(mutex_);
    undelivered_ += undelivered.size();
  }

  std::vector<Envelope> taken() {
    MutexLock lock(mutex_);
    return taken_;
  }

  size_t count() {
    MutexLock lock(mutex_);
    return taken_.size();
  }

  size_t undelivered() {
    MutexLock lock(mutex_);
    return undelivered_;
  }

 private:
  Mutex mutex_;
  std::vector<Envelope> taken_ ABSL_GUARDED_BY(mutex_);
  size_t undelivered_ ABSL_GUARDED_BY(mutex_) = 0;
};

transport::Options QuickOptions() {
  transport::Options options;
  options.backoff_min = absl::Milliseconds(1);
  options.backoff_max = absl::Milliseconds(5);
  return options;
}

// A store that has nothing but its transport.
class Store {
 public:
  Store(StoreId id, uint64_t incarnation, uint16_t port, Addresses& addresses)
      : executor_(NewThreadPool(1)), random_(id) {
    auto transport = transport::Transport::Create(
        {.cluster = 7, .store = id, .incarnation = incarnation}, QuickOptions(),
        {.network = network_,
         .resolver = addresses,
         .executor = *executor_,
         .clock = SystemClock(),
         .inbox = messages,
         .random = random_});
    REQUIRE(transport.ok());
    transport_ = *std::move(transport);
    auto server = Server::Start(
        {.address = fmt::format("127.0.0.1:{}", port)},
        {.handler = no_commands_, .clock = SystemClock(), .acceptor = transport_->acceptor()},
        poller_);
    INFO(server.status().ToString());
    REQUIRE(server.ok());
    server_ = *std::move(server);
    addresses.Set(id, server_->port());
  }

  ~Store() {
    transport_->Close();
    server_.reset();
    executor_.reset();
  }

  transport::Transport& transport() { return *transport_; }

  Messages messages;

 private:
  NoCommands no_commands_;
  const std::shared_ptr<net::Poller> poller_ = net::Poller::OfServer();
  RaftNetwork network_{poller_};
  std::unique_ptr<Executor> executor_;
  Random random_;
  std::unique_ptr<transport::Transport> transport_;
  std::unique_ptr<Server> server_;
};

Envelope Heartbeat(uint64_t round) {
  Envelope envelope{.region = 5};
  envelope.message.type = raft::MessageType::kHeartbeat;
  envelope.message.from = 1;
  envelope.message.to = 2;
  envelope.message.round = round;
  return envelope;
}

Envelope Append(uint64_t index, const std::string& bytes) {
  Envelope envelope{.region = 5};
  envelope.message.type = raft::MessageType::kAppend;
  envelope.message.from = 1;
  envelope.message.to = 2;
  envelope.message.log_index = index - 1;
  envelope.message.entries.push_back({.index = index, .term = 3, .data = raft::Payload(bytes)});
  return envelope;
}

// Until one has come: the first ones may meet a pause.
void SayUntilHeard(Store& from, StoreId to, Store& heard) {
  const size_t before = heard.messages.count();
  REQUIRE(Eventually([&] {
    from.transport().Send(to, {Heartbeat(1)});
    return heard.messages.count() > before;
  }));
}

TEST_CASE("messages go both ways over sockets, small and large, unchanged and in order",
          "[rpc][sockets]") {
  Addresses addresses;
  Store one(1, 1, 0, addresses);
  Store two(2, 1, 0, addresses);

  constexpr uint64_t kCount = 300;
  std::vector<std::string> bytes;
  for (uint64_t i = 1; i <= kCount; ++i) {
    bytes.push_back(std::string(i % 10 == 0 ? 200'000 : i * 3, static_cast<char>('a' + i % 26)));
  }
  for (uint64_t i = 1; i <= kCount; ++i) {
    one.transport().Send(2, {Append(i, bytes[i - 1])});
    two.transport().Send(1, {Heartbeat(i)});
  }
  REQUIRE(
      Eventually([&] { return two.messages.count() == kCount && one.messages.count() == kCount; }));
  const std::vector<Envelope> appends = two.messages.taken();
  const std::vector<Envelope> heartbeats = one.messages.taken();
  for (uint64_t i = 0; i < kCount; ++i) {
    REQUIRE(appends[i].message.entries.size() == 1);
    REQUIRE(appends[i].message.entries[0].data.view() == bytes[i]);
    REQUIRE(heartbeats[i].message.round == i + 1);
  }
}

TEST_CASE("a message as large as the transport allows passes", "[rpc][sockets]") {
  Addresses addresses;
  Store one(1, 1, 0, addresses);
  Store two(2, 1, 0, addresses);
  const std::string large(11 << 20, 'L');
  one.transport().Send(2, {Append(1, large)});
  REQUIRE(Eventually([&] { return two.messages.count() == 1; }));
  CHECK(two.messages.taken()[0].message.entries[0].data.view() == large);
}

TEST_CASE("a store that dies is noticed, and found again when it is back", "[rpc][sockets]") {
  Addresses addresses;
  Store one(1, 1, 0, addresses);
  auto two = std::make_unique<Store>(2, 1, 0, addresses);
  SayUntilHeard(one, 2, *two);
  const uint16_t port = addresses.port(2);

  two.reset();
  REQUIRE(Eventually([&] {
    one.transport().Send(2, {Heartbeat(2)});
    return one.messages.undelivered() > 0;
  }));

  SECTION("at its old address") { two = std::make_unique<Store>(2, 2, port, addresses); }
  SECTION("at another address") { two = std::make_unique<Store>(2, 2, 0, addresses); }
  SayUntilHeard(one, 2, *two);
}

TEST_CASE("a dead store does not hold up what goes to others", "[rpc][sockets]") {
  Addresses addresses;
  Store one(1, 1, 0, addresses);
  Store two(2, 1, 0, addresses);
  addresses.Set(3, 1);  // Nobody listens there.
  for (uint64_t i = 1; i <= 100; ++i) {
    one.transport().Send(3, {Heartbeat(i)});
    one.transport().Send(2, {Heartbeat(i)});
  }
  REQUIRE(Eventually([&] { return two.messages.count() == 100; }));
  REQUIRE(Eventually([&] { return one.messages.undelivered() > 0; }));
}

TEST_CASE("a store is told why it is refused: an older incarnation of itself", "[rpc][sockets]") {
  Addresses addresses;
  Store two(2, 1, 0, addresses);
  Store newer(1, 9, 0, addresses);
  SayUntilHeard(newer, 2, two);
  Store older(1, 8, 0, addresses);
  older.transport().Send(2, {Heartbeat(1)});
  REQUIRE(Eventually([&] { return two.transport().receiver().refused > 0; }));
  REQUIRE(Eventually([&] {
    for (const transport::LaneStatus& lane : older.transport().lanes()) {
      if (lane.last_error.find("incarnation") != std::string::npos) return true;
    }
    return false;
  }));
}

TEST_CASE("a stranger's bytes end its stream and nothing else", "[rpc][sockets]") {
  Addresses addresses;
  Store one(1, 1, 0, addresses);
  Store two(2, 1, 0, addresses);
  SayUntilHeard(one, 2, two);

  const auto channel = net::NewChannel(fmt::format("127.0.0.1:{}", addresses.port(2)), {});
  for (const std::string& bytes : {std::string(), std::string("hello"), std::string(1000, '\0')}) {
    grpc::ClientContext context;
    const auto stream = raft::v1::RaftTransport::NewStub(channel)->Stream(&context);
    raft::v1::Frame frame;
    frame.set_frame(bytes);
    stream->Write(frame);
    raft::v1::Frame answer;
    while (stream->Read(&answer)) {
    }
    stream->Finish();  // That it ends is what is tested.
  }
  const size_t before = two.messages.count();
  one.transport().Send(2, {Heartbeat(5)});
  REQUIRE(Eventually([&] { return two.messages.count() > before; }));
}

TEST_CASE("stores end while messages are on their way", "[rpc][sockets]") {
  for (int i = 0; i < 20; ++i) {
    Addresses addresses;
    auto one = std::make_unique<Store>(1, 1, 0, addresses);
    auto two = std::make_unique<Store>(2, 1, 0, addresses);
    for (uint64_t n = 1; n <= 20; ++n) {
      one->transport().Send(2, {Append(n, std::string(50'000, 'x'))});
      two->transport().Send(1, {Heartbeat(n)});
    }
    (i % 2 == 0 ? one : two).reset();
  }
}

}  // namespace
}  // namespace nokv::rpc
