// What clients can make the Kv service hold.
#include "raftstore/rpc/batch_shape.h"
#include "raftstore/rpc/kv_service.h"
#include "raftstore/rpc/test_world.h"
#include "raftstore/rpc/testing/eventually.h"

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace nokv::rpc {
namespace {

using kv::v1::CommandResult;
using testing::Eventually;

TEST_CASE("more streams than there may be are refused, until one ends", "[rpc][sockets]") {
  World world({.streams_max = 1});
  auto context = std::make_unique<grpc::ClientContext>();
  auto stream = world.stub->KvBatch(context.get());
  kv::v1::KvBatchRequest request;
  *request.add_commands() = Get(1, "a");
  kv::v1::KvBatchResponse response;
  REQUIRE(stream->Write(request));
  REQUIRE(stream->Read(&response));
  {
    grpc::ClientContext second;
    const auto refused = world.stub->KvBatch(&second);
    CHECK_FALSE(refused->Read(&response));
    CHECK(refused->Finish().error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  }
  stream->WritesDone();
  CHECK(stream->Finish().ok());
  REQUIRE(Eventually([&] {
    grpc::ClientContext third;
    const auto next = world.stub->KvBatch(&third);
    const bool is_served = next->Write(request) && next->Read(&response);
    third.TryCancel();
    next->Finish();
    return is_served;
  }));
}

// A clock that the test moves while the server reads it.
class HandClock final : public Clock {
 public:
  uint64_t WallMillis() override { return SystemClock().WallMillis(); }

  uint64_t MonotonicNanos() override { return nanos_; }

  void SleepFor(absl::Duration duration) override { Advance(duration); }

  void Advance(absl::Duration duration) {
    nanos_ += static_cast<uint64_t>(absl::ToInt64Nanoseconds(duration));
  }

 private:
  std::atomic<uint64_t> nanos_ = 0;
};

// A stream of its own connection, or of a shared one, which says what it is told to say.
struct Caller {
  explicit Caller(World& world, bool has_own_connection = false)
      : channel(has_own_connection ? net::NewChannel(world.address, {}) : world.channel),
        stub(kv::v1::Kv::NewStub(channel)) {
    context.set_deadline(std::chrono::system_clock::time_point(
        std::chrono::milliseconds(SystemClock().WallMillis() + 20'000)));
    stream = stub->KvBatch(&context);
  }

  ~Caller() {
    context.TryCancel();
    if (!is_finished) stream->Finish();
  }

  bool Ask() {
    kv::v1::KvBatchRequest request;
    *request.add_commands() = Get(1, "a");
    kv::v1::KvBatchResponse response;
    return stream->Write(request) && stream->Read(&response);
  }

  // How the server ends it.
  grpc::StatusCode End() {
    kv::v1::KvBatchResponse response;
    while (stream->Read(&response)) {
    }
    is_finished = true;
    return stream->Finish().error_code();
  }

  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<kv::v1::Kv::Stub> stub;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReaderWriter<kv::v1::KvBatchRequest, kv::v1::KvBatchResponse>> stream;
  bool is_finished = false;
};

TEST_CASE("no connection and no host takes the streams of all others", "[rpc][sockets]") {
  World world({.host_streams_max = 3, .connection_streams_max = 2});
  Caller a(world);
  Caller b(world);
  REQUIRE(a.Ask());
  REQUIRE(b.Ask());
  CHECK(Caller(world).End() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  {
    Caller elsewhere(world, true);
    REQUIRE(elsewhere.Ask());
    CHECK(Caller(world, true).End() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  }
  CHECK(Eventually([&] { return Caller(world, true).Ask(); }));
  CHECK(a.Ask());
}

TEST_CASE("streams that say nothing for long give way to others", "[rpc][sockets]") {
  HandClock clock;
  World world({.streams_max = 4, .idle_time_max = absl::Minutes(10)}, clock);
  Caller idle(world);
  Caller busy(world);
  REQUIRE(idle.Ask());
  REQUIRE(busy.Ask());
  clock.Advance(absl::Minutes(11));
  REQUIRE(busy.Ask());
  Caller third(world);
  REQUIRE(third.Ask());  // There is room for all.
  REQUIRE(idle.Ask());
  clock.Advance(absl::Minutes(11));
  REQUIRE(busy.Ask());
  REQUIRE(third.Ask());
  Caller fourth(world);
  REQUIRE(fourth.Ask());
  CHECK(idle.End() == grpc::StatusCode::UNAVAILABLE);
  CHECK(busy.Ask());
  CHECK(third.Ask());
}

TEST_CASE("a client that takes no answers costs a bounded amount of memory", "[rpc][sockets]") {
  World world({.commands_max = 64, .answer_bytes_max = 8 << 20});
  grpc::ClientContext context;
  const auto stream = world.stub->KvBatch(&context);
  std::atomic<uint64_t> sent = 0;
  std::thread writer([&] {
    kv::v1::KvBatchRequest request;
    for (uint64_t i = 0; i < 32; ++i) *request.add_commands() = Get(i + 1, "large");
    for (int batch = 0; batch < 20 && stream->Write(request); ++batch) sent += 32;
    stream->WritesDone();
  });
  // Not one answer is read, until the server has stopped taking commands: those it has taken are at
  // most a batch above the bound.
  kv::v1::KvBatchResponse response;
  uint64_t found = 0;
  uint64_t refused = 0;
  while (stream->Read(&response)) {
    for (const CommandResult& result : response.results()) {
      found += result.get().has_found() ? 1 : 0;
      refused += result.get().region_error().has_server_is_busy() ? 1 : 0;
    }
  }
  writer.join();
  CHECK(stream->Finish().ok());
  CHECK(found + refused == sent);
  CHECK(found > 0);
}

// A connection of its own, whose window stays small: what is in it counts as taken.
std::shared_ptr<grpc::Channel> NarrowChannel(const World& world) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 64 << 10);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(16 << 20);
  return grpc::CreateCustomChannel(world.address, grpc::InsecureChannelCredentials(), arguments);
}

// Whether a read of a MiB is refused.
bool IsBusy(World& world) {
  grpc::ClientContext context;
  kv::v1::GetRequest request;
  request.set_key("large");
  kv::v1::GetResponse response;
  REQUIRE(world.stub->KvGet(&context, request, &response).ok());
  CHECK(response.has_found() != response.region_error().has_server_is_busy());
  return response.region_error().has_server_is_busy();
}

TEST_CASE("answers that clients do not take are bounded for all of them together",
          "[rpc][sockets]") {
  HandClock clock;
  World world({.all_answer_bytes_max = 8 << 20}, clock);
  for (int i = 0; i < 20; ++i) CHECK_FALSE(IsBusy(world));  // What was taken makes room again.

  const auto stub = kv::v1::Kv::NewStub(NarrowChannel(world));
  grpc::ClientContext context;
  const auto stream = stub->KvBatch(&context);
  kv::v1::KvBatchRequest request;
  for (uint64_t i = 0; i < 32; ++i) *request.add_commands() = Get(i + 1, "large");
  *request.add_commands() = Get(33, "hold");
  REQUIRE(stream->Write(request));
  REQUIRE(Eventually([&] { return world.echo.held() == 1; }));  // All before it are answered.
  REQUIRE(IsBusy(world));

  int found = 0;
  int refused = 0;
  SECTION("until they are taken") {
    kv::v1::KvBatchResponse response;
    while (found + refused < 32 && stream->Read(&response)) {
      for (const CommandResult& result : response.results()) {
        found += result.get().has_found() ? 1 : 0;
        refused += result.get().region_error().has_server_is_busy() ? 1 : 0;
      }
    }
    CHECK(found <= 7);
    CHECK(found + refused == 32);
  }
  SECTION("until the client is gone") {}
  SECTION("until it has taken nothing for long") {
    clock.Advance(absl::Seconds(29));
    CHECK(IsBusy(world));
    CHECK(IsBusy(world));
    clock.Advance(absl::Seconds(2));
    CHECK(Eventually([&] { return !IsBusy(world); }));
  }
  context.TryCancel();
  stream->Finish();
  CHECK(Eventually([&] { return !IsBusy(world); }));
}

TEST_CASE("calls whose clients take nothing end when others need the room", "[rpc][sockets]") {
  constexpr int kCalls = 9;  // One more than there is room for.

  struct Call {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientAsyncResponseReader<kv::v1::GetResponse>> reader;
    kv::v1::GetResponse response;
    grpc::Status status;
  };

  HandClock clock;
  World world({.all_answer_bytes_max = 8 << 20}, clock);
  const auto stub = kv::v1::Kv::NewStub(NarrowChannel(world));
  grpc::CompletionQueue queue;
  std::vector<std::unique_ptr<Call>> calls;
  kv::v1::GetRequest request;
  request.set_key("large");
  for (int i = 0; i < kCalls; ++i) {
    calls.push_back(std::make_unique<Call>());
    calls.back()->reader = stub->AsyncKvGet(&calls.back()->context, request, &queue);
    calls.back()->reader->ReadInitialMetadata(nullptr);  // It begins. The answer is not taken.
  }
  // The connection goes on by it.
  std::thread ended([&] {
    void* tag = nullptr;
    bool ok = false;
    for (int i = 0; i < 2 * kCalls; ++i) queue.Next(&tag, &ok);  // Two steps each.
  });
  // Until they fill the room: a question that comes between them would take the place of one.
  CHECK(Eventually([&] { return world.echo.answered() >= kCalls - 1; }));
  CHECK(Eventually([&] { return IsBusy(world); }));
  clock.Advance(absl::Seconds(31));
  CHECK(Eventually([&] { return !IsBusy(world); }));
  for (const auto& call : calls) {
    call->context.TryCancel();
    call->reader->Finish(&call->response, &call->status, nullptr);
  }
  ended.join();
  queue.Shutdown();
}

TEST_CASE("a call that is small on the wire and large in memory is refused before it is parsed",
          "[rpc][sockets]") {
  World world;
  std::string bytes = "\x12";
  grpc::StatusCode expected = grpc::StatusCode::INVALID_ARGUMENT;
  SECTION("too many members") {
    bytes.push_back(0);
    std::string many;
    for (size_t i = 0; i <= kBatchMembersMax; ++i) many += bytes;
    bytes = many;
    expected = grpc::StatusCode::RESOURCE_EXHAUSTED;
  }
  SECTION("no message") {}
  grpc::GenericStub stub(world.channel);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const grpc::Slice slice(bytes);
  const auto call = stub.PrepareUnaryCall(&context, "/nokv.kv.v1.Kv/KvPrewrite",
                                          grpc::ByteBuffer(&slice, 1), &queue);
  call->StartCall();
  grpc::ByteBuffer answer;
  grpc::Status status;
  call->Finish(&answer, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  REQUIRE(queue.Next(&tag, &ok));
  CHECK(status.error_code() == expected);
  queue.Shutdown();
}

}  // namespace
}  // namespace nokv::rpc
