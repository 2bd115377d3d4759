#include "raftstore/rpc/kv_stream.h"

#include "proto/net/channel.h"
#include "raftstore/rpc/batch_shape.h"
#include "raftstore/rpc/checked_message.h"

#include <grpcpp/completion_queue.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <utility>

namespace nokv::rpc {
namespace {

template <typename Message>
using Traits = grpc::SerializationTraits<Message>;

}  // namespace

KvStream::~KvStream() {
  if (seat_) core_->seats.Leave(*seat_);
  core_->deliveries.End(delivery_);
  core_->answers.Give(result_bytes_ + writing_bytes_);
}

void KvStream::AcceptNext(const std::shared_ptr<KvCore>& core) {
  const auto stream = std::make_shared<KvStream>(core);
  void* const tag = stream->accept_.Begin(core->loop, stream);
  if (tag == nullptr) return;
  core->service.RequestKvBatch(&stream->context_, &stream->stream_, core->queue, core->queue, tag);
}

void KvStream::OnAccepted(bool ok) {
  if (!ok) return;  // The server is shutting down.
  AcceptNext(core_);
  const uint64_t now_nanos = core_->clock.MonotonicNanos();
  for (const std::shared_ptr<KvStream>& idle : core_->seats.Idle(now_nanos)) idle->EndIdle();
  const absl::StatusOr<StreamSeats::Place> seat =
      core_->seats.Take(weak_from_this(), context_.peer(), now_nanos);
  if (!seat.ok()) return End(seat.status());
  seat_ = *seat;
  Read();
}

void KvStream::Read() {
  void* const tag = read_.Begin(core_->loop, shared_from_this());
  if (tag != nullptr) stream_.Read(&received_, tag);
}

void KvStream::OnRead(bool ok) {
  if (is_finishing_) return;
  is_read_over_ = !ok;
  if (is_read_over_) {
    if (unanswered_ == 0 && writing_ == 0) End(absl::OkStatus());
    return;
  }
  core_->seats.NoteSpoken(*seat_, core_->clock.MonotonicNanos());
  if (const absl::Status status = TakeBatch(); !status.ok()) return End(status);
  is_paused_ = unanswered_ >= core_->limits.commands_max;
  if (!is_paused_) Read();
}

absl::Status KvStream::TakeBatch() {
  if (received_.Length() > kBatchBytesMax) {
    return ResourceExhaustedError("a batch of {} bytes: at most {}", received_.Length(),
                                  kBatchBytesMax);
  }
  kv::v1::KvBatchRequest batch;
  RETURN_IF_ERROR(ParseChecked(received_, &CheckShape, &batch));
  unanswered_ += static_cast<size_t>(batch.commands_size());
  for (kv::v1::Command& command : *batch.mutable_commands()) {
    const uint64_t id = command.id();
    core_->handler.Submit(std::move(command), [self = shared_from_this(), id](auto answer) {
      self->Answer(id, std::move(answer));
    });
  }
  return absl::OkStatus();
}

void KvStream::Answer(uint64_t id, absl::StatusOr<kv::v1::CommandResult> answer) {
  Result result;
  if (answer.ok()) {
    result.result = *std::move(answer);
  } else {
    const std::string_view why = StdView(answer.status().message());
    result.result.mutable_unknown()->set_message(why.data(), why.size());
  }
  result.result.set_id(id);
  const bool is_first = Keep(std::move(result));
  core_->EndThoseWhoTakeNothing();
  if (!is_first) return;
  // Until the loop's thread comes, whatever else is answered now joins the same message.
  void* const tag = wake_.Begin(core_->loop, shared_from_this());
  if (tag != nullptr) alarm_.Set(core_->queue, gpr_inf_past(GPR_CLOCK_MONOTONIC), tag);
}

// True if nobody would look at it.
bool KvStream::Keep(Result result) {
  const size_t size = result.result.ByteSizeLong();
  MutexLock lock(mutex_);
  if (is_over_) return false;
  const bool has_room = result_bytes_ + size <= core_->limits.answer_bytes_max;
  result.size_bytes = core_->answers.Take(result.result, size, has_room);
  result_bytes_ += result.size_bytes;
  results_.push_back(std::move(result));
  return !std::exchange(is_awake_, true);
}

void KvStream::OnWoken(bool) { Write(); }

void KvStream::OnWritten(bool ok) {
  core_->deliveries.End(delivery_);
  unanswered_ -= std::exchange(writing_, 0);
  core_->answers.Give(std::exchange(writing_bytes_, 0));
  if (!ok) {
    if (why_.ok()) why_ = UnavailableError("the client is gone");
    is_finishing_ = true;
  }
  if (is_finishing_) return Finish();
  if (is_paused_ && unanswered_ < core_->limits.commands_max) {
    is_paused_ = false;
    Read();
  }
  Write();
  const bool is_done = is_read_over_ && unanswered_ == 0 && !is_finishing_;
  if (is_done) End(absl::OkStatus());
}

// The next message, if there is none on its way. It stays awake as long as there is something to
// write: then OnWritten looks.
void KvStream::Write() {
  if (writing_ > 0 || is_finishing_) return;
  kv::v1::KvBatchResponse response;
  {
    MutexLock lock(mutex_);
    response = TakeResultsLocked();
    is_awake_ = response.results_size() > 0;
    if (!is_awake_) return;
  }
  grpc::ByteBuffer bytes;
  bool is_owned = false;
  if (!Traits<kv::v1::KvBatchResponse>::Serialize(response, &bytes, &is_owned).ok()) {
    return End(InternalError("{} results that can't be written", response.results_size()));
  }
  void* const tag = write_.Begin(core_->loop, shared_from_this());
  if (tag == nullptr) return;
  writing_ = static_cast<size_t>(response.results_size());
  delivery_ = core_->deliveries.Begin(core_->clock.MonotonicNanos(), [weak = weak_from_this()] {
    if (const std::shared_ptr<KvStream> stream = weak.lock()) stream->context_.TryCancel();
  });
  stream_.Write(bytes, tag);
}

kv::v1::KvBatchResponse KvStream::TakeResultsLocked() {
  kv::v1::KvBatchResponse response;
  uint64_t bytes = 0;
  while (!results_.empty() && static_cast<size_t>(response.results_size()) < kBatchCommandsMax) {
    Result& next = results_.front();
    if (bytes > 0 && bytes + next.size_bytes > kBatchBytesMax) break;
    bytes += next.size_bytes;
    *response.add_results() = std::move(next.result);
    results_.pop_front();
  }
  result_bytes_ -= bytes;
  writing_bytes_ = bytes;
  return response;
}

void KvStream::End(const absl::Status& why) {
  why_ = why;
  is_finishing_ = true;
  if (writing_ == 0) Finish();  // Else when the message is gone.
}

// Nobody else's message waits for this one's client to read.
void KvStream::EndIdle() {
  if (is_finishing_) return;
  if (writing_ > 0) context_.TryCancel();
  End(UnavailableError("the stream has said nothing for {}, and others need its place",
                       absl::FormatDuration(core_->limits.idle_time_max)));
}

void KvStream::Finish() {
  {
    MutexLock lock(mutex_);
    is_over_ = true;
    results_.clear();
    core_->answers.Give(std::exchange(result_bytes_, 0));
  }
  void* const tag = finish_.Begin(core_->loop, shared_from_this());
  if (tag != nullptr) stream_.Finish(net::ToGrpc(why_), tag);
}

}  // namespace nokv::rpc
