// What the calls of the Pd service share: the service behind them, the loop that serves them, and
// how many of them there are.
//
// Thread-safety: the loop's thread accepts calls; they end on any.
#pragma once

#include "pd/rpc/server.h"
#include "pd/service/service.h"
#include "proto/net/completion_loop.h"
#include "proto/pd.grpc.pb.h"

#include <atomic>
#include <cstddef>
#include <grpcpp/completion_queue.h>
#include <memory>

namespace nokv::pd {

using PdAsyncService = v1::Pd::AsyncService;

struct Core {
  Service& service;
  const ServerLimits limits;
  PdAsyncService calls = {};
  std::shared_ptr<net::CompletionLoop> loop = {};
  grpc::ServerCompletionQueue* queue = nullptr;

  std::atomic<size_t> calls_under_way{0};
  std::atomic<size_t> streams_open{0};
};

// Waits for calls and streams of every method.
void AcceptEverything(const std::shared_ptr<Core>& core);

}  // namespace nokv::pd
