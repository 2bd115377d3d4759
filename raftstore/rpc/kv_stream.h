// One stream of batches: commands in, results out, by command id and in any order.
//
// Results gather while a message is on its way, and all that have gathered are the next. So a
// message carries many under load and one when there is no more, and nobody waits for a batch to
// fill.
//
// Invariant: at most commands_max and a message's commands are read and not answered; results that
// the client does not take are at most answer_bytes_max, beside those of writes. Past it, or when
// all clients together take too little, those of reads are replaced by a refusal.
//
// Thread-safety: steps run on the loop's thread; answers come from anywhere.
#pragma once

#include "engine/base/mutex.h"
#include "proto/net/completion_loop.h"
#include "raftstore/rpc/kv_core.h"

#include <cstdint>
#include <deque>
#include <grpcpp/alarm.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/byte_buffer.h>
#include <memory>
#include <optional>

namespace nokv::rpc {

class KvStream final : public std::enable_shared_from_this<KvStream> {
 public:
  explicit KvStream(std::shared_ptr<KvCore> core) : core_(std::move(core)), stream_(&context_) {}

  ~KvStream();

  // Waits for the next call, and then for the one after it.
  static void AcceptNext(const std::shared_ptr<KvCore>& core);

 private:
  struct Result {
    kv::v1::CommandResult result;
    size_t size_bytes = 0;
  };

  void OnAccepted(bool ok);
  void OnRead(bool ok);
  void OnWoken(bool ok);
  void OnWritten(bool ok);

  void OnFinished(bool) {}

  void Read();
  absl::Status TakeBatch();
  void Answer(uint64_t id, absl::StatusOr<kv::v1::CommandResult> answer);
  bool Keep(Result result);
  void Write();
  kv::v1::KvBatchResponse TakeResultsLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void End(const absl::Status& why);
  void EndIdle();
  void Finish();

  const std::shared_ptr<KvCore> core_;
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_;
  grpc::Alarm alarm_;

  // Of the loop's thread.
  grpc::ByteBuffer received_;
  std::optional<StreamSeats::Place> seat_;
  bool is_read_over_ = false;  // The client has said all, or is gone.
  bool is_paused_ = false;     // Too much waits to read on.
  bool is_finishing_ = false;
  size_t unanswered_ = 0;  // Commands that were read, and whose results are not on their way.
  size_t writing_ = 0;     // Results in the message on its way; 0: there is none.
  uint64_t writing_bytes_ = 0;
  uint64_t delivery_ = 0;  // Of that message.
  absl::Status why_;

  Mutex mutex_;
  std::deque<Result> results_ ABSL_GUARDED_BY(mutex_);
  uint64_t result_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_awake_ ABSL_GUARDED_BY(mutex_) = false;  // The loop will look at the results.
  bool is_over_ ABSL_GUARDED_BY(mutex_) = false;   // Nobody takes results any more.

  net::Step<KvStream> accept_{&KvStream::OnAccepted};
  net::Step<KvStream> read_{&KvStream::OnRead};
  net::Step<KvStream> wake_{&KvStream::OnWoken};
  net::Step<KvStream> write_{&KvStream::OnWritten};
  net::Step<KvStream> finish_{&KvStream::OnFinished};
};

}  // namespace nokv::rpc
