// A unary call to the placement driver.
//
// Thread-safety: Start() once; the step runs on the loop's thread, Cancel() comes from any.
#pragma once

#include "engine/base/status.h"
#include "proto/net/channel.h"
#include "proto/net/completion_loop.h"

#include <absl/time/time.h>

#include <functional>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/support/async_unary_call.h>
#include <memory>
#include <utility>

namespace nokv::pd {

class CancellableCall {
 public:
  virtual void Cancel() = 0;

 protected:
  ~CancellableCall() = default;
};

template <typename Response>
class ClientCall final : public CancellableCall,
                         public std::enable_shared_from_this<ClientCall<Response>> {
 public:
  using Reader = grpc::ClientAsyncResponseReader<Response>;
  using Answer = std::function<void(absl::StatusOr<Response>)>;

  ClientCall(absl::Duration timeout, Answer answer) : answer_(std::move(answer)) {
    context_.set_wait_for_ready(true);
    context_.set_deadline(gpr_time_from_micros(absl::ToInt64Microseconds(timeout), GPR_TIMESPAN));
  }

  // `prepare` makes the call of gRPC, without starting it.
  template <typename Prepare>
  void Start(const std::shared_ptr<net::CompletionLoop>& loop, const Prepare& prepare) {
    void* const tag = finish_.Begin(loop, this->shared_from_this());
    if (tag == nullptr) return;
    reader_ = prepare(&context_, loop->queue());
    reader_->StartCall();
    reader_->Finish(&response_, &status_, tag);
  }

  void Cancel() override { context_.TryCancel(); }

 private:
  void OnFinished(bool) {
    if (status_.ok()) return answer_(std::move(response_));
    const absl::Status status = net::FromGrpc(status_);
    switch (status.code()) {
      case absl::StatusCode::kCancelled:  // By the connection's end.
      case absl::StatusCode::kUnknown:
      case absl::StatusCode::kInternal:
        return answer_(UnavailableError("placement driver: {}", StdView(status.message())));
      default:
        return answer_(status);
    }
  }

  const Answer answer_;
  grpc::ClientContext context_;
  std::unique_ptr<Reader> reader_;
  Response response_;
  grpc::Status status_;

  net::Step<ClientCall> finish_{&ClientCall::OnFinished};
};

}  // namespace nokv::pd
