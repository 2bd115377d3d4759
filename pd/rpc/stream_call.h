// A stream of the Pd service: read a request, write its response, read the next.
//
// One message is in the process at a time, so a client that sends without reading waits in its own
// window. A request that fails ends the stream with its status.
//
// Thread-safety: steps run on the loop's thread; the answer comes from any, and the next step only
// after it.
#pragma once

#include "pd/rpc/core.h"
#include "proto/net/channel.h"

#include <functional>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>
#include <memory>
#include <utility>

namespace nokv::pd {

template <typename Request, typename Response>
class StreamCall final : public std::enable_shared_from_this<StreamCall<Request, Response>> {
 public:
  using Stream = grpc::ServerAsyncReaderWriter<Response, Request>;
  using Handler = std::function<void(Request, Reply<Response>)>;

  struct Method {
    void (PdAsyncService::*accept)(grpc::ServerContext*, Stream*, grpc::CompletionQueue*,
                                   grpc::ServerCompletionQueue*, void*);
    std::function<Handler(Service&)> open;  // The handler of one stream.
  };

  StreamCall(std::shared_ptr<Core> core, const Method& method)
      : core_(std::move(core)), method_(method), stream_(&context_) {}

  ~StreamCall() {
    if (is_counted_) --core_->streams_open;
  }

  static void AcceptNext(const std::shared_ptr<Core>& core, const Method& method) {
    const auto call = std::make_shared<StreamCall>(core, method);
    void* const tag = call->accept_.Begin(core->loop, call);
    if (tag == nullptr) return;
    (core->calls.*method.accept)(&call->context_, &call->stream_, core->queue, core->queue, tag);
  }

 private:
  void OnAccepted(bool ok) {
    if (!ok) return;  // The server is shutting down.
    AcceptNext(core_, method_);
    is_counted_ = true;
    if (++core_->streams_open > core_->limits.streams_max) {
      return Finish(
          UnavailableError("{} streams are open: no more are taken", core_->limits.streams_max));
    }
    handler_ = method_.open(core_->service);
    Read();
  }

  void Read() {
    void* const tag = read_.Begin(core_->loop, this->shared_from_this());
    if (tag != nullptr) stream_.Read(&request_, tag);
  }

  void OnRead(bool ok) {
    if (!ok) return Finish(absl::OkStatus());  // The client is done, or gone.
    handler_(std::move(request_),
             [self = this->shared_from_this()](absl::StatusOr<Response> answer) {
               self->Answer(std::move(answer));
             });
  }

  void Answer(absl::StatusOr<Response> answer) {
    if (!answer.ok()) return Finish(answer.status());
    void* const tag = write_.Begin(core_->loop, this->shared_from_this());
    if (tag != nullptr) stream_.Write(*answer, tag);
  }

  void OnWritten(bool ok) {
    if (!ok) return Finish(absl::OkStatus());
    Read();
  }

  void Finish(const absl::Status& status) {
    void* const tag = finish_.Begin(core_->loop, this->shared_from_this());
    if (tag != nullptr) stream_.Finish(net::ToGrpc(status), tag);
  }

  void OnFinished(bool) {}

  const std::shared_ptr<Core> core_;
  const Method method_;
  bool is_counted_ = false;
  grpc::ServerContext context_;
  Stream stream_;
  Handler handler_;
  Request request_;

  net::Step<StreamCall> accept_{&StreamCall::OnAccepted};
  net::Step<StreamCall> read_{&StreamCall::OnRead};
  net::Step<StreamCall> write_{&StreamCall::OnWritten};
  net::Step<StreamCall> finish_{&StreamCall::OnFinished};
};

}  // namespace nokv::pd
