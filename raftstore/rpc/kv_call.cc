#include "raftstore/rpc/kv_call.h"

#include "proto/net/channel.h"
#include "raftstore/rpc/batch_shape.h"
#include "raftstore/rpc/checked_message.h"

#include <algorithm>
#include <chrono>
#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>
#include <grpcpp/support/byte_buffer.h>
#include <utility>

namespace nokv::rpc {
namespace {

using kv::v1::Command;
using kv::v1::CommandResult;

// How the service, commands and results call one and the same thing.
template <typename Request, typename Response>
struct Method {
  void (KvAsyncService::*accept)(grpc::ServerContext*, grpc::ByteBuffer*,
                                 grpc::ServerAsyncResponseWriter<grpc::ByteBuffer>*,
                                 grpc::CompletionQueue*, grpc::ServerCompletionQueue*, void*);
  Request* (Command::*request)();
  bool (CommandResult::*has_response)() const;
  Response* (CommandResult::*response)();
};

// The handler answers on a thread of its own, which has more to do than to talk to gRPC: an alarm
// takes the answer to the loop.
template <typename Request, typename Response>
class KvCall final : public std::enable_shared_from_this<KvCall<Request, Response>> {
 public:
  using CallMethod = Method<Request, Response>;

  KvCall(std::shared_ptr<KvCore> core, const CallMethod& method)
      : core_(std::move(core)), method_(method), writer_(&context_) {}

  ~KvCall() {
    if (is_counted_) --core_->calls;
    core_->deliveries.End(delivery_);
    core_->answers.Give(answer_bytes_);
  }

  static void AcceptNext(const std::shared_ptr<KvCore>& core, const CallMethod& method) {
    const auto call = std::make_shared<KvCall>(core, method);
    void* const tag = call->accept_.Begin(core->loop, call);
    if (tag == nullptr) return;
    (core->service.*method.accept)(&call->context_, &call->received_, &call->writer_, core->queue,
                                   core->queue, tag);
  }

 private:
  void OnAccepted(bool ok) {
    if (!ok) return;  // The server is shutting down.
    AcceptNext(core_, method_);
    if (core_->calls >= core_->limits.calls_max) {
      status_ =
          ResourceExhaustedError("{} calls are under way: no more are taken", core_->calls.load());
      return OnAnswered(true);
    }
    is_counted_ = true;
    ++core_->calls;
    status_ = ParseChecked(received_, &CheckRequestShape, &request_);
    if (!status_.ok()) return OnAnswered(true);
    LimitTime();
    Command command;
    *(command.*method_.request)() = std::move(request_);
    core_->handler.Submit(std::move(command), [self = this->shared_from_this()](auto answer) {
      self->Answer(std::move(answer));
    });
  }

  // The command need not be done for longer than the caller waits.
  void LimitTime() {
    const auto deadline = context_.deadline();
    if (deadline == std::chrono::system_clock::time_point::max()) return;
    const auto until =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline.time_since_epoch());
    const int64_t left = until.count() - static_cast<int64_t>(core_->clock.WallMillis());
    const auto timeout = static_cast<uint32_t>(std::clamp<int64_t>(left, 1, UINT32_MAX));
    kv::v1::Context& context = *request_.mutable_context();
    if (context.timeout_ms() == 0 || timeout < context.timeout_ms()) {
      context.set_timeout_ms(timeout);
    }
  }

  void Answer(absl::StatusOr<CommandResult> answer) {
    if (!answer.ok()) {
      status_ = UnavailableError("{}", StdView(answer.status().message()));
    } else if (!((*answer).*method_.has_response)()) {
      status_ = InternalError("a result of another kind than the command");
    } else {
      // Until gRPC has sent it, which is when the call ends.
      answer_bytes_ = core_->answers.Take(*answer, answer->ByteSizeLong());
      response_ = std::move(*((*answer).*method_.response)());
      core_->EndThoseWhoTakeNothing();
    }
    void* const tag = answered_.Begin(core_->loop, this->shared_from_this());
    if (tag != nullptr) alarm_.Set(core_->queue, gpr_inf_past(GPR_CLOCK_MONOTONIC), tag);
  }

  void OnAnswered(bool) {
    grpc::ByteBuffer bytes;
    bool is_owned = false;
    using Traits = grpc::SerializationTraits<Response>;
    if (status_.ok() && !Traits::Serialize(response_, &bytes, &is_owned).ok()) {
      status_ = InternalError("a response that can't be written");
    }
    void* const tag = finish_.Begin(core_->loop, this->shared_from_this());
    if (tag == nullptr) return;
    delivery_ =
        core_->deliveries.Begin(core_->clock.MonotonicNanos(), [weak = this->weak_from_this()] {
          if (const std::shared_ptr<KvCall> call = weak.lock()) call->context_.TryCancel();
        });
    writer_.Finish(bytes, net::ToGrpc(status_), tag);
  }

  void OnFinished(bool) {}

  const std::shared_ptr<KvCore> core_;
  const CallMethod method_;
  bool is_counted_ = false;
  grpc::ServerContext context_;
  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> writer_;
  grpc::Alarm alarm_;
  grpc::ByteBuffer received_;
  Request request_;
  Response response_;
  uint64_t answer_bytes_ = 0;
  uint64_t delivery_ = 0;
  absl::Status status_;

  net::Step<KvCall> accept_{&KvCall::OnAccepted};
  net::Step<KvCall> answered_{&KvCall::OnAnswered};
  net::Step<KvCall> finish_{&KvCall::OnFinished};
};

template <typename Request, typename Response>
void Accept(const std::shared_ptr<KvCore>& core, const Method<Request, Response>& method) {
  KvCall<Request, Response>::AcceptNext(core, method);
}

}  // namespace

void AcceptKvCalls(const std::shared_ptr<KvCore>& core) {
  using Service = KvAsyncService;
  namespace pb = kv::v1;
  Accept<pb::GetRequest, pb::GetResponse>(
      core, {&Service::RequestKvGet, &Command::mutable_get, &CommandResult::has_get,
             &CommandResult::mutable_get});
  Accept<pb::BatchGetRequest, pb::BatchGetResponse>(
      core, {&Service::RequestKvBatchGet, &Command::mutable_batch_get,
             &CommandResult::has_batch_get, &CommandResult::mutable_batch_get});
  Accept<pb::ScanRequest, pb::ScanResponse>(
      core, {&Service::RequestKvScan, &Command::mutable_scan, &CommandResult::has_scan,
             &CommandResult::mutable_scan});
  Accept<pb::PrewriteRequest, pb::PrewriteResponse>(
      core, {&Service::RequestKvPrewrite, &Command::mutable_prewrite, &CommandResult::has_prewrite,
             &CommandResult::mutable_prewrite});
  Accept<pb::CommitRequest, pb::CommitResponse>(
      core, {&Service::RequestKvCommit, &Command::mutable_commit, &CommandResult::has_commit,
             &CommandResult::mutable_commit});
  Accept<pb::BatchRollbackRequest, pb::BatchRollbackResponse>(
      core, {&Service::RequestKvBatchRollback, &Command::mutable_batch_rollback,
             &CommandResult::has_batch_rollback, &CommandResult::mutable_batch_rollback});
  Accept<pb::ResolveLockRequest, pb::ResolveLockResponse>(
      core, {&Service::RequestKvResolveLock, &Command::mutable_resolve_lock,
             &CommandResult::has_resolve_lock, &CommandResult::mutable_resolve_lock});
  Accept<pb::CheckTxnStatusRequest, pb::CheckTxnStatusResponse>(
      core, {&Service::RequestKvCheckTxnStatus, &Command::mutable_check_txn_status,
             &CommandResult::has_check_txn_status, &CommandResult::mutable_check_txn_status});
  Accept<pb::TxnHeartBeatRequest, pb::TxnHeartBeatResponse>(
      core, {&Service::RequestKvTxnHeartBeat, &Command::mutable_txn_heart_beat,
             &CommandResult::has_txn_heart_beat, &CommandResult::mutable_txn_heart_beat});
}

}  // namespace nokv::rpc
