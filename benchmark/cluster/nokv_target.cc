#include "benchmark/cluster/target.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/random.h"
#include "pd/client/grpc/grpc_pd_client.h"
#include "percolator/client/client.h"
#include "percolator/client/grpc/grpc_kv_network.h"
#include "percolator/client/tick_timer.h"
#include "proto/net/poller.h"

#include <atomic>
#include <optional>
#include <thread>
#include <utility>

namespace nokv::bench {
namespace {

constexpr absl::Duration kTickPeriod = absl::Milliseconds(5);

class NokvTarget final : public Target {
 public:
  explicit NokvTarget(const std::string& pd_address)
      : executor_(NewThreadPool(1)),
        timer_(SystemClock(), *executor_),
        network_({.seed = EntropySeed()}, *executor_, SystemClock(), poller_),
        pd_({.address = pd_address}, *executor_, SystemClock(), poller_),
        client_(std::make_unique<client::Client>(client::Seams{.network = network_,
                                                               .pd = pd_,
                                                               .timer = timer_,
                                                               .clock = SystemClock(),
                                                               .executor = *executor_},
                                                 client::ClientOptions{.seed = EntropySeed()})),
        ticker_([this] {
          while (!is_stopping_) {
            timer_.Tick();
            SystemClock().SleepFor(kTickPeriod);
          }
        }) {}

  ~NokvTarget() override {
    is_stopping_ = true;
    ticker_.join();
    client_.reset();
  }

  void Put(size_t /*client*/, std::string key, std::string value, PutDone done) override {
    client_->Write({.key = std::move(key), .value = std::move(value)},
                   [done = std::move(done)](const absl::StatusOr<client::WriteOutcome>& outcome) {
                     done(outcome.status());
                   });
  }

  void Get(size_t /*client*/, std::string key, GetDone done) override {
    client_->Get({.key = std::move(key)},
                 [done = std::move(done)](absl::StatusOr<std::optional<client::Value>> value) {
                   if (!value.ok()) return done(value.status());
                   if (!value->has_value()) return done(absl::NotFoundError("no such key"));
                   done(std::move((*value)->bytes));
                 });
  }

 private:
  std::atomic<bool> is_stopping_{false};
  const std::unique_ptr<Executor> executor_;
  client::TickTimer timer_;
  const std::shared_ptr<net::Poller> poller_ = net::Poller::OfCalls();
  client::GrpcKvNetwork network_;
  pd::GrpcPdClient pd_;
  std::unique_ptr<client::Client> client_;
  std::thread ticker_;
};

}  // namespace

std::unique_ptr<Target> NewNokvTarget(const std::string& pd_address) {
  return std::make_unique<NokvTarget>(pd_address);
}

}  // namespace nokv::bench
