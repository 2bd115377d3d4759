// One stream of batches to one store, from the attempt to connect to the end; then comes another.
//
//   Add() ─► waiting ─► a message, when none is on its way ─► under way ─► answered, or too old
//
// Invariants: every call that was added is answered once, by its result, by its age, or by the
// stream's end, unless the stream is forgotten; never inside Add(). Nothing is added after the end.
//
// Thread-safety: safe. Steps run on the loop's thread.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/mutex.h"
#include "percolator/client/grpc/grpc_kv_network.h"
#include "proto/kv.grpc.pb.h"
#include "proto/net/completion_loop.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <grpcpp/alarm.h>
#include <grpcpp/client_context.h>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace nokv::client {

// Of one message, as the contract has it.
inline constexpr size_t kBatchCommandsMax = 256;
inline constexpr size_t kBatchBytesMax = 8 << 20;

class StoreStream final : public std::enable_shared_from_this<StoreStream> {
 public:
  struct Seams {
    std::shared_ptr<net::CompletionLoop> loop;
    Executor& executor;
    Clock& clock;
  };

  StoreStream(const std::string& address, const GrpcKvOptions& options, const Seams& seams);

  void Start();

  // False if the stream has ended: nothing was taken. If there is no room, the call is answered.
  bool Add(kv::v1::Command& command, absl::Duration timeout, KvNetwork::Done& done);

  // Answers the calls whose time is up, and ends an attempt to connect that takes too long.
  void Tick();

  // Ends the stream. What waits is forgotten.
  void Forget();

  // Whether calls wait for an answer.
  bool is_busy();

  // What a new stream would do better: set once this one has ended.
  struct Ended {
    bool is_ended = false;
    bool has_served = false;  // Something was answered on it.
    uint64_t at_nanos = 0;
    absl::Status why = {};
  };

  Ended ended();

 private:
  struct Call {
    KvNetwork::Done done;
    uint64_t until_nanos = 0;
  };

  struct Waiting {
    kv::v1::Command command;
    size_t size_bytes = 0;
  };

  using Answers = std::vector<std::pair<KvNetwork::Done, absl::StatusOr<kv::v1::CommandResult>>>;

  void OnStarted(bool ok);
  void OnWoken(bool ok);
  void OnWritten(bool ok);
  void OnRead(bool ok);
  void OnFinished(bool ok);

  void Read();
  void Write();
  void Finish();
  kv::v1::KvBatchRequest TakeBatchLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsWaitingLocked(uint64_t id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Deliver(Answers answers);

  const std::string address_;
  const GrpcKvOptions options_;
  const Seams seams_;
  const uint64_t connect_until_nanos_;

  std::unique_ptr<kv::v1::Kv::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<kv::v1::KvBatchRequest, kv::v1::KvBatchResponse>>
      stream_;
  grpc::Alarm alarm_;

  // Of the loop's thread.
  bool is_writing_ = true;  // Until it has started, nothing is written.
  kv::v1::KvBatchResponse received_;
  grpc::Status status_;

  Mutex mutex_;
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unordered_map<uint64_t, Call> calls_ ABSL_GUARDED_BY(mutex_);
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  uint64_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_awake_ ABSL_GUARDED_BY(mutex_) = true;  // The loop will look at what waits.
  bool is_started_ ABSL_GUARDED_BY(mutex_) = false;
  Ended ended_ ABSL_GUARDED_BY(mutex_);

  net::Step<StoreStream> start_{&StoreStream::OnStarted};
  net::Step<StoreStream> wake_{&StoreStream::OnWoken};
  net::Step<StoreStream> write_{&StoreStream::OnWritten};
  net::Step<StoreStream> read_{&StoreStream::OnRead};
  net::Step<StoreStream> finish_{&StoreStream::OnFinished};
};

}  // namespace nokv::client
