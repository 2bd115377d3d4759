// The client between threads: callbacks from several at once, callers on others, and an end in the
// middle of it.
#include "percolator/client/blocking_client.h"
#include "percolator/client/client.h"

#include <catch2/catch.hpp>

#include <atomic>
#include <map>
#include <thread>

namespace nokv::client {
namespace {

// One region whose counters are right whoever adds; answers on a pool of threads.
class ThreadedCluster final : public KvNetwork, public pd::PdClient, public Timer {
 public:
  explicit ThreadedCluster(Executor& executor) : executor_(executor) {}

  void Call(const std::string&, kv::v1::Command command, absl::Duration, Done done) override {
    executor_.Submit(Priority::kHigh, [=, this] {
      kv::v1::CommandResult result;
      MutexLock lock(mutex_);
      // Now and then a leader that is none, so that calls wait and come again.
      if (++calls_ % 7 == 0) {
        result.mutable_prewrite()->mutable_region_error()->mutable_stale_command();
      } else {
        int64_t& sum = sums_[command.prewrite().mutations(0).key()];
        sum += command.prewrite().mutations(0).delta();
        result.mutable_prewrite()->mutable_done()->set_one_phase_commit_ts(1);
        result.mutable_prewrite()->mutable_done()->add_sums(sum);
      }
      executor_.Submit(Priority::kHigh, [=] { done(result); });
    });
  }

  void Tso(pd::v1::TsoRequest request, pd::Done<pd::v1::TsoResponse> done) override {
    executor_.Submit(Priority::kHigh, [=, this] {
      pd::v1::TsoResponse response;
      response.set_count(request.count());
      response.set_first_timestamp(next_timestamp_.fetch_add(request.count()));
      done(response);
    });
  }

  void GetRegionByKey(pd::v1::GetRegionByKeyRequest,
                      pd::Done<pd::v1::GetRegionByKeyResponse> done) override {
    executor_.Submit(Priority::kHigh, [=] {
      pd::v1::GetRegionByKeyResponse response;
      response.set_cluster_id(1);
      meta::v1::Region& region = *response.mutable_route()->mutable_region();
      region.set_id(1);
      region.mutable_epoch()->set_version(1);
      meta::v1::Peer& peer = *region.add_peers();
      peer.set_id(11);
      peer.set_store_id(1);
      peer.set_role(meta::v1::PEER_ROLE_VOTER);
      meta::v1::Store& store = *response.mutable_route()->add_stores();
      store.set_id(1);
      store.set_address("store");
      done(response);
    });
  }

  void StoreHeartbeat(pd::v1::StoreHeartbeatRequest,
                      pd::Done<pd::v1::StoreHeartbeatResponse>) override {}

  void RegionHeartbeat(pd::v1::RegionHeartbeatRequest,
                       pd::Done<pd::v1::RegionHeartbeatResponse>) override {}

  void ScanRegions(pd::v1::ScanRegionsRequest, pd::Done<pd::v1::ScanRegionsResponse>) override {}

  void AllocId(pd::v1::AllocIdRequest, pd::Done<pd::v1::AllocIdResponse>) override {}

  // Time is always up at once, but for the sweeps of queues, which would never end.
  void After(absl::Duration delay, Task task) override {
    if (delay < absl::Milliseconds(50)) executor_.Submit(Priority::kLow, std::move(task));
  }

 private:
  Executor& executor_;
  Mutex mutex_;
  std::map<std::string, int64_t> sums_;
  int calls_ = 0;
  std::atomic<uint64_t> next_timestamp_{100};
};

Seams SeamsOf(ThreadedCluster& cluster, Executor& executor) {
  return {.network = cluster,
          .pd = cluster,
          .timer = cluster,
          .clock = SystemClock(),
          .executor = executor};
}

TEST_CASE("many threads add, and every add counts once", "[client]") {
  const std::unique_ptr<Executor> executor = NewThreadPool(3);
  ThreadedCluster cluster(*executor);
  Client client(SeamsOf(cluster, *executor), {});
  constexpr int kThreads = 4;
  constexpr int kAdds = 300;
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      BlockingClient blocking(client, *executor);
      for (int j = 0; j < kAdds; ++j) {
        if (!blocking.Add({.key = "n", .delta = 1}).ok()) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE(failures.load() == 0);
  const auto sum = BlockingClient(client, *executor).Add({.key = "n", .delta = 0});
  REQUIRE(std::get<Sum>(*sum).value == kThreads * kAdds);
}

TEST_CASE("a client may end while its callbacks come from everywhere", "[client]") {
  const std::unique_ptr<Executor> executor = NewThreadPool(3);
  ThreadedCluster cluster(*executor);
  std::atomic<int> answers{0};
  for (int round = 0; round < 100; ++round) {
    Client client(SeamsOf(cluster, *executor), {});
    for (int i = 0; i < 20; ++i) {
      client.Add({.key = "n", .delta = 1}, [&](const auto&) { ++answers; });
    }
    for (int spin = 0; spin < round * 50; ++spin) answers.load();
  }
  REQUIRE(answers.load() <= 2000);
}

}  // namespace
}  // namespace nokv::client
