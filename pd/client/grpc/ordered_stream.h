// A stream to the placement driver, from the attempt to connect to its end: each request is
// answered by one response, in order.
//
// Invariants: every request that was added is answered once, by its response or by the stream's
// end, unless the stream is forgotten; answers come on the loop's thread, never inside Add().
// Nothing is added after the end.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/mutex.h"
#include "engine/base/status.h"
#include "proto/net/channel.h"
#include "proto/net/completion_loop.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/support/async_stream.h>
#include <memory>
#include <utility>

namespace nokv::pd {

template <typename Request, typename Response>
class OrderedStream final : public std::enable_shared_from_this<OrderedStream<Request, Response>> {
 public:
  using Stream = grpc::ClientAsyncReaderWriter<Request, Response>;
  using Answer = std::function<void(absl::StatusOr<Response>)>;

  // Makes the stream of gRPC, without starting it.
  using Prepare =
      std::function<std::unique_ptr<Stream>(grpc::ClientContext*, grpc::CompletionQueue*)>;

  explicit OrderedStream(std::shared_ptr<net::CompletionLoop> loop) : loop_(std::move(loop)) {
    context_.set_wait_for_ready(true);
  }

  void Start(const Prepare& prepare) {
    void* const tag = start_.Begin(loop_, this->shared_from_this());
    if (tag == nullptr) return;
    stream_ = prepare(&context_, loop_->queue());
    stream_->StartCall(tag);
  }

  // False if the stream has ended: nothing was taken.
  bool Add(Request& request, uint64_t until_nanos, Answer& answer) {
    {
      MutexLock lock(mutex_);
      if (is_ended_) return false;
      unsent_.push_back(std::move(request));
      waiting_.push_back({.answer = std::move(answer), .until_nanos = until_nanos});
    }
    Write();
    return true;
  }

  // Ends the stream if its oldest request is too old.
  void Tick(uint64_t now_nanos) {
    {
      MutexLock lock(mutex_);
      if (waiting_.empty() || now_nanos < waiting_.front().until_nanos) return;
      is_overdue_ = true;
      is_ended_ = true;
    }
    context_.TryCancel();
  }

  // Ends the stream. What waits is forgotten.
  void Forget() {
    {
      MutexLock lock(mutex_);
      is_ended_ = true;
      waiting_.clear();
    }
    context_.TryCancel();
  }

  bool is_busy() {
    MutexLock lock(mutex_);
    return !waiting_.empty();
  }

  bool is_ended() {
    MutexLock lock(mutex_);
    return is_ended_;
  }

 private:
  struct Waiting {
    Answer answer;
    uint64_t until_nanos = 0;
  };

  void OnStarted(bool ok) {
    if (!ok) return Finish();
    {
      MutexLock lock(mutex_);
      is_writing_ = false;
    }
    Read();
    Write();
  }

  // The next request, if none is on its way. Whoever sets is_writing_ is the one who writes.
  void Write() {
    Request request;
    {
      MutexLock lock(mutex_);
      if (is_writing_ || is_ended_ || unsent_.empty()) return;
      is_writing_ = true;
      request = std::move(unsent_.front());
      unsent_.pop_front();
    }
    void* const tag = write_.Begin(loop_, this->shared_from_this());
    if (tag != nullptr) stream_->Write(request, tag);
  }

  void OnWritten(bool ok) {
    if (!ok) return;  // The read fails too.
    {
      MutexLock lock(mutex_);
      is_writing_ = false;
    }
    Write();
  }

  void Read() {
    void* const tag = read_.Begin(loop_, this->shared_from_this());
    if (tag != nullptr) stream_->Read(&received_, tag);
  }

  void OnRead(bool ok) {
    if (!ok) return Finish();
    Answer answer;
    {
      MutexLock lock(mutex_);
      if (!waiting_.empty()) {
        answer = std::move(waiting_.front().answer);
        waiting_.pop_front();
      }
    }
    // An answer to nothing, or what came after the stream was forgotten.
    if (answer == nullptr) {
      context_.TryCancel();
    } else {
      answer(std::move(received_));
    }
    Read();
  }

  void Finish() {
    {
      MutexLock lock(mutex_);
      is_ended_ = true;
    }
    void* const tag = finish_.Begin(loop_, this->shared_from_this());
    if (tag != nullptr) stream_->Finish(&status_, tag);
  }

  void OnFinished(bool) {
    std::deque<Waiting> waiting;
    bool is_overdue = false;
    {
      MutexLock lock(mutex_);
      waiting.swap(waiting_);
      is_overdue = is_overdue_;
    }
    const absl::Status broken = UnavailableError(
        "placement driver: {}", status_.ok() ? "it ended the stream" : status_.error_message());
    absl::Status why =
        is_overdue ? absl::DeadlineExceededError("the placement driver has not answered in time")
                   : StatusOf(status_, broken);
    for (Waiting& next : waiting) {
      next.answer(why);
      if (!is_overdue) why = broken;  // The driver's status is about the oldest request.
    }
  }

  // What the driver says of a request. What gRPC says is about the connection.
  static absl::Status StatusOf(const grpc::Status& status, const absl::Status& broken) {
    switch (status.error_code()) {
      case grpc::StatusCode::INVALID_ARGUMENT:
      case grpc::StatusCode::FAILED_PRECONDITION:
      case grpc::StatusCode::UNIMPLEMENTED:
      case grpc::StatusCode::RESOURCE_EXHAUSTED:
        return net::FromGrpc(status);
      default:
        return broken;
    }
  }

  const std::shared_ptr<net::CompletionLoop> loop_;
  grpc::ClientContext context_;
  std::unique_ptr<Stream> stream_;
  Response received_;    // Of the loop's thread.
  grpc::Status status_;  // Of the loop's thread.

  Mutex mutex_;
  std::deque<Request> unsent_ ABSL_GUARDED_BY(mutex_);
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = true;  // Until it has started, nothing is written.
  bool is_overdue_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_ended_ ABSL_GUARDED_BY(mutex_) = false;

  net::Step<OrderedStream> start_{&OrderedStream::OnStarted};
  net::Step<OrderedStream> write_{&OrderedStream::OnWritten};
  net::Step<OrderedStream> read_{&OrderedStream::OnRead};
  net::Step<OrderedStream> finish_{&OrderedStream::OnFinished};
};

}  // namespace nokv::pd
