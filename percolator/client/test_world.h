// A cluster in one thread and virtual time, for tests of the client and of what is built on it: a
// placement driver, stores and a network between them, which do what they are told to do wrong.
//
// The stores keep every version of every key in one map, as if replication were perfect, but each
// answers for itself: whether it has the region, leads it, and knows the epoch.
//
// Thread-safety: none.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "pd/client/pd_client.h"
#include "percolator/client/kv_network.h"
#include "percolator/client/timer.h"

#include <absl/time/time.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nokv::client {

// Time, and what happens in it.
class TestTime final : public Clock, public Timer, public Executor {
 public:
  uint64_t WallMillis() override { return kWallMillis + now_nanos_ / 1'000'000; }

  uint64_t MonotonicNanos() override { return now_nanos_; }

  void SleepFor(absl::Duration duration) override { RunFor(duration); }

  void After(absl::Duration delay, Timer::Task task) override {
    const auto nanos = static_cast<uint64_t>(absl::ToInt64Nanoseconds(delay));
    events_.emplace(now_nanos_ + nanos, std::move(task));
  }

  void Submit(Priority, Executor::Task task) override {
    events_.emplace(now_nanos_, std::move(task));
  }

  // The next event, whenever it is.
  bool HelpOnce() override {
    if (events_.empty()) return false;
    auto event = events_.extract(events_.begin());
    now_nanos_ = std::max(now_nanos_, event.key());
    event.mapped()();
    return true;
  }

  void RunFor(absl::Duration duration) {
    const uint64_t end = now_nanos_ + static_cast<uint64_t>(absl::ToInt64Nanoseconds(duration));
    while (!events_.empty() && events_.begin()->first <= end) HelpOnce();
    now_nanos_ = std::max(now_nanos_, end);
  }

  size_t waiting() const { return events_.size(); }

 private:
  static constexpr uint64_t kWallMillis = 1'700'000'000'000;

  uint64_t now_nanos_ = 1'000'000'000;
  std::multimap<uint64_t, std::function<void()>> events_;
};

// Versions of keys, with the rules of writes in one phase.
class TestData {
 public:
  struct Version {
    uint64_t commit = 0;
    uint64_t start = 0;
    std::optional<std::string> value;  // Nothing: deleted.
    uint64_t expiry_ms = 0;
    int64_t sum = 0;
  };

  // The version that is there at the timestamp, unless it has expired by `now_ms`.
  const Version* Find(const std::string& key, uint64_t at, uint64_t now_ms) const;
  kv::v1::PrewriteResponse Prewrite(const kv::v1::PrewriteRequest& request, uint64_t commit);

  std::map<std::string, std::vector<Version>> versions;  // Oldest first.
};

class TestWorld final : public KvNetwork, public pd::PdClient {
 public:
  static constexpr uint64_t kClusterId = 77;

  // What becomes of a command.
  enum class Fate { kArrives, kLost, kReplyLost, kUnknown };

  struct Region {
    meta::v1::Region meta;
    uint64_t leader_store = 0;  // 0: nobody leads.
  };

  // Regions 1, 2, ... between the borders, each with peers on stores 1 to 3: peer 100 * region +
  // store. Store (region - 1) % 3 + 1 leads.
  explicit TestWorld(const std::vector<std::string>& borders = {});

  void Call(const std::string& address, kv::v1::Command command, absl::Duration timeout,
            Done done) override;

  void Tso(pd::v1::TsoRequest request, pd::Done<pd::v1::TsoResponse> done) override;
  void GetRegionByKey(pd::v1::GetRegionByKeyRequest request,
                      pd::Done<pd::v1::GetRegionByKeyResponse> done) override;

  void StoreHeartbeat(pd::v1::StoreHeartbeatRequest,
                      pd::Done<pd::v1::StoreHeartbeatResponse>) override {}

  void RegionHeartbeat(pd::v1::RegionHeartbeatRequest,
                       pd::Done<pd::v1::RegionHeartbeatResponse>) override {}

  void ScanRegions(pd::v1::ScanRegionsRequest, pd::Done<pd::v1::ScanRegionsResponse>) override {}

  void AllocId(pd::v1::AllocIdRequest, pd::Done<pd::v1::AllocIdResponse>) override {}

  // Cuts the region of `key` there; the right part is a new region, led by the same store.
  void Split(const std::string& key);

  Region& RegionOf(std::string_view key);

  static std::string AddressOf(uint64_t store_id) { return "store-" + std::to_string(store_id); }

  TestTime time;
  TestData data;
  std::vector<Region> regions;  // In order of keys.

  // Asked for each command that is sent.
  std::function<Fate(const std::string& address, const kv::v1::Command& command)> fate;
  // Asked for each command that arrives at a store; a refusal takes the store's place.
  std::function<std::optional<errors::v1::RegionError>(uint64_t store_id,
                                                       const kv::v1::Command& command)>
      refuse;
  std::map<uint64_t, bool> is_down;           // By store.
  std::map<std::string, uint64_t> listeners;  // Stores by address.
  bool is_pd_down = false;
  bool is_pd_silent = false;                        // It takes requests and does not answer.
  bool tells_epoch = true;                          // Refusals for the epoch name the regions.
  uint64_t cluster_id = kClusterId;                 // Of the placement driver.
  int64_t driver_ahead_ms = 0;                      // Of everybody else's clock.
  std::optional<std::vector<Region>> stale_routes;  // What the placement driver believes.
  uint32_t rows_per_page = 1000;

  int commands = 0;  // Sent.
  int tso_calls = 0;
  int route_calls = 0;
  uint64_t last_timestamp = 0;

 private:
  static constexpr absl::Duration kLatency = absl::Microseconds(500);

  kv::v1::CommandResult Serve(uint64_t store_id, const kv::v1::Command& command);
  std::optional<errors::v1::RegionError> Check(uint64_t store_id, const kv::v1::Context& context,
                                               const std::vector<std::string>& keys);
  kv::v1::ScanResponse Scan(const kv::v1::ScanRequest& request);
  uint64_t NextTimestamp();
  uint64_t DriverMillis();
  const TestData::Version* Find(const std::string& key, uint64_t at);

  uint64_t next_region_ = 1;
};

}  // namespace nokv::client
