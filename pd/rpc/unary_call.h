// A unary call of the Pd service: accepted, answered, finished.
//
// Thread-safety: steps run on the loop's thread; the answer comes from any.
#pragma once

#include "pd/rpc/core.h"
#include "proto/net/channel.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>
#include <memory>
#include <utility>

namespace nokv::pd {

template <typename Request, typename Response>
class UnaryCall final : public std::enable_shared_from_this<UnaryCall<Request, Response>> {
 public:
  struct Method {
    void (PdAsyncService::*accept)(grpc::ServerContext*, Request*,
                                   grpc::ServerAsyncResponseWriter<Response>*,
                                   grpc::CompletionQueue*, grpc::ServerCompletionQueue*, void*);
    void (Service::*handle)(Request, Reply<Response>);
  };

  UnaryCall(std::shared_ptr<Core> core, const Method& method)
      : core_(std::move(core)), method_(method), writer_(&context_) {}

  ~UnaryCall() {
    if (is_counted_) --core_->calls_under_way;
  }

  static void AcceptNext(const std::shared_ptr<Core>& core, const Method& method) {
    const auto call = std::make_shared<UnaryCall>(core, method);
    void* const tag = call->accept_.Begin(core->loop, call);
    if (tag == nullptr) return;
    (core->calls.*method.accept)(&call->context_, &call->request_, &call->writer_, core->queue,
                                 core->queue, tag);
  }

 private:
  void OnAccepted(bool ok) {
    if (!ok) return;  // The server is shutting down.
    AcceptNext(core_, method_);
    is_counted_ = true;
    if (++core_->calls_under_way > core_->limits.calls_max) {
      return Answer(
          UnavailableError("{} calls are under way: no more are taken", core_->limits.calls_max));
    }
    (core_->service.*method_.handle)(
        std::move(request_), [self = this->shared_from_this()](absl::StatusOr<Response> answer) {
          self->Answer(std::move(answer));
        });
  }

  void Answer(absl::StatusOr<Response> answer) {
    void* const tag = finish_.Begin(core_->loop, this->shared_from_this());
    if (tag == nullptr) return;
    if (answer.ok()) {
      writer_.Finish(*answer, grpc::Status::OK, tag);
    } else {
      writer_.FinishWithError(net::ToGrpc(answer.status()), tag);
    }
  }

  void OnFinished(bool) {}

  const std::shared_ptr<Core> core_;
  const Method method_;
  bool is_counted_ = false;
  grpc::ServerContext context_;
  grpc::ServerAsyncResponseWriter<Response> writer_;
  Request request_;

  net::Step<UnaryCall> accept_{&UnaryCall::OnAccepted};
  net::Step<UnaryCall> finish_{&UnaryCall::OnFinished};
};

}  // namespace nokv::pd
