// What strangers get from the server: health, reflection, and a status for what makes no sense.
#include "pd/rpc/test_driver.h"
#include "proto/net/channel.h"

#include <grpcpp/channel.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <vector>

namespace nokv::pd {
namespace {

grpc::ByteBuffer BufferOf(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

std::string BytesOf(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

// One message to a method by its name and one back, whatever the bytes mean.
class Stranger {
 public:
  explicit Stranger(const TestDriver& driver)
      : stub_(net::NewChannel(driver.address(), {.message_bytes_max = 64 << 20})) {}

  ~Stranger() {
    queue_.Shutdown();
    while (Next()) {
    }
  }

  grpc::Status Say(const std::string& method, const std::string& bytes, std::string* answer) {
    grpc::ClientContext context;
    const auto stream = stub_.PrepareCall(&context, method, &queue_);
    grpc::ByteBuffer response;
    stream->StartCall(nullptr);
    bool ok = Next();
    if (ok) {
      stream->Write(BufferOf(bytes), nullptr);
      ok = Next();
    }
    if (ok) {
      stream->Read(&response, nullptr);
      if (Next()) *answer = BytesOf(response);
      stream->WritesDone(nullptr);
      Next();
    }
    grpc::Status status;
    stream->Finish(&status, nullptr);
    Next();
    return status;
  }

 private:
  bool Next() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::GenericStub stub_;
  grpc::CompletionQueue queue_;
};

TEST_CASE("health and reflection answer", "[pd][rpc]") {
  TestDriver driver;
  Stranger stranger(driver);
  std::string answer;
  REQUIRE(stranger.Say("/grpc.health.v1.Health/Check", "", &answer).ok());
  REQUIRE(answer == "\x08\x01");  // Serving.
  const std::string ours = "\x0a\x0dnokv.pd.v1.Pd";
  REQUIRE(stranger.Say("/grpc.health.v1.Health/Check", ours, &answer).ok());
  REQUIRE(answer == "\x08\x01");
  REQUIRE(stranger.Say("/grpc.health.v1.Health/Watch", "", &answer).error_code() ==
          grpc::StatusCode::UNIMPLEMENTED);
  driver.server->SetServing(false);
  REQUIRE(stranger.Say("/grpc.health.v1.Health/Check", "", &answer).ok());
  REQUIRE(answer == "\x08\x02");
  const std::string list_services("\x3a\x00", 2);
  REQUIRE(stranger
              .Say("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", list_services,
                   &answer)
              .ok());
  REQUIRE(answer.find("nokv.pd.v1.Pd") != std::string::npos);
}

TEST_CASE("bytes that are no message, and messages that are too large, are refused", "[pd][rpc]") {
  TestDriver driver;
  Stranger stranger(driver);
  std::string answer;
  const std::string garbage = "\xff\xff\xff\xff\xff";
  const std::string too_large(17 << 20, 'x');
  for (const char* call : {"Tso", "StoreHeartbeat"}) {
    const std::string path = fmt::format("/nokv.pd.v1.Pd/{}", call);
    REQUIRE_FALSE(stranger.Say(path, garbage, &answer).ok());
    REQUIRE_FALSE(stranger.Say(path, too_large, &answer).ok());
  }
  for (const char* stream : {"TsoStream", "Heartbeats", "RouteStream"}) {
    const std::string path = fmt::format("/nokv.pd.v1.Pd/{}", stream);
    stranger.Say(path, garbage, &answer);  // It ends, without an answer.
    stranger.Say(path, too_large, &answer);
  }
  REQUIRE(stranger.Say("/nokv.pd.v1.Pd/NoSuchCall", "", &answer).error_code() ==
          grpc::StatusCode::UNIMPLEMENTED);
  REQUIRE(answer.empty());
  const auto executor = NewThreadPool(1);
  GrpcPdClient client({.address = driver.address()}, *executor, SystemClock(),
                      net::Poller::OfCalls());
  REQUIRE(Await(client, &PdClient::Tso, v1::TsoRequest()).ok());  // It serves on.
}

TEST_CASE("an address that is taken is an error", "[pd][rpc]") {
  TestDriver driver;
  const auto second =
      Server::Start({.address = driver.address()}, *driver.service, net::Poller::OfServer());
  REQUIRE(absl::IsAlreadyExists(second.status()));
  REQUIRE(StdView(second.status().message()).find(driver.address()) != std::string_view::npos);
}

}  // namespace
}  // namespace nokv::pd
