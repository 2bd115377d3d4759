// Tells probes whether a server serves: Check of grpc.health.v1.
//
// gRPC's own would bring threads that poll beside the server's, and every wake-up of the wrong one
// is paid by a call: a store then serves a third fewer.
//
// Thread-safety: Start() once; Set() from anywhere.
#pragma once

#include "proto/net/completion_loop.h"

#include <memory>
#include <string>
#include <vector>

namespace grpc {
class ServerCompletionQueue;
class Service;
}  // namespace grpc

namespace nokv::net {

class Health {
 public:
  // The full names of the services that the server has.
  explicit Health(std::vector<std::string> services);
  ~Health();

  // To be registered with the server.
  grpc::Service& service();

  // Once the server runs. It answers until the server is shut down, which must be before the loop
  // is stopped; this object stays until then.
  void Start(std::shared_ptr<CompletionLoop> loop, grpc::ServerCompletionQueue* queue);

  // True at first.
  void Set(bool is_serving);

 private:
  struct Core;
  class Call;

  const std::shared_ptr<Core> core_;
};

}  // namespace nokv::net
