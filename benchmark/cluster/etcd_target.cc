#include "benchmark/cluster/etcd.grpc.pb.h"
#include "benchmark/cluster/target.h"
#include "proto/net/channel.h"
#include "proto/net/completion_loop.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/support/async_unary_call.h>
#include <utility>

namespace nokv::bench {
namespace {

template <typename Response>
class Call final : public std::enable_shared_from_this<Call<Response>> {
 public:
  using Done = std::function<void(const grpc::Status&, Response&)>;

  explicit Call(Done done) : done_(std::move(done)) {}

  template <typename Prepare>
  void Start(const std::shared_ptr<net::CompletionLoop>& loop, const Prepare& prepare) {
    void* const tag = finish_.Begin(loop, this->shared_from_this());
    if (tag == nullptr) return;
    reader_ = prepare(&context_, loop->queue());
    reader_->StartCall();
    reader_->Finish(&response_, &status_, tag);
  }

 private:
  void OnFinished(bool) { done_(status_, response_); }

  const Done done_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> reader_;
  Response response_;
  grpc::Status status_;
  net::Step<Call> finish_{&Call::OnFinished};
};

class EtcdTarget final : public Target {
 public:
  EtcdTarget(const std::vector<std::string>& members, size_t connections)
      : loop_(std::make_shared<net::CompletionLoop>(net::Poller::OfCalls())) {
    for (size_t i = 0; i < connections; ++i) {
      stubs_.push_back(etcdserverpb::KV::NewStub(net::NewChannel(members[i % members.size()], {})));
    }
  }

  ~EtcdTarget() override { loop_->Stop(); }

  void Put(size_t client, std::string key, std::string value, PutDone done) override {
    etcdserverpb::PutRequest request;
    request.set_key(std::move(key));
    request.set_value(std::move(value));
    const auto call = std::make_shared<Call<etcdserverpb::PutResponse>>(
        [done = std::move(done)](const grpc::Status& status, etcdserverpb::PutResponse&) {
          done(net::FromGrpc(status));
        });
    call->Start(loop_, [&](grpc::ClientContext* context, grpc::CompletionQueue* queue) {
      return StubOf(client).PrepareAsyncPut(context, request, queue);
    });
  }

  void Get(size_t client, std::string key, GetDone done) override {
    etcdserverpb::RangeRequest request;
    request.set_key(std::move(key));
    const auto call = std::make_shared<Call<etcdserverpb::RangeResponse>>(
        [done = std::move(done)](const grpc::Status& status,
                                 etcdserverpb::RangeResponse& response) {
          if (!status.ok()) return done(net::FromGrpc(status));
          if (response.kvs_size() == 0) return done(absl::NotFoundError("no such key"));
          done(std::move(*response.mutable_kvs(0)->mutable_value()));
        });
    call->Start(loop_, [&](grpc::ClientContext* context, grpc::CompletionQueue* queue) {
      return StubOf(client).PrepareAsyncRange(context, request, queue);
    });
  }

 private:
  etcdserverpb::KV::Stub& StubOf(size_t client) { return *stubs_[client % stubs_.size()]; }

  const std::shared_ptr<net::CompletionLoop> loop_;
  std::vector<std::unique_ptr<etcdserverpb::KV::Stub>> stubs_;
};

}  // namespace

std::unique_ptr<Target> NewEtcdTarget(const std::vector<std::string>& members, size_t connections) {
  return std::make_unique<EtcdTarget>(members, connections);
}

}  // namespace nokv::bench
