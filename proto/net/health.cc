#include "proto/net/health.h"

#include "proto/health.grpc.pb.h"

#include <algorithm>
#include <atomic>
#include <utility>

namespace nokv::net {

namespace pb = grpc::health::v1;

struct Health::Core {
  const std::vector<std::string> services;
  pb::Health::AsyncService service = {};
  std::shared_ptr<CompletionLoop> loop = {};
  grpc::ServerCompletionQueue* queue = nullptr;
  std::atomic<bool> is_serving = true;
};

// Waits for a call, then answers it at once.
class Health::Call final : public std::enable_shared_from_this<Call> {
 public:
  explicit Call(std::shared_ptr<Core> core) : core_(std::move(core)), writer_(&context_) {}

  static void AcceptNext(const std::shared_ptr<Core>& core) {
    const auto call = std::make_shared<Call>(core);
    void* const tag = call->accept_.Begin(core->loop, call);
    if (tag == nullptr) return;
    core->service.RequestCheck(&call->context_, &call->request_, &call->writer_, core->queue,
                               core->queue, tag);
  }

 private:
  void OnAccepted(bool ok) {
    if (!ok) return;  // The server is shutting down.
    AcceptNext(core_);
    void* const tag = finish_.Begin(core_->loop, shared_from_this());
    if (tag == nullptr) return;
    const std::string& asked = request_.service();
    const auto& services = core_->services;
    if (!asked.empty() && std::find(services.begin(), services.end(), asked) == services.end()) {
      return writer_.FinishWithError({grpc::StatusCode::NOT_FOUND, "no such service here"}, tag);
    }
    pb::HealthCheckResponse response;
    response.set_status(core_->is_serving ? pb::HealthCheckResponse::SERVING
                                          : pb::HealthCheckResponse::NOT_SERVING);
    writer_.Finish(response, grpc::Status::OK, tag);
  }

  void OnFinished(bool) {}

  const std::shared_ptr<Core> core_;
  grpc::ServerContext context_;
  grpc::ServerAsyncResponseWriter<pb::HealthCheckResponse> writer_;
  pb::HealthCheckRequest request_;

  Step<Call> accept_{&Call::OnAccepted};
  Step<Call> finish_{&Call::OnFinished};
};

Health::Health(std::vector<std::string> services)
    : core_(new Core{.services = std::move(services)}) {}

Health::~Health() = default;

grpc::Service& Health::service() { return core_->service; }

void Health::Start(std::shared_ptr<CompletionLoop> loop, grpc::ServerCompletionQueue* queue) {
  core_->loop = std::move(loop);
  core_->queue = queue;
  Call::AcceptNext(core_);
}

void Health::Set(bool is_serving) { core_->is_serving = is_serving; }

}  // namespace nokv::net
