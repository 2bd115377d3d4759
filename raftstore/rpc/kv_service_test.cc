#include "raftstore/rpc/kv_service.h"

#include "proto/health.grpc.pb.h"
#include "proto/kv.grpc.pb.h"
#include "raftstore/rpc/server.h"
#include "raftstore/rpc/test_world.h"
#include "raftstore/rpc/testing/eventually.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <chrono>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace nokv::rpc {
namespace {

using kv::v1::Command;
using kv::v1::CommandResult;
using testing::Eventually;

TEST_CASE("a unary call is a command", "[rpc][sockets]") {
  World world;
  grpc::ClientContext context;
  kv::v1::GetRequest request;
  request.set_key("a");
  request.mutable_context()->set_region_id(4);
  kv::v1::GetResponse response;
  REQUIRE(world.stub->KvGet(&context, request, &response).ok());
  CHECK(response.found().value() == "a");
  CHECK(world.echo.last().get().context().region_id() == 4);
  CHECK(world.echo.last().get().context().timeout_ms() == 0);
}

TEST_CASE("the caller's deadline limits the command, and never lengthens its own",
          "[rpc][sockets]") {
  World world;
  for (const uint32_t own : {0u, 5u, 4'000'000u}) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::time_point(
        std::chrono::milliseconds(SystemClock().WallMillis() + 60'000)));
    kv::v1::GetRequest request;
    request.mutable_context()->set_timeout_ms(own);
    kv::v1::GetResponse response;
    REQUIRE(world.stub->KvGet(&context, request, &response).ok());
    const uint32_t timeout = world.echo.last().get().context().timeout_ms();
    CHECK(timeout > 0);
    CHECK(timeout <= 61'000);  // gRPC rounds it up on the wire.
    if (own == 5) CHECK(timeout == 5);
  }
}

TEST_CASE("an unknown outcome and a result of another kind are statuses of a unary call",
          "[rpc][sockets]") {
  World world;
  {
    grpc::ClientContext context;
    kv::v1::GetRequest request;
    request.set_key("fail");
    kv::v1::GetResponse response;
    const grpc::Status status = world.stub->KvGet(&context, request, &response);
    CHECK(status.error_code() == grpc::StatusCode::UNAVAILABLE);
    CHECK(status.error_message() == "who knows");
  }
  {
    grpc::ClientContext context;
    kv::v1::CommitResponse response;
    const grpc::Status status = world.stub->KvCommit(&context, {}, &response);
    CHECK(status.error_code() == grpc::StatusCode::INTERNAL);
  }
}

TEST_CASE("each unary method reaches the handler as its own kind of command", "[rpc][sockets]") {
  World world;
  std::set<Command::RequestCase> seen;
  const auto call = [&](auto method, auto request, auto response) {
    grpc::ClientContext context;
    (void)(world.stub.get()->*method)(&context, request, &response);
    seen.insert(world.echo.last().request_case());
  };
  using Stub = kv::v1::Kv::Stub;
  call(&Stub::KvGet, kv::v1::GetRequest(), kv::v1::GetResponse());
  call(&Stub::KvBatchGet, kv::v1::BatchGetRequest(), kv::v1::BatchGetResponse());
  call(&Stub::KvScan, kv::v1::ScanRequest(), kv::v1::ScanResponse());
  call(&Stub::KvPrewrite, kv::v1::PrewriteRequest(), kv::v1::PrewriteResponse());
  call(&Stub::KvCommit, kv::v1::CommitRequest(), kv::v1::CommitResponse());
  call(&Stub::KvBatchRollback, kv::v1::BatchRollbackRequest(), kv::v1::BatchRollbackResponse());
  call(&Stub::KvResolveLock, kv::v1::ResolveLockRequest(), kv::v1::ResolveLockResponse());
  call(&Stub::KvCheckTxnStatus, kv::v1::CheckTxnStatusRequest(), kv::v1::CheckTxnStatusResponse());
  call(&Stub::KvTxnHeartBeat, kv::v1::TxnHeartBeatRequest(), kv::v1::TxnHeartBeatResponse());
  CHECK(seen.size() == 9);
  CHECK_FALSE(seen.contains(Command::REQUEST_NOT_SET));
}

TEST_CASE("every command of a stream is answered once, by its id", "[rpc][sockets]") {
  World world;
  grpc::ClientContext context;
  const auto stream = world.stub->KvBatch(&context);
  constexpr uint64_t kBatches = 50;
  constexpr uint64_t kEach = 40;
  std::thread writer([&] {
    for (uint64_t batch = 0; batch < kBatches; ++batch) {
      kv::v1::KvBatchRequest request;
      for (uint64_t i = 0; i < kEach; ++i) {
        const uint64_t id = batch * kEach + i + 1;
        *request.add_commands() = Get(id, id % 7 == 0 ? "fail" : fmt::format("key{}", id));
      }
      stream->Write(request);
    }
    stream->WritesDone();
  });
  std::set<uint64_t> answered;
  kv::v1::KvBatchResponse response;
  bool is_right = true;
  while (stream->Read(&response)) {
    for (const CommandResult& result : response.results()) {
      is_right &= answered.insert(result.id()).second;
      is_right &= result.id() % 7 == 0
                      ? result.unknown().message() == "who knows"
                      : result.get().found().value() == fmt::format("key{}", result.id());
    }
  }
  writer.join();
  CHECK(is_right);
  CHECK(answered.size() == kBatches * kEach);
  CHECK(stream->Finish().ok());
}

TEST_CASE("a stream whose client has said all ends after the last answer", "[rpc][sockets]") {
  World world;
  grpc::ClientContext context;
  const auto stream = world.stub->KvBatch(&context);
  kv::v1::KvBatchRequest request;
  *request.add_commands() = Get(1, "hold");
  *request.add_commands() = Get(2, "a");
  REQUIRE(stream->Write(request));
  stream->WritesDone();
  kv::v1::KvBatchResponse response;
  REQUIRE(stream->Read(&response));
  CHECK(response.results(0).id() == 2);
  REQUIRE(Eventually([&] { return world.echo.held() == 1; }));
  world.echo.Release();
  REQUIRE(stream->Read(&response));
  CHECK(response.results(0).id() == 1);
  CHECK_FALSE(stream->Read(&response));
  CHECK(stream->Finish().ok());
}

TEST_CASE("what is too large or is no batch ends its stream with the reason", "[rpc][sockets]") {
  World world;
  kv::v1::KvBatchRequest request;
  grpc::StatusCode expected = grpc::StatusCode::RESOURCE_EXHAUSTED;
  SECTION("too many commands") {
    for (uint64_t i = 0; i <= kBatchCommandsMax; ++i) *request.add_commands() = Get(i, "a");
  }
  SECTION("too many bytes") { *request.add_commands() = Get(1, std::string(kBatchBytesMax, 'x')); }
  SECTION("more bytes than any message may have") {
    *request.add_commands() = Get(1, std::string(17 << 20, 'x'));
    // The test's own channel would not send it.
    grpc::ChannelArguments arguments;
    arguments.SetMaxSendMessageSize(64 << 20);
    world.stub = kv::v1::Kv::NewStub(
        grpc::CreateCustomChannel(world.address, grpc::InsecureChannelCredentials(), arguments));
    expected = grpc::StatusCode::OK;  // How gRPC says it is its own affair.
  }
  grpc::ClientContext context;
  const auto stream = world.stub->KvBatch(&context);
  stream->Write(request);
  kv::v1::KvBatchResponse response;
  CHECK_FALSE(stream->Read(&response));
  const grpc::Status status = stream->Finish();
  if (expected != grpc::StatusCode::OK) CHECK(status.error_code() == expected);

  // Others are served all the same.
  grpc::ClientContext other;
  kv::v1::GetResponse answer;
  CHECK(world.stub->KvGet(&other, {}, &answer).ok());
}

TEST_CASE("an answer that comes after the client, or the server, has gone is let go",
          "[rpc][sockets]") {
  World world;
  {
    grpc::ClientContext context;
    const auto stream = world.stub->KvBatch(&context);
    kv::v1::KvBatchRequest request;
    *request.add_commands() = Get(1, "hold");
    REQUIRE(stream->Write(request));
    REQUIRE(Eventually([&] { return world.echo.held() == 1; }));
    context.TryCancel();
    stream->Finish();
  }
  SECTION("the client") { world.echo.Release(); }
  SECTION("the server") {
    world.server.reset();
    world.echo.Release();
  }
}

TEST_CASE("the server says whether it serves, and what it has", "[rpc][sockets]") {
  namespace health = grpc::health::v1;
  World world;
  const auto stub = health::Health::NewStub(world.channel);
  const auto ask = [&](const std::string& service, health::HealthCheckResponse* response) {
    grpc::ClientContext context;
    health::HealthCheckRequest request;
    request.set_service(service);
    return stub->Check(&context, request, response).error_code();
  };
  health::HealthCheckResponse response;
  for (const char* service : {"", "nokv.kv.v1.Kv", "nokv.raft.v1.RaftTransport"}) {
    CHECK(ask(service, &response) == grpc::StatusCode::OK);
    CHECK(response.status() == health::HealthCheckResponse::SERVING);
  }
  CHECK(ask("nokv.pd.v1.Pd", &response) == grpc::StatusCode::NOT_FOUND);
  world.server->SetServing(false);
  CHECK(ask("", &response) == grpc::StatusCode::OK);
  CHECK(response.status() == health::HealthCheckResponse::NOT_SERVING);
}

TEST_CASE("tools can ask the server what it serves", "[rpc][sockets]") {
  World world;
  grpc::GenericStub stub(world.channel);
  grpc::CompletionQueue queue;
  const auto wait = [&] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  grpc::ClientContext context;
  const auto call = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  call->StartCall(nullptr);
  REQUIRE(wait());
  const grpc::Slice list_services(std::string("\x3a\x00", 2));  // Field 7, an empty string.
  call->Write(grpc::ByteBuffer(&list_services, 1), nullptr);
  REQUIRE(wait());
  grpc::ByteBuffer answer;
  call->Read(&answer, nullptr);
  REQUIRE(wait());
  grpc::Slice slice;
  REQUIRE(answer.DumpToSingleSlice(&slice).ok());
  const std::string text(slice.begin(), slice.end());
  for (const char* name :
       {"nokv.kv.v1.Kv", "nokv.raft.v1.RaftTransport", "grpc.health.v1.Health"}) {
    CHECK(text.find(name) != std::string::npos);
  }
  context.TryCancel();
  grpc::Status status;
  call->Finish(&status, nullptr);
  wait();
  queue.Shutdown();
}

TEST_CASE("two servers do not share an address", "[rpc][sockets]") {
  World world;
  Echo echo;
  const auto second = Server::Start(
      {.address = world.address},
      {.handler = echo, .clock = SystemClock(), .acceptor = std::make_shared<NobodyCalls>()},
      net::Poller::OfServer());
  REQUIRE_FALSE(second.ok());
  CHECK(second.status().code() == absl::StatusCode::kAlreadyExists);
}

}  // namespace
}  // namespace nokv::rpc
