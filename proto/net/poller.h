// The thread of a process that waits for gRPC, and the completion queue that it waits on.
//
// gRPC has one set of connections for a whole process: whichever thread waits gets all events, and
// wakes the threads of the queues that they are for. So a process has one of these, which its
// server and everything that calls others share; each of them has a CompletionLoop on it.
//
// Thread-safety: safe. The destructor ends the thread, and must not be called on it; all loops have
// been stopped by then.
#pragma once

#include <memory>
#include <thread>

namespace grpc {
class CompletionQueue;
class ServerBuilder;
class ServerCompletionQueue;
}  // namespace grpc

namespace nokv::net {

class Poller {
 public:
  // Of a process that only calls others.
  static std::shared_ptr<Poller> OfCalls();

  // Of a process that serves, and may call others too, also before it serves. The server has
  // reflection, and must have: otherwise gRPC answers calls of unknown methods on this queue, uses
  // the server for that, and no loop knows.
  static std::shared_ptr<Poller> OfServer();

  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  ~Poller();

  grpc::CompletionQueue& queue() { return *queue_; }

  // Of a server only, and once: what it is built with.
  std::unique_ptr<grpc::ServerBuilder> TakeBuilder();

  grpc::ServerCompletionQueue* server_queue() { return server_queue_; }

  bool IsThisThread() const { return thread_.get_id() == std::this_thread::get_id(); }

 private:
  Poller();
  explicit Poller(std::unique_ptr<grpc::ServerBuilder> builder);

  void Run();

  std::unique_ptr<grpc::ServerBuilder> builder_;  // Until it is taken.
  std::unique_ptr<grpc::CompletionQueue> queue_;
  grpc::ServerCompletionQueue* server_queue_ = nullptr;

  std::thread thread_;  // Last: it uses the others.
};

}  // namespace nokv::net
