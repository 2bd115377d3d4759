#include "percolator/client/grpc/grpc_kv_network.h"

#include "engine/base/mutex.h"
#include "proto/kv.grpc.pb.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace nokv::client {
namespace {

using kv::v1::Command;
using kv::v1::CommandResult;

template <typename Condition>
bool Eventually(const Condition& condition) {
  constexpr int kTries = 20'000;
  for (int i = 0; i < kTries; ++i) {
    if (condition()) return true;
    SystemClock().SleepFor(absl::Milliseconds(1));
  }
  return condition();
}

// A store that answers a get with its key; some keys mean something else.
class FakeStore final : public kv::v1::Kv::Service {
 public:
  explicit FakeStore(int port = 0) {
    grpc::ServerBuilder builder;
    net::Listen(builder, fmt::format("127.0.0.1:{}", port), {}, &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    REQUIRE(server_ != nullptr);
  }

  ~FakeStore() override { server_->Shutdown(gpr_inf_past(GPR_CLOCK_MONOTONIC)); }

  grpc::Status KvBatch(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<kv::v1::KvBatchResponse, kv::v1::KvBatchRequest>* stream) override {
    kv::v1::KvBatchRequest request;
    while (stream->Read(&request)) {
      kv::v1::KvBatchResponse response;
      for (const Command& command : request.commands()) {
        const std::string& key = command.get().key();
        if (key == "end") return {grpc::StatusCode::ABORTED, "as you wish"};
        Count(command);
        if (key == "never") continue;
        CommandResult& result = *response.add_results();
        result.set_id(command.id());
        if (key == "unknown") {
          result.mutable_unknown()->set_message("leadership was lost");
        } else {
          result.mutable_get()->mutable_found()->set_value(key);
        }
      }
      CommandResult& nobodys = *response.add_results();  // Nobody waits for it.
      nobodys.set_id(1'000'000'007);
      {
        MutexLock lock(mutex_);
        ++messages_;
      }
      stream->Write(response);
    }
    return grpc::Status::OK;
  }

  std::string address() const { return fmt::format("127.0.0.1:{}", port_); }

  int port() const { return port_; }

  size_t messages() {
    MutexLock lock(mutex_);
    return messages_;
  }

  size_t commands() {
    MutexLock lock(mutex_);
    return commands_;
  }

 private:
  void Count(const Command&) {
    MutexLock lock(mutex_);
    ++commands_;
  }

  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;

  Mutex mutex_;
  size_t messages_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t commands_ ABSL_GUARDED_BY(mutex_) = 0;
};

Command Get(const std::string& key) {
  Command command;
  command.mutable_get()->set_key(key);
  return command;
}

// A network and what its calls were answered, by number of the call.
class Caller {
 public:
  explicit Caller(const GrpcKvOptions& options = {})
      : executor_(NewThreadPool(1)),
        network_(std::make_unique<GrpcKvNetwork>(options, *executor_, SystemClock(),
                                                 net::Poller::OfCalls())) {
    REQUIRE(Validate(options).ok());
  }

  ~Caller() {
    network_.reset();
    executor_.reset();  // Runs what was answered.
  }

  size_t Call(const std::string& address, const std::string& key,
              absl::Duration timeout = absl::Seconds(20)) {
    size_t number = 0;
    {
      MutexLock lock(mutex_);
      number = made_++;
    }
    network_->Call(address, Get(key), timeout, [this, number](auto answer) {
      MutexLock lock(mutex_);
      ++answers_;
      is_twice_ |= !by_number_.emplace(number, std::move(answer)).second;
    });
    return number;
  }

  absl::StatusOr<CommandResult> Wait(size_t number) {
    REQUIRE(Eventually([&] {
      MutexLock lock(mutex_);
      return by_number_.contains(number);
    }));
    MutexLock lock(mutex_);
    return by_number_.at(number);
  }

  absl::StatusOr<CommandResult> Ask(const std::string& address, const std::string& key) {
    return Wait(Call(address, key));
  }

  void EndNetwork() { network_.reset(); }

  size_t answers() {
    MutexLock lock(mutex_);
    return answers_;
  }

  bool is_twice() {
    MutexLock lock(mutex_);
    return is_twice_;
  }

 private:
  Mutex mutex_;
  size_t made_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t answers_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_twice_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<size_t, absl::StatusOr<CommandResult>> by_number_ ABSL_GUARDED_BY(mutex_);

  std::unique_ptr<Executor> executor_;
  std::unique_ptr<GrpcKvNetwork> network_;
};

TEST_CASE("calls to one store share messages, and each gets its own answer", "[client][sockets]") {
  FakeStore store;
  Caller caller;
  constexpr size_t kCalls = 5'000;
  for (size_t i = 0; i < kCalls; ++i) caller.Call(store.address(), fmt::format("key{}", i));
  REQUIRE(Eventually([&] { return caller.answers() == kCalls; }));
  for (size_t i = 0; i < kCalls; ++i) {
    const absl::StatusOr<CommandResult> answer = caller.Wait(i);
    REQUIRE(answer.ok());
    REQUIRE(answer->get().found().value() == fmt::format("key{}", i));
  }
  CHECK_FALSE(caller.is_twice());
  CHECK(store.messages() < kCalls / 4);
}

TEST_CASE("a call to several stores at once goes to each", "[client][sockets]") {
  FakeStore one;
  FakeStore two;
  Caller caller;
  const size_t a = caller.Call(one.address(), "a");
  const size_t b = caller.Call(two.address(), "b");
  CHECK(caller.Wait(a)->get().found().value() == "a");
  CHECK(caller.Wait(b)->get().found().value() == "b");
  CHECK(one.commands() == 1);
  CHECK(two.commands() == 1);
}

TEST_CASE("a call that is not answered ends with its time, the others go on", "[client][sockets]") {
  FakeStore store;
  Caller caller;
  const size_t never = caller.Call(store.address(), "never", absl::Milliseconds(30));
  CHECK(absl::IsDeadlineExceeded(caller.Wait(never).status()));
  CHECK_FALSE(WasNotSent(caller.Wait(never).status()));
  CHECK(caller.Ask(store.address(), "a")->get().found().value() == "a");
}

TEST_CASE("an outcome that nobody knows is no answer", "[client][sockets]") {
  FakeStore store;
  Caller caller;
  const absl::Status status = caller.Ask(store.address(), "unknown").status();
  CHECK(absl::IsUnavailable(status));
  CHECK(StdView(status.message()).find("leadership was lost") != std::string_view::npos);
}

TEST_CASE("a store that is not there fails calls at once, and is found when it comes",
          "[client][sockets]") {
  int port = 0;
  {
    FakeStore store;
    port = store.port();
  }
  const std::string address = fmt::format("127.0.0.1:{}", port);
  Caller caller;
  for (int i = 0; i < 20; ++i) {
    const absl::Status status = caller.Ask(address, "a").status();
    CHECK(absl::IsUnavailable(status));
    CHECK(WasNotSent(status));
  }

  FakeStore store(port);
  REQUIRE(Eventually([&] { return caller.Ask(address, "a").ok(); }));
}

TEST_CASE("a stream that breaks fails what was under way, and the next one works",
          "[client][sockets]") {
  FakeStore store;
  Caller caller;
  REQUIRE(caller.Ask(store.address(), "a").ok());
  std::vector<size_t> calls;
  for (int i = 0; i < 100; ++i) calls.push_back(caller.Call(store.address(), "never"));
  caller.Call(store.address(), "end");
  for (const size_t call : calls) {
    CHECK(absl::IsUnavailable(caller.Wait(call).status()));
    CHECK_FALSE(WasNotSent(caller.Wait(call).status()));
  }
  REQUIRE(Eventually([&] { return caller.Ask(store.address(), "a").ok(); }));
}

TEST_CASE("a command that no message can carry is refused", "[client][sockets]") {
  FakeStore store;
  Caller caller;
  const absl::Status refusal = caller.Ask(store.address(), std::string(8 << 20, 'x')).status();
  CHECK(absl::IsInvalidArgument(refusal));
  CHECK(WasNotSent(refusal));
  CHECK(caller.Ask(store.address(), std::string(7 << 20, 'x')).ok());
}

TEST_CASE("no more calls wait for a store than there may", "[client][sockets]") {
  FakeStore store;
  Caller caller({.calls_max = 10});
  for (int i = 0; i < 10; ++i) caller.Call(store.address(), "never");
  CHECK(absl::IsUnavailable(caller.Ask(store.address(), "a").status()));
}

TEST_CASE("addresses that nobody calls any more make room for others", "[client][sockets]") {
  FakeStore one;
  FakeStore two;
  Caller caller({.stores_max = 1});
  CHECK(caller.Ask(one.address(), "a").ok());
  CHECK(caller.Ask(two.address(), "a").ok());
  caller.Call(two.address(), "never");
  CHECK(absl::IsUnavailable(caller.Ask(one.address(), "a").status()));
}

TEST_CASE("what waits when the network ends is forgotten", "[client][sockets]") {
  FakeStore store;
  Caller caller;
  REQUIRE(caller.Ask(store.address(), "a").ok());
  for (int i = 0; i < 100; ++i) caller.Call(store.address(), "never");
  caller.EndNetwork();
  CHECK(caller.answers() == 1);
}

TEST_CASE("options that cannot be are named", "[client]") {
  CHECK(Validate({}).ok());
  CHECK(absl::IsInvalidArgument(Validate({.backoff_min = absl::ZeroDuration()})));
  CHECK(absl::IsInvalidArgument(Validate({.timeout_grain = absl::ZeroDuration()})));
  CHECK(absl::IsInvalidArgument(Validate({.calls_max = 0})));
}

}  // namespace
}  // namespace nokv::client
