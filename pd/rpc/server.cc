#include "pd/rpc/server.h"

#include "pd/rpc/core.h"
#include "proto/net/channel.h"
#include "proto/net/health.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <utility>

namespace nokv::pd {
namespace {

class GrpcServer final : public Server {
 public:
  GrpcServer(const ServerLimits& limits, Service& service, std::shared_ptr<net::Poller> poller)
      : poller_(std::move(poller)), core_(new Core{.service = service, .limits = limits}) {}

  ~GrpcServer() override {
    if (server_ == nullptr) return;
    Drain(absl::ZeroDuration());
    core_->loop->Stop();
  }

  absl::Status Listen(const std::string& address) {
    const std::unique_ptr<grpc::ServerBuilder> builder = poller_->TakeBuilder();
    int port = 0;
    net::Listen(*builder, address, {}, &port);
    builder->RegisterService(&core_->calls);
    builder->RegisterService(&health_.service());
    server_ = builder->BuildAndStart();
    if (server_ == nullptr || port == 0) {
      return AlreadyExistsError(
          "cannot listen on {}: another program does, or the address is not this machine's",
          address);
    }
    port_ = static_cast<uint16_t>(port);
    core_->queue = poller_->server_queue();
    core_->loop = std::make_shared<net::CompletionLoop>(poller_);
    AcceptEverything(core_);
    health_.Start(core_->loop, core_->queue);
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
  const std::shared_ptr<Core> core_;
  net::Health health_{{"nokv.pd.v1.Pd"}};
  std::unique_ptr<grpc::Server> server_;
  uint16_t port_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                      Service& service,
                                                      std::shared_ptr<net::Poller> poller) {
  auto server = std::make_unique<GrpcServer>(options.limits, service, std::move(poller));
  RETURN_IF_ERROR(server->Listen(options.address));
  return server;
}

}  // namespace nokv::pd
