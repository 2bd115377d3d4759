#include "pd/rpc/server.h"

#include "pd/rpc/core.h"
#include "proto/net/channel.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <utility>

namespace nokv::pd {
namespace {

class GrpcServer final : public Server {
 public:
  GrpcServer(const ServerLimits& limits, Service& service)
      : core_(new Core{.service = service, .limits = limits}) {}

  ~GrpcServer() override {
    if (server_ == nullptr) return;
    Drain(absl::ZeroDuration());
    core_->loop->Stop();
  }

  absl::Status Listen(const std::string& address) {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    int port = 0;
    net::Listen(builder, address, {}, &port);
    // Reflection is the only service that is served by a thread of gRPC's own.
    builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);
    builder.RegisterService(&core_->calls);
    std::unique_ptr<grpc::ServerCompletionQueue> queue = builder.AddCompletionQueue();
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port == 0) {
      queue->Shutdown();
      return AlreadyExistsError(
          "cannot listen on {}: another program does, or the address is not this machine's",
          address);
    }
    port_ = static_cast<uint16_t>(port);
    core_->queue = queue.get();
    core_->loop = std::make_shared<net::CompletionLoop>(std::move(queue));
    AcceptEverything(core_);
    return absl::OkStatus();
  }

  uint16_t port() const override { return port_; }

  void SetServing(bool is_serving) override {
    server_->GetHealthCheckService()->SetServingStatus(is_serving);
  }

  void Drain(absl::Duration time) override {
    SetServing(false);
    server_->Shutdown(gpr_time_from_micros(absl::ToInt64Microseconds(time), GPR_TIMESPAN));
  }

 private:
  const std::shared_ptr<Core> core_;
  std::unique_ptr<grpc::Server> server_;
  uint16_t port_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                      Service& service) {
  auto server = std::make_unique<GrpcServer>(options.limits, service);
  RETURN_IF_ERROR(server->Listen(options.address));
  return server;
}

}  // namespace nokv::pd
