#include "percolator/client/grpc/store_stream.h"

#include <grpcpp/channel.h>
#include <grpcpp/completion_queue.h>
#include <utility>

namespace nokv::client {
namespace {

// Results are at most 8 MiB, unless a single one is larger.
constexpr int kMessageBytesMax = 16 << 20;

// What a command takes in a batch beside what the caller has set: its id, tag and length.
constexpr size_t kCommandWrapBytes = 24;

uint64_t NanosOf(absl::Duration duration) {
  return static_cast<uint64_t>(absl::ToInt64Nanoseconds(duration));
}

}  // namespace

StoreStream::StoreStream(const std::string& address, const GrpcKvOptions& options,
                         const Seams& seams)
    : address_(address),
      options_(options),
      seams_(seams),
      connect_until_nanos_(seams.clock.MonotonicNanos() + NanosOf(options.connect_time_max)),
      stub_(kv::v1::Kv::NewStub(
          net::NewChannel(address, {.message_bytes_max = kMessageBytesMax, .tls = options.tls}))) {}

void StoreStream::Start() {
  void* const tag = start_.Begin(seams_.loop, shared_from_this());
  if (tag == nullptr) return;
  stream_ = stub_->PrepareAsyncKvBatch(&context_, seams_.loop->queue());
  stream_->StartCall(tag);
}

bool StoreStream::Add(kv::v1::Command& command, absl::Duration timeout, KvNetwork::Done& done) {
  const size_t size = command.ByteSizeLong() + kCommandWrapBytes;
  absl::Status refusal;
  {
    MutexLock lock(mutex_);
    if (ended_.is_ended) return false;
    if (size > kBatchBytesMax) {
      refusal = InvalidArgumentError("a command of {} bytes: at most {}", size, kBatchBytesMax);
    } else if (calls_.size() >= options_.calls_max ||
               waiting_bytes_ + size > options_.waiting_bytes_max) {
      refusal = UnavailableError("{}: {} calls and {} bytes wait already", address_, calls_.size(),
                                 waiting_bytes_);
    } else {
      command.set_id(++last_id_);
      calls_[last_id_] = {.done = std::move(done),
                          .until_nanos = seams_.clock.MonotonicNanos() + NanosOf(timeout)};
      waiting_bytes_ += size;
      waiting_.push_back({.command = std::move(command), .size_bytes = size});
      if (std::exchange(is_awake_, true)) return true;
    }
  }
  if (!refusal.ok()) {
    Answers answers;
    answers.emplace_back(std::move(done), NotSent(refusal));
    Deliver(std::move(answers));
    return true;
  }
  // Until the loop's thread comes, whatever else is called now joins the same message.
  void* const tag = wake_.Begin(seams_.loop, shared_from_this());
  if (tag != nullptr) alarm_.Set(seams_.loop->queue(), gpr_inf_past(GPR_CLOCK_MONOTONIC), tag);
  return true;
}

void StoreStream::OnStarted(bool ok) {
  if (!ok) return Finish();
  {
    MutexLock lock(mutex_);
    is_started_ = true;
  }
  is_writing_ = false;
  Read();
  Write();
}

void StoreStream::OnWoken(bool) { Write(); }

void StoreStream::OnWritten(bool ok) {
  is_writing_ = false;
  if (ok) Write();  // A failure ends the read too.
}

// The next message, if there is none on its way. It stays awake as long as there is something to
// write: then OnWritten looks.
void StoreStream::Write() {
  if (is_writing_) return;
  kv::v1::KvBatchRequest batch;
  {
    MutexLock lock(mutex_);
    if (ended_.is_ended) return;
    batch = TakeBatchLocked();
    is_awake_ = batch.commands_size() > 0;
    if (!is_awake_) return;
  }
  void* const tag = write_.Begin(seams_.loop, shared_from_this());
  if (tag == nullptr) return;
  is_writing_ = true;
  stream_->Write(batch, tag);
}

kv::v1::KvBatchRequest StoreStream::TakeBatchLocked() {
  kv::v1::KvBatchRequest batch;
  size_t bytes = 0;
  while (!waiting_.empty() && static_cast<size_t>(batch.commands_size()) < kBatchCommandsMax) {
    Waiting& next = waiting_.front();
    if (bytes > 0 && bytes + next.size_bytes > kBatchBytesMax) break;
    if (calls_.contains(next.command.id())) {  // Else it became too old.
      bytes += next.size_bytes;
      *batch.add_commands() = std::move(next.command);
    }
    waiting_bytes_ -= next.size_bytes;
    waiting_.pop_front();
  }
  return batch;
}

void StoreStream::OnRead(bool ok) {
  if (!ok) return Finish();
  Answers answers;
  {
    MutexLock lock(mutex_);
    ended_.has_served = true;
    for (kv::v1::CommandResult& result : *received_.mutable_results()) {
      const auto found = calls_.find(result.id());
      if (found == calls_.end()) continue;  // It became too old.
      if (result.has_unknown()) {
        answers.emplace_back(std::move(found->second.done),
                             UnavailableError("{}: {}", address_, result.unknown().message()));
      } else {
        answers.emplace_back(std::move(found->second.done), std::move(result));
      }
      calls_.erase(found);
    }
  }
  Deliver(std::move(answers));
  Read();
}

void StoreStream::Read() {
  void* const tag = read_.Begin(seams_.loop, shared_from_this());
  if (tag != nullptr) stream_->Read(&received_, tag);
}

void StoreStream::Finish() {
  void* const tag = finish_.Begin(seams_.loop, shared_from_this());
  if (tag != nullptr) stream_->Finish(&status_, tag);
}

void StoreStream::OnFinished(bool) {
  const absl::Status why = UnavailableError(
      "{}: {}", address_, status_.ok() ? "the store ended the stream" : status_.error_message());
  Answers answers;
  {
    MutexLock lock(mutex_);
    ended_.is_ended = true;
    ended_.at_nanos = seams_.clock.MonotonicNanos();
    ended_.why = why;
    for (auto& [id, call] : calls_) {
      answers.emplace_back(std::move(call.done), IsWaitingLocked(id) ? NotSent(why) : why);
    }
    calls_.clear();
    waiting_.clear();
  }
  Deliver(std::move(answers));
}

void StoreStream::Tick() {
  const uint64_t now = seams_.clock.MonotonicNanos();
  Answers answers;
  bool is_too_slow = false;
  {
    MutexLock lock(mutex_);
    is_too_slow = !is_started_ && now >= connect_until_nanos_;
    std::erase_if(calls_, [&](auto& item) {
      if (now < item.second.until_nanos) return false;
      const absl::Status why = absl::DeadlineExceededError(
          AbslView(fmt::format("{} has not answered in time", address_)));
      answers.emplace_back(std::move(item.second.done),
                           IsWaitingLocked(item.first) ? NotSent(why) : why);
      return true;
    });
  }
  if (is_too_slow) context_.TryCancel();
  Deliver(std::move(answers));
}

// Ids grow, and what waits leaves from its front.
bool StoreStream::IsWaitingLocked(uint64_t id) const {
  return !waiting_.empty() && waiting_.front().command.id() <= id;
}

void StoreStream::Forget() {
  {
    MutexLock lock(mutex_);
    ended_.is_ended = true;
    calls_.clear();
    waiting_.clear();
  }
  context_.TryCancel();
}

bool StoreStream::is_busy() {
  MutexLock lock(mutex_);
  return !calls_.empty();
}

StoreStream::Ended StoreStream::ended() {
  MutexLock lock(mutex_);
  return ended_;
}

void StoreStream::Deliver(Answers answers) {
  if (answers.empty()) return;
  seams_.executor.Submit(Priority::kHigh, [answers = std::move(answers)]() mutable {
    for (auto& [done, answer] : answers) done(std::move(answer));
  });
}

}  // namespace nokv::client
