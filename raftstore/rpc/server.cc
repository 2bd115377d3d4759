#include "raftstore/rpc/server.h"

#include "proto/net/completion_loop.h"
#include "proto/net/health.h"
#include "raftstore/rpc/frame_buffer.h"
#include "raftstore/rpc/kv_service.h"
#include "raftstore/rpc/raft_service.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <utility>

namespace nokv::rpc {
namespace {

class GrpcServer final : public Server {
 public:
  GrpcServer(const ServerOptions& options, const ServerSeams& seams,
             std::shared_ptr<net::Poller> poller)
      : poller_(std::move(poller)),
        kv_(seams.handler, seams.clock, options.kv),
        raft_(seams.acceptor) {}

  ~GrpcServer() override {
    if (server_ == nullptr) return;
    Drain(absl::ZeroDuration());
    loop_->Stop();
  }

  absl::Status Listen(const ServerOptions& options) {
    const std::unique_ptr<grpc::ServerBuilder> builder = poller_->TakeBuilder();
    int port = 0;
    net::Listen(
        *builder, options.address,
        {.message_bytes_max = transport::kFrameBytesMax + kFrameWrapBytesMax, .tls = options.tls},
        &port);
    builder->RegisterService(&kv_.service());
    builder->RegisterService(&raft_.service());
    builder->RegisterService(&health_.service());
    server_ = builder->BuildAndStart();
    if (server_ == nullptr || port == 0) {
      return AlreadyExistsError(
          "cannot listen on {}: another program does, or the address is not this machine's",
          options.address);
    }
    port_ = static_cast<uint16_t>(port);
    grpc::ServerCompletionQueue* const queue = poller_->server_queue();
    loop_ = std::make_shared<net::CompletionLoop>(poller_);
    kv_.Start(loop_, queue);
    raft_.Start(loop_, queue);
    health_.Start(loop_, queue);
    return absl::OkStatus();
  }

  uint16_t port() const override { return port_; }

  void SetServing(bool is_serving) override { health_.Set(is_serving); }

  void Drain(absl::Duration time) override {
    SetServing(false);
    server_->Shutdown(gpr_time_from_micros(absl::ToInt64Microseconds(time), GPR_TIMESPAN));
  }

 private:
  const std::shared_ptr<net::Poller> poller_;  // Its queue outlives the server.
  KvService kv_;
  RaftService raft_;
  net::Health health_{{"nokv.kv.v1.Kv", "nokv.raft.v1.RaftTransport"}};
  std::shared_ptr<net::CompletionLoop> loop_;
  std::unique_ptr<grpc::Server> server_;  // Before the loop that serves it.
  uint16_t port_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                      const ServerSeams& seams,
                                                      std::shared_ptr<net::Poller> poller) {
  auto server = std::make_unique<GrpcServer>(options, seams, std::move(poller));
  RETURN_IF_ERROR(server->Listen(options));
  return server;
}

}  // namespace nokv::rpc
