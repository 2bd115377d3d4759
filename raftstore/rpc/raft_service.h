// The transport's network over gRPC: the side that is called.
//
// Thread-safety: Start() once; then events come on the loop's thread, one after the other.
#pragma once

#include "proto/net/completion_loop.h"
#include "raftstore/transport/network.h"

#include <memory>

namespace grpc {
class ServerCompletionQueue;
class Service;
}  // namespace grpc

namespace nokv::rpc {

class RaftService {
 public:
  explicit RaftService(std::shared_ptr<transport::Acceptor> acceptor);
  ~RaftService();

  // To be registered with the server.
  grpc::Service& service();

  // Once the server runs. It accepts until the server is shut down, which must be before the loop
  // is stopped; this object stays until then.
  void Start(std::shared_ptr<net::CompletionLoop> loop, grpc::ServerCompletionQueue* queue);

 private:
  struct Core;
  class Stream;

  const std::shared_ptr<Core> core_;
};

}  // namespace nokv::rpc
