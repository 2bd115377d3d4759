#include "raftstore/rpc/raft_service.h"

#include "engine/base/mutex.h"
#include "proto/raft.grpc.pb.h"
#include "raftstore/rpc/frame_buffer.h"

#include <utility>

namespace nokv::rpc {

using transport::Connection;
using transport::ConnectionEvents;

namespace {

using Service = raft::v1::RaftTransport::WithRawMethod_Stream<raft::v1::RaftTransport::Service>;

}  // namespace

struct RaftService::Core {
  Service service;
  std::shared_ptr<transport::Acceptor> acceptor;
  std::shared_ptr<net::CompletionLoop> loop;
  grpc::ServerCompletionQueue* queue = nullptr;
};

// Waits for a call, then is its stream. All events are steps of the loop; Send() and Close() come
// from anywhere. A stream is finished only between two writes: gRPC asks for that.
class RaftService::Stream final : public Connection, public std::enable_shared_from_this<Stream> {
 public:
  explicit Stream(std::shared_ptr<Core> core) : core_(std::move(core)), stream_(&context_) {}

  static void AcceptNext(const std::shared_ptr<Core>& core) {
    const auto stream = std::make_shared<Stream>(core);
    void* const tag = stream->accept_.Begin(core->loop, stream);
    if (tag == nullptr) return;
    core->service.RequestStream(&stream->context_, &stream->stream_, core->queue, core->queue, tag);
  }

  void Send(transport::Frame frame) override {
    {
      MutexLock lock(mutex_);
      if (is_closed_) return;
      is_writing_ = true;
    }
    void* const tag = write_.Begin(core_->loop, shared_from_this());
    if (tag != nullptr) stream_.Write(Wrap(frame), tag);
  }

  void Close() override {
    {
      MutexLock lock(mutex_);
      if (std::exchange(is_closed_, true)) return;
      if (is_writing_) return context_.TryCancel();  // The write ends, and then the stream.
    }
    Finish();
  }

 private:
  void OnAccepted(bool ok) {
    if (!ok) return;  // The server is shutting down.
    AcceptNext(core_);
    events_ = core_->acceptor->Accept(shared_from_this());
    Read();
    if (events_ != nullptr && !is_closed()) events_->OnWritable();
  }

  void OnWritten(bool ok) {
    bool is_over = false;
    {
      MutexLock lock(mutex_);
      is_writing_ = false;
      is_over = is_closed_;
    }
    if (is_over) return Finish();
    if (ok && events_ != nullptr) events_->OnWritable();  // A failure ends the read too.
  }

  void OnRead(bool ok) {
    if (is_closed()) return Forget();
    if (!ok) return End(UnavailableError("ended by the other store"));
    const absl::StatusOr<Unwrapped> frame = Unwrap(received_);
    if (!frame.ok()) return End(frame.status());
    events_->OnReceived(frame->pieces);
    Read();
  }

  void OnFinished(bool) { Forget(); }

  // The stream ends by itself.
  void End(const absl::Status& why) {
    const std::shared_ptr<ConnectionEvents> events = std::exchange(events_, nullptr);
    Close();
    events->OnClosed(why);
  }

  // Events hold this object, and must not be held by it for ever.
  void Forget() { events_ = nullptr; }

  void Read() {
    void* const tag = read_.Begin(core_->loop, shared_from_this());
    if (tag == nullptr) return Forget();
    stream_.Read(&received_, tag);
  }

  void Finish() {
    void* const tag = finish_.Begin(core_->loop, shared_from_this());
    if (tag != nullptr) stream_.Finish(grpc::Status::OK, tag);
  }

  bool is_closed() {
    MutexLock lock(mutex_);
    return is_closed_;
  }

  const std::shared_ptr<Core> core_;
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_;

  Mutex mutex_;
  bool is_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;

  // Of the loop's thread.
  std::shared_ptr<ConnectionEvents> events_;
  grpc::ByteBuffer received_;

  net::Step<Stream> accept_{&Stream::OnAccepted};
  net::Step<Stream> write_{&Stream::OnWritten};
  net::Step<Stream> read_{&Stream::OnRead};
  net::Step<Stream> finish_{&Stream::OnFinished};
};

RaftService::RaftService(std::shared_ptr<transport::Acceptor> acceptor)
    : core_(std::make_shared<Core>()) {
  core_->acceptor = std::move(acceptor);
}

RaftService::~RaftService() = default;

grpc::Service& RaftService::service() { return core_->service; }

void RaftService::Start(std::shared_ptr<net::CompletionLoop> loop,
                        grpc::ServerCompletionQueue* queue) {
  core_->loop = std::move(loop);
  core_->queue = queue;
  Stream::AcceptNext(core_);
}

}  // namespace nokv::rpc
