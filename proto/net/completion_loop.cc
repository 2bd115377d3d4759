#include "proto/net/completion_loop.h"

#include "engine/base/check.h"

#include <grpc/grpc.h>

#include <grpcpp/completion_queue.h>

namespace nokv::net {
namespace {

// gRPC ends with the last of its objects, and that may take ten seconds: a thread of its own sleeps
// so long in a poll. Held once, it stays for the life of the process.
void KeepGrpc() {
  static const bool is_kept = (grpc_init(), true);
  static_cast<void>(is_kept);
}

}  // namespace

CompletionLoop::CompletionLoop(std::unique_ptr<grpc::CompletionQueue> queue)
    : queue_(std::move(queue)), thread_([this] { Run(); }) {
  KeepGrpc();
}

CompletionLoop::~CompletionLoop() {
  if (thread_.joinable()) Stop();
}

void CompletionLoop::Stop() {
  NOKV_CHECK(thread_.get_id() != std::this_thread::get_id());
  Close();
  {
    MutexLock lock(mutex_);
    while (under_way_ > 0) idle_.Wait(mutex_);
  }
  queue_->Shutdown();
  thread_.join();
}

void CompletionLoop::Close() {
  MutexLock lock(mutex_);
  is_closed_ = true;
}

bool CompletionLoop::Begin() {
  MutexLock lock(mutex_);
  if (is_closed_) return false;
  ++under_way_;
  return true;
}

void CompletionLoop::Run() {
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) {
    static_cast<Completion*>(tag)->Complete(ok);
    MutexLock lock(mutex_);
    if (--under_way_ == 0 && is_closed_) idle_.SignalAll();
  }
}

}  // namespace nokv::net
