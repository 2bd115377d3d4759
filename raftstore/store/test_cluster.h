// For tests: three stores on disks in memory, one thread, and messages that the test may lose.
//
// Thread-safety: none.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/random.h"
#include "engine/db.h"
#include "engine/vfs/mem_file_system.h"
#include "pd/client/pd_client.h"
#include "raftstore/raft/raft.h"
#include "raftstore/store/store.h"

#include <catch2/catch.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nokv::store {

inline constexpr uint64_t kCluster = 77;

// The placement driver as a store sees it: timestamps that rise, and a list of what it was told.
class FakePd final : public pd::PdClient {
 public:
  // `next` is the timestamp to draw next: all stores share it.
  FakePd(Executor& executor, uint64_t& next) : executor_(executor), next_(next) {}

  void Tso(pd::v1::TsoRequest request, pd::Done<pd::v1::TsoResponse> done) override {
    tso_calls.push_back(request.count());
    if (is_away) return Later([done] { done(UnavailableError("the driver is away")); });
    if (is_held) {
      held.push_back([this, request, done] { Answer(request, done); });
      return;
    }
    Answer(request, done);
  }

  void StoreHeartbeat(pd::v1::StoreHeartbeatRequest request,
                      pd::Done<pd::v1::StoreHeartbeatResponse> done) override {
    store_heartbeats.push_back(request);
    if (is_away) return Later([done] { done(UnavailableError("the driver is away")); });
    Later([done, reply = store_reply] { done(reply); });
  }

  void RegionHeartbeat(pd::v1::RegionHeartbeatRequest request,
                       pd::Done<pd::v1::RegionHeartbeatResponse> done) override {
    pd::v1::RegionHeartbeatResponse reply;
    for (const pd::v1::RegionReport& report : request.reports()) {
      reports.push_back(report);
      pd::v1::RegionOutcome& outcome = *reply.add_outcomes();
      outcome.set_region_id(report.region().id());
      if (region_refusal.empty()) {
        outcome.mutable_applied();
      } else {
        outcome.mutable_refused()->set_message(region_refusal);
      }
    }
    Later([done, reply] { done(reply); });
  }

  void GetRegionByKey(pd::v1::GetRegionByKeyRequest,
                      pd::Done<pd::v1::GetRegionByKeyResponse>) override {}

  void ScanRegions(pd::v1::ScanRegionsRequest, pd::Done<pd::v1::ScanRegionsResponse>) override {}

  void AllocId(pd::v1::AllocIdRequest, pd::Done<pd::v1::AllocIdResponse>) override {}

  bool is_away = false;
  bool is_held = false;  // Timestamps are answered by what stands in `held`.
  std::vector<std::function<void()>> held;
  std::vector<uint32_t> tso_calls;
  std::vector<pd::v1::StoreHeartbeatRequest> store_heartbeats;
  std::vector<pd::v1::RegionReport> reports;
  pd::v1::StoreHeartbeatResponse store_reply;
  std::string region_refusal;  // Empty: regions are as the driver knows them.

 private:
  void Answer(const pd::v1::TsoRequest& request, const pd::Done<pd::v1::TsoResponse>& done) {
    pd::v1::TsoResponse reply;
    reply.set_count(request.count());
    reply.set_first_timestamp(next_);
    next_ += request.count();
    Later([done, reply] { done(reply); });
  }

  void Later(std::function<void()> task) { executor_.Submit(Priority::kHigh, std::move(task)); }

  Executor& executor_;
  uint64_t& next_;
};

// What came of a command.
struct Reply {
  std::optional<absl::StatusOr<kv::v1::CommandResult>> answer;

  bool is_there() const { return answer.has_value(); }

  const kv::v1::CommandResult& result() const {
    REQUIRE(is_there());
    INFO(answer->status().ToString());
    REQUIRE(answer->ok());
    return **answer;
  }

  const kv::v1::PrewriteResponse& prewrite() const { return result().prewrite(); }

  const kv::v1::GetResponse& get() const { return result().get(); }
};

using ReplyPtr = std::shared_ptr<Reply>;

class TestCluster {
 public:
  struct Node {
    std::shared_ptr<vfs::MemFileSystem> disk = std::make_shared<vfs::MemFileSystem>();
    ManualExecutor executor;  // Of the engine.
    ManualExecutor loop;
    std::unique_ptr<FakePd> pd;
    std::unique_ptr<DB> db;
    std::unique_ptr<Store> store;
    absl::Status failure;
    std::vector<std::string> alarms;
    bool is_driver_away = false;  // When the store is opened.
    DiskSpace space = {.capacity_bytes = uint64_t{1} << 40, .available_bytes = uint64_t{1} << 39};
  };

  static region::RegionMeta Region(region::RegionId id, std::string start, std::string end) {
    return {.id = id,
            .start = std::move(start),
            .end = std::move(end),
            .peers = {{id * 10 + 1, 1, region::PeerRole::kVoter},
                      {id * 10 + 2, 2, region::PeerRole::kVoter},
                      {id * 10 + 3, 3, region::PeerRole::kVoter}}};
  }

  explicit TestCluster(std::vector<region::RegionMeta> regions = {Region(1, "", "")},
                       Options options = {})
      : regions_(std::move(regions)), options_(std::move(options)) {
    for (transport::StoreId id = 1; id <= 3; ++id) {
      nodes_[id] = std::make_unique<Node>();
      Open(id);
    }
  }

  ~TestCluster() {
    for (auto& [id, node] : nodes_) Stop(id);
  }

  Node& node(transport::StoreId id) { return *nodes_.at(id); }

  FakePd& pd(transport::StoreId id) { return *node(id).pd; }

  void Open(transport::StoreId id) { Open(id, regions_); }

  // Without bootstrapping anything.
  void OpenWithout(transport::StoreId id) { Open(id, {}); }

  void Open(transport::StoreId id, const std::vector<region::RegionMeta>& regions) {
    Node& node = *nodes_.at(id);
    nokv::Options engine;
    engine.directory = "/store";
    engine.groups = true;
    engine.background_work = false;
    engine.reserve_bytes = 0;
    engine.segment_bytes_max = 1 << 20;
    engine.memory_bytes = 4 << 20;
    engine.environment = {node.disk.get(), &clock_, &node.executor};
    auto db = DB::Open(engine);
    INFO(db.status().ToString());
    REQUIRE(db.ok());
    node.db = *std::move(db);
    node.pd = std::make_unique<FakePd>(node.loop, next_timestamp_);
    node.pd->is_away = node.is_driver_away;
    auto store = TryOpen(id, options_);
    INFO(store.status().ToString());
    REQUIRE(store.ok());
    node.store = *std::move(store);
    for (const region::RegionMeta& region : regions) REQUIRE(node.store->Bootstrap(region).ok());
    node.store->Start();
    node.loop.RunUntilIdle();  // A new store is admitted.
  }

  absl::StatusOr<std::unique_ptr<Store>> TryOpen(transport::StoreId id, Options options) {
    Node& node = *nodes_.at(id);
    options.cluster_id = options.cluster_id == 0 ? kCluster : options.cluster_id;
    options.store_id = options.store_id == 0 ? id : options.store_id;
    return Store::Open(
        options, {.db = *node.db,
                  .loop = node.loop,
                  .clock = clock_,
                  .random = random_,
                  .pd = *node.pd,
                  .send =
                      [this, id](transport::StoreId to, auto envelopes) {
                        wire_.push_back({id, to, std::move(envelopes)});
                      },
                  .disk = [&node] { return node.space; },
                  .on_alarm = [&node](const std::string& text) { node.alarms.push_back(text); },
                  .on_failure = [&node](const absl::Status& why) { node.failure = why; }});
  }

  // The process is gone; what it wrote is there.
  void Stop(transport::StoreId id) {
    Node& node = *nodes_.at(id);
    node.store.reset();
    node.loop.Clear();
    node.db.reset();
    node.executor.Clear();
    node.pd.reset();
    std::erase_if(wire_, [id](const Batch& batch) { return batch.from == id || batch.to == id; });
  }

  // The process dies and with it, at a power cut, everything that was not synced.
  void Kill(transport::StoreId id, bool is_power_cut) {
    Node& node = *nodes_.at(id);
    std::shared_ptr<vfs::MemFileSystem> left(node.disk->Clone());
    Stop(id);
    node.disk = std::move(left);
    if (is_power_cut) {
      node.disk->PowerCut(random_, vfs::PowerCutMode::kKeepNothing);
    } else {
      node.disk->KillProcess();
    }
  }

  // Nothing goes from or to the store.
  // Store 1 is told by a leader on store 2 that these bytes are the region's first entry, and that
  // it is committed.
  void CommitFirst(const region::RegionMeta& region, const std::string& entry) {
    constexpr raft::Term kTerm = 50;
    constexpr raft::Index kIndex = raft::kBootstrapIndex + 1;
    raft::Message message{.type = raft::MessageType::kAppend,
                          .from = region.peers[1].id,
                          .to = region.peers[0].id,
                          .term = kTerm,
                          .log_index = raft::kBootstrapIndex,
                          .log_term = raft::kBootstrapTerm,
                          .commit = kIndex};
    message.entries.push_back({kIndex, kTerm, raft::EntryKind::kData, raft::Payload(entry)});
    node(1).store->OnMessages(
        2, {{.region = region.id,
             .epoch = {.conf_version = region.epoch.conf_version, .version = region.epoch.version},
             .region_hash = region::HashOf(region),
             .message = std::move(message)}});
    Settle();
  }

  void Isolate(transport::StoreId id) { isolated_.insert(id); }

  void Rejoin(transport::StoreId id) { isolated_.erase(id); }

  // The store's disk does nothing until it thaws.
  void Freeze(transport::StoreId id) { frozen_.insert(id); }

  void Thaw(transport::StoreId id) { frozen_.erase(id); }

  // Messages for which it answers true are lost.
  using Loss = std::function<bool(transport::StoreId from, transport::StoreId to,
                                  const raft::Message& message)>;

  void Lose(Loss loss) { loss_ = std::move(loss); }

  // Whatever can happen without time.
  void Settle() {
    for (bool is_busy = true; is_busy;) {
      is_busy = false;
      for (auto& [id, node] : nodes_) {
        while (node->loop.RunOne() || (!frozen_.contains(id) && node->executor.RunOne())) {
          is_busy = true;
        }
      }
      while (!wire_.empty()) {
        Batch batch = std::move(wire_.front());
        wire_.pop_front();
        is_busy = true;
        Deliver(std::move(batch));
      }
    }
  }

  void Pass(absl::Duration duration) {
    const absl::Duration step = absl::Milliseconds(20);
    for (absl::Duration passed; passed < duration; passed += step) {
      clock_.Advance(step);
      for (auto& [id, node] : nodes_) {
        if (node->store != nullptr) node->store->Tick();
      }
      Settle();
    }
  }

  std::optional<PeerStatus> StatusOf(transport::StoreId id, region::RegionId region) {
    if (node(id).store == nullptr) return std::nullopt;
    std::optional<PeerStatus> found;
    node(id).store->Inspect([&](const Report& report) {
      for (const PeerStatus& peer : report.peers) {
        if (peer.region.id == region) found = peer;
      }
    });
    node(id).loop.RunUntilIdle();
    return found;
  }

  Report ReportOf(transport::StoreId id) {
    Report found;
    node(id).store->Inspect([&](const Report& report) { found = report; });
    node(id).loop.RunUntilIdle();
    return found;
  }

  Statistics StatisticsOf(transport::StoreId id) { return ReportOf(id).statistics; }

  // A store, of those that are not cut off, that leads and may evaluate. Waits for an election.
  transport::StoreId Leader(region::RegionId region = 1) {
    for (int i = 0; i < 500; ++i) {
      for (auto& [id, node] : nodes_) {
        if (isolated_.contains(id)) continue;
        const std::optional<PeerStatus> status = StatusOf(id, region);
        if (status.has_value() && status->may_evaluate) return id;
      }
      Pass(absl::Milliseconds(20));
    }
    FAIL("nobody leads region " << region);
    return 0;
  }

  // --- Commands.

  kv::v1::Context ContextFor(transport::StoreId id, region::RegionId region = 1) const {
    kv::v1::Context context;
    context.set_cluster_id(kCluster);
    context.set_region_id(region);
    context.mutable_epoch()->set_version(1);
    context.mutable_epoch()->set_conf_version(1);
    context.mutable_peer()->set_id(region * 10 + id);
    context.mutable_peer()->set_store_id(id);
    return context;
  }

  ReplyPtr Submit(transport::StoreId id, kv::v1::Command command) {
    auto reply = std::make_shared<Reply>();
    command.set_id(++last_command_);
    node(id).store->Submit(std::move(command),
                           [reply](absl::StatusOr<kv::v1::CommandResult> answer) {
                             REQUIRE_FALSE(reply->is_there());
                             reply->answer = std::move(answer);
                           });
    return reply;
  }

  kv::v1::Command PutCommand(transport::StoreId id, std::string_view key, std::string_view value,
                             uint64_t start, region::RegionId region = 1) const {
    kv::v1::Command command;
    kv::v1::PrewriteRequest& prewrite = *command.mutable_prewrite();
    *prewrite.mutable_context() = ContextFor(id, region);
    kv::v1::Mutation& mutation = *prewrite.add_mutations();
    mutation.set_kind(kv::v1::MUTATION_KIND_PUT);
    mutation.set_key(key.data(), key.size());
    mutation.set_value(value.data(), value.size());
    prewrite.set_start_ts(start);
    prewrite.set_is_one_phase(true);
    return command;
  }

  kv::v1::Command GetCommand(transport::StoreId id, std::string_view key, uint64_t at,
                             region::RegionId region = 1) const {
    kv::v1::Command command;
    *command.mutable_get()->mutable_context() = ContextFor(id, region);
    command.mutable_get()->set_key(key.data(), key.size());
    command.mutable_get()->set_read_ts(at);
    return command;
  }

  uint64_t DrawTimestamp() { return next_timestamp_++; }

  kv::v1::Command AddCommand(transport::StoreId id, std::string_view key, int64_t delta,
                             uint64_t start) const {
    kv::v1::Command command = PutCommand(id, key, "", start);
    kv::v1::Mutation& mutation = *command.mutable_prewrite()->mutable_mutations(0);
    mutation.set_kind(kv::v1::MUTATION_KIND_ADD);
    mutation.set_delta(delta);
    mutation.set_add_header("h");
    command.mutable_prewrite()->set_is_blind(true);
    return command;
  }

  ReplyPtr Put(transport::StoreId id, std::string_view key, std::string_view value) {
    return Submit(id, PutCommand(id, key, value, DrawTimestamp()));
  }

  ReplyPtr Get(transport::StoreId id, std::string_view key, uint64_t at = UINT64_MAX) {
    return Submit(id, GetCommand(id, key, at));
  }

  // A put that must succeed.
  uint64_t MustPut(std::string_view key, std::string_view value) {
    const transport::StoreId leader = Leader();
    const ReplyPtr reply = Put(leader, key, value);
    Settle();
    INFO(reply->result().ShortDebugString());
    REQUIRE(reply->prewrite().has_done());
    return reply->prewrite().done().one_phase_commit_ts();
  }

  // The newest value, or nothing.
  std::optional<std::string> MustGet(std::string_view key) {
    const transport::StoreId leader = Leader();
    const ReplyPtr reply = Get(leader, key);
    Settle();
    INFO(reply->result().ShortDebugString());
    if (reply->get().has_not_found()) return std::nullopt;
    REQUIRE(reply->get().has_found());
    return reply->get().found().value();
  }

  uint64_t& next_timestamp() { return next_timestamp_; }

  ManualClock& clock() { return clock_; }

  Random& random() { return random_; }

  // The rows of a store's families of data, as text.
  std::string DataOf(transport::StoreId id) {
    std::string text;
    for (const char* family : {"default", "lock", "write"}) {
      IteratorOptions options;
      options.column_family = *node(id).db->FindColumnFamily(family);
      const std::unique_ptr<Iterator> rows = node(id).db->NewIterator(options);
      for (rows->SeekToFirst(); rows->Valid(); rows->Next()) {
        text += fmt::format("{} {}={}\n", family, rows->key(), rows->value());
      }
      REQUIRE(rows->status().ok());
    }
    return text;
  }

 private:
  struct Batch {
    transport::StoreId from = 0;
    transport::StoreId to = 0;
    std::vector<transport::Envelope> envelopes;
  };

  void Deliver(Batch batch) {
    if (isolated_.contains(batch.from) || isolated_.contains(batch.to)) return;
    if (nodes_.at(batch.to)->store == nullptr) return;
    std::erase_if(batch.envelopes, [&](const transport::Envelope& envelope) {
      return loss_ != nullptr && loss_(batch.from, batch.to, envelope.message);
    });
    if (batch.envelopes.empty()) return;
    nodes_.at(batch.to)->store->OnMessages(batch.from, std::move(batch.envelopes));
  }

  const std::vector<region::RegionMeta> regions_;
  const Options options_;
  ManualClock clock_;
  Random random_{1};
  std::map<transport::StoreId, std::unique_ptr<Node>> nodes_;
  std::deque<Batch> wire_;
  std::set<transport::StoreId> isolated_;
  std::set<transport::StoreId> frozen_;
  Loss loss_;
  uint64_t next_timestamp_ = uint64_t{1'700'000'000'000} << 18;
  uint64_t last_command_ = 0;
};

// Has regions 1 and 2 led by one store, and says by which.
inline transport::StoreId LeaderOfBoth(TestCluster& cluster) {
  const transport::StoreId first = cluster.Leader(1);
  const transport::StoreId second = cluster.Leader(2);
  if (first == second) return first;
  pd::v1::StoreHeartbeatResponse& reply = cluster.pd(second).store_reply;
  pd::v1::Order& order = *reply.add_orders();
  order.set_region_id(2);
  order.mutable_epoch()->set_version(1);
  order.mutable_epoch()->set_conf_version(1);
  order.mutable_transfer_leader()->mutable_to()->set_id(20 + first);
  cluster.Pass(absl::Seconds(2));
  reply.clear_orders();
  REQUIRE(cluster.Leader(2) == first);
  return first;
}

}  // namespace nokv::store
