// What the calls of a Kv service share. Private to the service's own files.
//
// Thread-safety: set before the first call, but for the counters, which are safe.
#pragma once

#include "engine/base/clock.h"
#include "proto/kv.grpc.pb.h"
#include "proto/net/completion_loop.h"
#include "raftstore/rpc/answer_budget.h"
#include "raftstore/rpc/deliveries.h"
#include "raftstore/rpc/kv_handler.h"
#include "raftstore/rpc/kv_service.h"
#include "raftstore/rpc/stream_seats.h"

#include <atomic>
#include <memory>

namespace nokv::rpc {

// `Service` with each of the methods made raw.
template <typename Service, template <typename> typename... Methods>
struct RawMethods {
  using Type = Service;
};

template <typename Service, template <typename> typename First,
          template <typename> typename... Methods>
struct RawMethods<Service, First, Methods...> : RawMethods<First<Service>, Methods...> {};

// Messages are bytes to gRPC: what is too large, or would be in memory, is refused before it is
// parsed.
using Kv = kv::v1::Kv;
using KvAsyncService =
    RawMethods<Kv::AsyncService, Kv::WithRawMethod_KvGet, Kv::WithRawMethod_KvBatchGet,
               Kv::WithRawMethod_KvScan, Kv::WithRawMethod_KvPrewrite, Kv::WithRawMethod_KvCommit,
               Kv::WithRawMethod_KvBatchRollback, Kv::WithRawMethod_KvResolveLock,
               Kv::WithRawMethod_KvCheckTxnStatus, Kv::WithRawMethod_KvTxnHeartBeat,
               Kv::WithRawMethod_KvBatch>::Type;

struct KvCore {
  KvHandler& handler;
  Clock& clock;
  const KvLimits limits;
  KvAsyncService service = {};
  std::shared_ptr<net::CompletionLoop> loop = {};
  grpc::ServerCompletionQueue* queue = nullptr;
  std::atomic<size_t> calls = 0;
  AnswerBudget answers = AnswerBudget(limits.all_answer_bytes_max);
  Deliveries deliveries = {};
  StreamSeats seats = StreamSeats(limits);

  // After an answer has been counted in.
  void EndThoseWhoTakeNothing();
};

}  // namespace nokv::rpc
