#include "raftstore/rpc/kv_service.h"

#include "raftstore/rpc/kv_call.h"
#include "raftstore/rpc/kv_core.h"
#include "raftstore/rpc/kv_stream.h"

#include <utility>

namespace nokv::rpc {

KvService::KvService(KvHandler& handler, Clock& clock, const KvLimits& limits)
    : core_(new KvCore{.handler = handler, .clock = clock, .limits = limits}) {}

KvService::~KvService() = default;

grpc::Service& KvService::service() { return core_->service; }

void KvService::Start(std::shared_ptr<net::CompletionLoop> loop,
                      grpc::ServerCompletionQueue* queue) {
  core_->loop = std::move(loop);
  core_->queue = queue;
  KvStream::AcceptNext(core_);
  AcceptKvCalls(core_);
}

}  // namespace nokv::rpc
