#include "raftstore/rpc/raft_network.h"

#include "raftstore/rpc/frame_buffer.h"

#include <atomic>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <utility>

namespace nokv::rpc {
namespace {

using transport::Connection;
using transport::ConnectionEvents;

constexpr const char* kMethod = "/nokv.raft.v1.RaftTransport/Stream";

}  // namespace

// All events are steps of the loop. Send() and Close() come from anywhere.
class RaftNetwork::Stream final : public Connection, public std::enable_shared_from_this<Stream> {
 public:
  Stream(std::shared_ptr<net::CompletionLoop> loop, const std::string& address,
         const net::ChannelOptions& options, std::shared_ptr<ConnectionEvents> events)
      : loop_(std::move(loop)),
        address_(address),
        stub_(net::NewChannel(address, options)),
        events_(std::move(events)) {}

  void Start() {
    void* const tag = start_.Begin(loop_, shared_from_this());
    if (tag == nullptr) return;
    call_ = stub_.PrepareCall(&context_, kMethod, loop_->queue());
    call_->StartCall(tag);
  }

  void Send(transport::Frame frame) override {
    void* const tag = write_.Begin(loop_, shared_from_this());
    if (tag != nullptr) call_->Write(Wrap(frame), tag);
  }

  void Close() override {
    is_closed_ = true;
    context_.TryCancel();
  }

 private:
  void OnStarted(bool ok) {
    if (!ok) return Finish();
    Read();
    if (!is_closed_) events_->OnWritable();
  }

  void OnWritten(bool ok) {  // A failure ends the read too.
    if (ok && !is_closed_ && events_ != nullptr) events_->OnWritable();
  }

  void OnRead(bool ok) {
    if (!ok) return Finish();
    const absl::StatusOr<Unwrapped> frame = Unwrap(received_);
    if (!frame.ok()) {
      damage_ = frame.status();
      context_.TryCancel();
      return Finish();
    }
    if (!is_closed_) events_->OnReceived(frame->pieces);
    Read();
  }

  void OnFinished(bool) {
    const std::shared_ptr<ConnectionEvents> events = std::exchange(events_, nullptr);
    if (is_closed_) return;
    if (!damage_.ok()) return events->OnClosed(damage_);
    events->OnClosed(UnavailableError(
        "{}: {}", address_, status_.ok() ? "ended by the other store" : status_.error_message()));
  }

  void Read() {
    void* const tag = read_.Begin(loop_, shared_from_this());
    if (tag != nullptr) call_->Read(&received_, tag);
  }

  void Finish() {
    void* const tag = finish_.Begin(loop_, shared_from_this());
    if (tag != nullptr) call_->Finish(&status_, tag);
  }

  const std::shared_ptr<net::CompletionLoop> loop_;
  const std::string address_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  std::atomic<bool> is_closed_ = false;

  // Of the loop's thread.
  std::shared_ptr<ConnectionEvents> events_;
  grpc::ByteBuffer received_;
  absl::Status damage_;
  grpc::Status status_;

  net::Step<Stream> start_{&Stream::OnStarted};
  net::Step<Stream> write_{&Stream::OnWritten};
  net::Step<Stream> read_{&Stream::OnRead};
  net::Step<Stream> finish_{&Stream::OnFinished};
};

RaftNetwork::RaftNetwork(std::shared_ptr<net::Poller> poller, std::optional<net::Tls> tls)
    : options_{.message_bytes_max = transport::kFrameBytesMax + kFrameWrapBytesMax,
               .tls = std::move(tls)},
      loop_(std::make_shared<net::CompletionLoop>(std::move(poller))) {}

RaftNetwork::~RaftNetwork() {
  loop_->Close();
  {
    MutexLock lock(mutex_);
    for (const auto& weak : streams_) {
      if (const auto stream = weak.lock()) stream->Close();
    }
  }
  loop_->Stop();
}

std::shared_ptr<Connection> RaftNetwork::Open(const std::string& address, transport::Lane,
                                              std::shared_ptr<ConnectionEvents> events) {
  auto stream = std::make_shared<Stream>(loop_, address, options_, std::move(events));
  {
    MutexLock lock(mutex_);
    std::erase_if(streams_, [](const auto& weak) { return weak.expired(); });
    streams_.push_back(stream);
  }
  stream->Start();
  return stream;
}

}  // namespace nokv::rpc
