#include "cmd/cluster/connection.h"

#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "pd/client/grpc/grpc_pd_client.h"
#include "percolator/client/grpc/grpc_kv_network.h"
#include "proto/net/poller.h"

namespace nokv::cluster {
namespace {

// Waits of the client library are rounded up to it.
constexpr absl::Duration kTickPeriod = absl::Milliseconds(5);

// Callbacks are short and take turns at the client's gate: more threads would only meet there.
constexpr int kThreads = 1;

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const ConnectionOptions& options) {
  const client::GrpcKvOptions kv_options{.seed = EntropySeed()};
  RETURN_IF_ERROR(client::Validate(kv_options));
  const pd::GrpcPdOptions pd_options{.address = options.pd_address};
  std::unique_ptr<Connection> connection(new Connection());
  Executor& executor = *connection->executor_;
  const std::shared_ptr<net::Poller> poller = net::Poller::OfCalls();
  connection->network_ =
      std::make_unique<client::GrpcKvNetwork>(kv_options, executor, SystemClock(), poller);
  connection->pd_ = std::make_unique<pd::GrpcPdClient>(pd_options, executor, SystemClock(), poller);
  const client::Seams seams{.network = *connection->network_,
                            .pd = *connection->pd_,
                            .timer = connection->timer_,
                            .clock = SystemClock(),
                            .executor = executor};
  connection->client_ = std::make_unique<client::Client>(
      seams, client::ClientOptions{.seed = EntropySeed(), .key_owner = options.key_owner});
  connection->ticker_ = std::thread([raw = connection.get()] { raw->Tick(); });
  return connection;
}

Connection::Connection() : executor_(NewThreadPool(kThreads)), timer_(SystemClock(), *executor_) {}

Connection::~Connection() {
  is_stopping_.store(true);
  if (ticker_.joinable()) ticker_.join();
}

void Connection::Tick() {
  while (!is_stopping_.load()) {
    timer_.Tick();
    SystemClock().SleepFor(kTickPeriod);
  }
}

}  // namespace nokv::cluster
