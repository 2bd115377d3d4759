#include "proto/net/poller.h"

#include "engine/base/check.h"
#include "proto/net/completion_loop.h"

#include <grpc/grpc.h>

#include <grpcpp/completion_queue.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/server_builder.h>
#include <utility>

namespace nokv::net {
namespace {

// gRPC ends with the last of its objects, and that may take ten seconds: a thread of its own sleeps
// so long in a poll. Held once, it stays for the life of the process.
void KeepGrpc() {
  static const bool is_kept = (grpc_init(), true);
  static_cast<void>(is_kept);
}

}  // namespace

std::shared_ptr<Poller> Poller::OfCalls() { return std::shared_ptr<Poller>(new Poller()); }

std::shared_ptr<Poller> Poller::OfServer() {
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();  // For builders made after it.
  return std::shared_ptr<Poller>(new Poller(std::make_unique<grpc::ServerBuilder>()));
}

Poller::Poller() : queue_(std::make_unique<grpc::CompletionQueue>()), thread_([this] { Run(); }) {
  KeepGrpc();
}

Poller::Poller(std::unique_ptr<grpc::ServerBuilder> builder) : builder_(std::move(builder)) {
  KeepGrpc();
  // Reflection is the only service that is served by a thread of gRPC's own.
  builder_->SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder_->SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder_->SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);
  std::unique_ptr<grpc::ServerCompletionQueue> queue = builder_->AddCompletionQueue();
  server_queue_ = queue.get();
  queue_ = std::move(queue);
  thread_ = std::thread([this] { Run(); });
}

Poller::~Poller() {
  NOKV_CHECK(!IsThisThread());
  queue_->Shutdown();
  thread_.join();
}

std::unique_ptr<grpc::ServerBuilder> Poller::TakeBuilder() {
  NOKV_CHECK(builder_ != nullptr);
  return std::move(builder_);
}

void Poller::Run() {
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) static_cast<Completion*>(tag)->Complete(ok);
}

}  // namespace nokv::net
