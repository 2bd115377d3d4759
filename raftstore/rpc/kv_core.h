// What the calls of a Kv service share. Private to the service's own files.
//
// Thread-safety: set before the first call, but for the counters, which are safe.
#pragma once

#include "engine/base/clock.h"
#include "proto/kv.grpc.pb.h"
#include "proto/net/completion_loop.h"
#include "raftstore/rpc/answer_budget.h"
#include "raftstore/rpc/kv_handler.h"
#include "raftstore/rpc/kv_service.h"
#include "raftstore/rpc/stream_seats.h"

#include <atomic>
#include <memory>

namespace nokv::rpc {

// Messages of batches are bytes to gRPC: what is too large is refused before it is read.
using KvAsyncService = kv::v1::Kv::WithRawMethod_KvBatch<kv::v1::Kv::AsyncService>;

struct KvCore {
  KvHandler& handler;
  Clock& clock;
  const KvLimits limits;
  KvAsyncService service = {};
  std::shared_ptr<net::CompletionLoop> loop = {};
  grpc::ServerCompletionQueue* queue = nullptr;
  std::atomic<size_t> calls = 0;
  AnswerBudget answers = AnswerBudget(limits.all_answer_bytes_max);
  StreamSeats seats = StreamSeats(limits);
};

}  // namespace nokv::rpc
